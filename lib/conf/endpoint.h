/*
 * "address:port" or "unix:/path", where a service listens. Pure, fuzzed.
 */
#ifndef LIB_CONF_ENDPOINT_H
#define LIB_CONF_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/span.h"

/* bytes of a Unix socket's name, unix(7) */
#define CONF_SOCKET_MAX 107

struct conf_endpoint {
	int family; /* AF_INET, AF_INET6; AF_UNSPEC for `*`; AF_UNIX */
	char host[INET6_ADDRSTRLEN];    /* no brackets; "" for `*` */
	uint16_t port;                  /* 0: the kernel chooses */
	char path[CONF_SOCKET_MAX + 1]; /* of AF_UNIX; else "" */
};

/*
 * `*:25`, `192.0.2.1:25`, `[2001:db8::1]:25` or `unix:/run/x`, and nothing
 * else: no names, no zone indexes. False, with *out unchanged, otherwise.
 */
bool conf_endpoint_parse(struct span text, struct conf_endpoint *out);

#endif

/*
 * "address:port", where a service listens. Pure, fuzzed.
 */
#ifndef LIB_CONF_ENDPOINT_H
#define LIB_CONF_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/span.h"

struct conf_endpoint {
	int family;                  /* AF_INET, AF_INET6; AF_UNSPEC for `*` */
	char host[INET6_ADDRSTRLEN]; /* no brackets; "" for `*` */
	uint16_t port;               /* 0: the kernel chooses */
};

/*
 * `*:25`, `192.0.2.1:25` or `[2001:db8::1]:25`, and nothing else: no names,
 * no zone indexes. False, with *out unchanged, otherwise.
 */
bool conf_endpoint_parse(struct span text, struct conf_endpoint *out);

#endif

/*
 * IP networks: "192.0.2.0/24", "2001:db8::/32", or one address. An IPv4
 * address is the same as that address mapped to IPv6 (RFC 4291 2.5.5.2). Pure.
 */
#ifndef LIB_BASE_NETWORK_H
#define LIB_BASE_NETWORK_H

#include <stdint.h>

#include "lib/base/span.h"

struct network {
	uint8_t address[16];
	unsigned bits; /* of the 128 that count; 96 more than IPv4 writes */
};

/*
 * False: s is none, has bits set behind those that count, or is written in
 * another way than inet_pton(3) takes.
 */
bool network_parse(struct span s, struct network *out);

/* The 16 octets of one address; false when it is none. */
bool network_address(struct span s, uint8_t out[16]);

bool network_has(const struct network *n, const uint8_t address[16]);

/* Is it in one of these, each as network_parse() takes it? */
bool network_any(char *const *list, size_t n, const uint8_t address[16]);

/*
 * What one client of that address can have as its own: an IPv4 address whole,
 * of IPv6 the first 64 bits.
 */
void network_client(const uint8_t address[16], struct network *out);

#endif

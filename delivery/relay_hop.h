/*
 * Where a job may be brought: addresses in the order in which they are tried
 * (RFC 5321 5.1). Pure.
 */
#ifndef DELIVERY_RELAY_HOP_H
#define DELIVERY_RELAY_HOP_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/base/why.h"
#include "lib/base/span.h"

#define RELAY_HOPS_MAX    200
#define RELAY_HOST_MAX    256
#define RELAY_HOSTS_BYTES 16384 /* of several, with their ports */

struct relay_hop {
	uint32_t preference;
	uint32_t chance; /* of its host */
	char host[RELAY_HOST_MAX];
	size_t n; /* 4, 16; 0: the host has no address */
	uint8_t address[16];
};

struct relay_hops {
	size_t n;
	struct relay_hop v[RELAY_HOPS_MAX];
};

/* One more; what is too much, or no address, is left out. */
void relay_hop_add(struct relay_hops *h, uint32_t preference, struct span host,
    struct span address);
/*
 * This host, or no host at all: loopback, unspecified, multicast. The DNS of
 * strangers shall not lead us there.
 */
bool relay_hop_inward(struct span address);
/* "[192.0.2.1]", "[IPv6:2001:db8::1]": the one hop. False: it is none. */
bool relay_hop_literal(struct relay_hops *h, struct span text);
/*
 * Best preference first; the hosts of one preference in an order made from
 * `seed`; a host's addresses by turns of IPv6 and IPv4. `self` and all that
 * are no better are left out, and hosts without an address. RC_PERM 5.4.6:
 * nobody is better than `self`, the message would come back.
 */
enum rc relay_hop_order(
    struct relay_hops *h, const char *self, uint32_t seed, struct why *why);
/* Its socket address; the length. */
socklen_t relay_hop_address(
    const struct relay_hop *hop, uint16_t port, struct sockaddr_storage *out);

#endif

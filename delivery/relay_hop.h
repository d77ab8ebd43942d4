/*
 * Where a job may be brought: addresses in the order in which they are tried
 * (RFC 5321 5.1). Pure.
 */
#ifndef DELIVERY_RELAY_HOP_H
#define DELIVERY_RELAY_HOP_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/base/why.h"
#include "lib/proto/proto.h"
#include "lib/tls/client.h"

#define RELAY_HOPS_MAX    200
#define RELAY_HOST_MAX    256
#define RELAY_HOSTS_BYTES 16384 /* of several, with their ports */
#define RELAY_TLSA_MAX    320   /* of all hosts together */
#define RELAY_TLSA_HOST   16    /* of one */

struct relay_hop {
	uint32_t preference;
	uint32_t chance; /* of its host */
	char host[RELAY_HOST_MAX];
	size_t n; /* 4, 16; 0: the host has no address */
	uint8_t address[16];
	enum dns_tlsa tlsa; /* of its host */
	bool unmet;         /* it is not what the sender requires */
};

/* A record for DANE; its texts are its own. */
struct relay_tlsa {
	char *host;
	char *base;
	char *data;
	struct tls_client_tlsa record;
};

struct relay_hops {
	bool secure; /* that they are the domain's is validated */
	size_t n;
	struct relay_hop v[RELAY_HOPS_MAX];
	size_t n_tlsa;
	struct relay_tlsa tlsa[RELAY_TLSA_MAX];
};

/* Empty it, of all that it has taken; accepts NULL. */
void relay_hop_clear(struct relay_hops *h);
/* One more; what is too much, or no address, is left out. */
void relay_hop_add(struct relay_hops *h, const struct msg_dns_address *m);
/* Likewise a record of a host; copied. */
void relay_hop_add_tlsa(struct relay_hops *h, const struct msg_dns_tlsa *m);
/*
 * Whom the host of that hop has to be: its records, of `out` as many as the
 * result says, and the name that they are for in *base. Borrowed.
 */
size_t relay_hop_tlsa(const struct relay_hops *h, const struct relay_hop *hop,
    struct tls_client_tlsa out[RELAY_TLSA_HOST], const char **base);
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

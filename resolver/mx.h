/*
 * The hosts that take a domain's mail, and their addresses, as they are found
 * (RFC 5321 5.1). Bounded, whatever the DNS says. Pure, fuzzed.
 */
#ifndef RESOLVER_MX_H
#define RESOLVER_MX_H

#include "lib/base/why.h"
#include "resolver/packet.h"

#define MX_HOSTS_MAX     20 /* the best are kept */
#define MX_ADDRESSES_MAX 8  /* of one kind and host */

struct mx_addresses {
	bool failed; /* could not be asked for now */
	size_t n;
	uint8_t v[MX_ADDRESSES_MAX][16];
};

struct mx_host {
	uint32_t preference;
	char name[PACKET_NAME_MAX];
	struct mx_addresses ip6;
	struct mx_addresses ip4; /* 4 bytes each */
	/* where its TLSA are: the name behind its aliases (RFC 7672 2.2.2) */
	char base[PACKET_NAME_MAX];
};

struct mx {
	bool listed; /* by MX records; else the one host is the name itself */
	size_t n;
	struct mx_host v[MX_HOSTS_MAX];
};

/*
 * Begin with what MX records were found for `name`: best first, each host
 * once; without any the name itself (implicit MX). RC_PERM 5.1.10: the domain
 * says that it takes no mail (RFC 7505); 5.1.2: there is no such domain.
 */
enum rc mx_hosts(
    struct mx *mx, struct span name, const struct packet *p, struct why *why);
/* Begin with the one host `name`. */
void mx_host(struct mx *mx, struct span name);
/* Put the answer (NULL: there was none) about a host's addresses in. */
void mx_add(
    struct mx *mx, size_t host, enum packet_type type, const struct packet *p);
/*
 * RC_OK: there is an address. RC_TEMP 4.4.3: perhaps later. RC_PERM: none,
 * 5.1.2 for a name without MX, 5.4.4 for the hosts of an MX.
 */
enum rc mx_result(const struct mx *mx, struct span name, struct why *why);

#endif

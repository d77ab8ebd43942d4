/*
 * What a DNS answer says to one question, read from its bytes: the records at
 * the end of the chain of aliases (CNAME). Pure, fuzzed.
 */
#ifndef RESOLVER_PACKET_H
#define RESOLVER_PACKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/span.h"

#define PACKET_NAME_MAX    254 /* as text, with NUL; without a dot at the end */
#define PACKET_RECORDS_MAX 64  /* more are left out */

/* RFC 1035 3.2.2, RFC 3596 2.1 */
enum packet_type {
	PACKET_A = 1,
	PACKET_CNAME = 5,
	PACKET_SOA = 6,
	PACKET_MX = 15,
	PACKET_AAAA = 28,
	PACKET_TLSA = 52, /* RFC 6698 7.1 */
};

/* RFC 1035 4.1.1 */
enum packet_rcode {
	PACKET_NOERROR = 0,
	PACKET_NXDOMAIN = 3,
};

struct packet_record {
	uint16_t preference;        /* MX */
	char host[PACKET_NAME_MAX]; /* MX, in lower case; "" for the root */
	uint8_t address[16];        /* A (4 bytes), AAAA */
	uint8_t usage, selector, matching; /* TLSA, and its: */
	struct span data;                  /* borrowed from the answer */
};

struct packet {
	unsigned rcode;
	uint32_t ttl; /* seconds, the least of all that was used; 0: unknown */
	char name[PACKET_NAME_MAX]; /* whose records they are, in lower case */
	size_t n;
	struct packet_record v[PACKET_RECORDS_MAX];
};

/*
 * Can the DNS be asked for this host? Letters, digits, hyphens, underscores;
 * labels of 1 to 63, 253 in all; no dot at the end, no address.
 */
bool packet_name_ok(struct span name);

/*
 * Records of `type` (A, AAAA, MX, TLSA) for `name`, or none. A record whose
 * host packet_name_ok() does not like is passed over; so is a record of no
 * sense. False when the bytes are no whole answer: *out is of no use then.
 */
bool packet_read(struct span bytes, struct span name, enum packet_type type,
    struct packet *out);

#endif

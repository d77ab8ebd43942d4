/*
 * What qmgr wants to know of the header of a message that goes on to another
 * host: how many it has passed (its Received fields, RFC 5321 6.3), and whether
 * TLS is not required (TLS-Required, RFC 8689 3). Pure, fuzzed.
 */
#ifndef QMGR_HOPS_H
#define QMGR_HOPS_H

#include "lib/base/span.h"

struct hops {
	size_t received; /* fields so far */
	bool tls_optional;
	bool in_tls; /* the field's value may come in the next line */
	bool ended;  /* the header's end, or what is no header */
	size_t n;    /* of the line under way, up to sizeof(line) */
	char line[32];
};

/* The next piece of the message; {0} before the first. */
void hops_feed(struct hops *h, struct span piece);

#endif

/*
 * A set of names, compared octet by octet: who is in a transaction twice, what
 * has ended while the queue was listed.
 */
#ifndef QMGR_NAMESET_H
#define QMGR_NAMESET_H

#include "lib/base/buf.h"

struct nameset {
	size_t n;
	size_t n_slots;  /* a power of two, or 0 */
	uint32_t *slots; /* offset + 1 in text; 0: free */
	struct buf text; /* each name with NUL behind it */
};

/* Names with more than `max` bytes in all are not kept. */
void nameset_init(struct nameset *s, size_t max);
void nameset_fini(struct nameset *s);
/* True: it was not there (and is now, if there was room). */
bool nameset_add(struct nameset *s, struct span name);
bool nameset_has(const struct nameset *s, struct span name);

#endif

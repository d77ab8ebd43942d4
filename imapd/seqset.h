/*
 * Sequence sets (RFC 3501 section 9) as ranges in ascending order, none
 * touching another: of message sequence numbers or of UIDs. Pure, fuzzed.
 */
#ifndef IMAPD_SEQSET_H
#define IMAPD_SEQSET_H

#include "lib/base/buf.h"

struct seqset_range {
	uint32_t from; /* at least 1 */
	uint32_t to;   /* included */
};

struct seqset {
	struct seqset_range *v;
	size_t n;
	size_t cap;
};

/* Room for nothing yet; seqset_fini() in any case. */
void seqset_init(struct seqset *s);
void seqset_fini(struct seqset *s);

/*
 * Take the text that parse_set() found right. `*` is `last`, the largest
 * number there is (0: there is none, and `*` stands for nothing).
 */
void seqset_parse(struct seqset *s, struct span text, uint32_t last);

/* Add one that is larger than all there are. */
void seqset_add(struct seqset *s, uint32_t n);
bool seqset_has(const struct seqset *s, uint32_t n);
/* The least number of the set that is at least n; 0: none. */
uint32_t seqset_next(const struct seqset *s, uint32_t n);
/* Largest number; 0 when it is empty. */
uint32_t seqset_last(const struct seqset *s);
/* Append "1:3,7"; nothing when it is empty. */
void seqset_put(const struct seqset *s, struct buf *b);

#endif

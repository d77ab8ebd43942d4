/*
 * Does a message answer a SEARCH? Store thread only; blocks.
 */
#ifndef IMAPD_MATCH_H
#define IMAPD_MATCH_H

#include "imapd/content.h"
#include "imapd/criteria.h"
#include "imapd/seqset.h"
#include "imapd/view.h"

struct match {
	const struct criteria *criteria;
	struct seqset *sets; /* beside the keys: those of SET and UID */
	const struct view *view;
	struct cache *cache;
	struct content content;
	struct buf text; /* what is searched in, folded */
	struct buf raw;
	bool failed; /* a message could not be read: it did not match */
	struct why why;
};

/* All arguments are borrowed. */
void match_init(struct match *m, const struct criteria *criteria,
    const struct view *view, struct cache *cache);
void match_fini(struct match *m);
bool match_message(struct match *m, uint32_t seq, struct maildir_message *msg);

#endif

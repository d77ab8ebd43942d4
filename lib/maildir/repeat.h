/*
 * What earlier attempts at a delivery left in a mailbox, told by names and
 * sizes: the rules are in deliver.h. Reads only, and flushes what it finds.
 */
#ifndef LIB_MAILDIR_REPEAT_H
#define LIB_MAILDIR_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/maildir/durable.h"
#include "lib/maildir/place.h"

#define MAILDIR_REPEAT_BASE_MAX 98 /* with the attempt's number */
#define MAILDIR_REPEAT_LAST     9

struct maildir_repeat {
	char base[MAILDIR_REPEAT_BASE_MAX + 1]; /* of the first attempt */
	/* found: */
	bool whole;
	char name[256]; /* of the whole one */
	uint64_t size;
	unsigned torn; /* bit n: something not whole has attempt n's base */
};

/* Set base. RC_TEMP when the queue ID is too long for one. */
enum rc maildir_repeat_init(
    struct maildir_repeat *r, struct span qid, uint32_t rcpt, struct why *why);

/*
 * Search new/, then cur/, since that is the way files move. A whole one has
 * been made durable on return. RC_TEMP when it cannot be known. Memory does
 * not grow with the folder; blocking.
 */
enum rc maildir_repeat_find(struct maildir_repeat *r, const struct durable *d,
    const struct maildir_folders *f, struct why *why);

#endif

/*
 * Flags of a message as bits: the letters behind ":2," in its file's name.
 * Capitals are Maildir's own; `a` to `z` are keywords, whose names are in the
 * mailbox's text file (state.h). Pure, fuzzed.
 */
#ifndef LIB_MAILDIR_FLAGS_H
#define LIB_MAILDIR_FLAGS_H

#include <stdint.h>

#include "lib/base/buf.h"

enum maildir_flag {
	MAILDIR_DRAFT = 1 << 0,   /* D */
	MAILDIR_FLAGGED = 1 << 1, /* F */
	MAILDIR_PASSED = 1 << 2,  /* P: forwarded */
	MAILDIR_REPLIED = 1 << 3, /* R */
	MAILDIR_SEEN = 1 << 4,    /* S */
	MAILDIR_TRASHED = 1 << 5, /* T */
};

#define MAILDIR_KEYWORDS     26
#define MAILDIR_KEYWORD(i)   (UINT32_C(1) << (6 + (i))) /* i from 0 */
#define MAILDIR_KEYWORD_BITS (~UINT32_C(0x3f))

/* Letters to bits; what is none of them is passed over. */
uint32_t maildir_flags_parse(struct span letters);
/*
 * Bits to letters in ASCII order, as Maildir wants them; capitals of `old`
 * that mean nothing to us stay.
 */
void maildir_flags_put(struct buf *b, uint32_t flags, struct span old);

#endif

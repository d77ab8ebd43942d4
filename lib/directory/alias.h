/*
 * The aliases file, one entry after the other. Private to lib/directory.
 *
 *   joe@example.org: jim, ann@example.net
 *   team: joe, jim@example.org
 *   @example.org: joe
 *
 * "local@domain:" is one address, "local:" that name in every local domain,
 * "@domain:" who gets the mail to unknown names there. A target without '@'
 * is at the same domain. Lines that begin with white space continue the entry
 * before; empty lines and those with a '#' in front are comments. Programs
 * and files as targets are refused. Pure, fuzzed.
 */
#ifndef LIB_DIRECTORY_ALIAS_H
#define LIB_DIRECTORY_ALIAS_H

#include "lib/base/buf.h"
#include "lib/base/why.h"

enum alias_kind {
	ALIAS_ADDRESS, /* name: local@domain */
	ALIAS_LOCAL,   /* name: local */
	ALIAS_DOMAIN,  /* name: domain */
};

#define ALIAS_ENTRY_MAX (4U << 20) /* bytes of one entry */

struct alias {
	enum alias_kind kind;
	unsigned line;      /* where it begins */
	struct buf name;    /* canonical */
	struct buf targets; /* canonical, LF between; without '@' (the same
			       domain) only in an ALIAS_LOCAL */
	struct buf text;    /* scratch */
};

void alias_init(struct alias *a);
void alias_fini(struct alias *a);

struct alias_input {
	struct span rest; /* not yet read */
	unsigned line;    /* lines read, from 0 on */
	enum rc rc;
};

/*
 * The next entry of in->rest, which is advanced behind it; *a has been
 * initialised and is replaced. False at the end of the text (in->rc RC_OK),
 * or when the entry is wrong: then in->rc is RC_PERM and why says "12: ...",
 * with the line of the mistake.
 */
bool alias_next(struct alias_input *in, struct alias *a, struct why *why);

#endif

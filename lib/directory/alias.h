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
 * before; empty lines and those with a '#' in front are comments. So far as
 * aliases(5) of other servers; ":include:/path" stands for the addresses in
 * that file; a backslash before a name changes nothing. A program
 * or a file (action.h) is a target where the caller allows it. Pure, fuzzed.
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
	bool actions; /* are targets, too; the caller's to set */
	bool shell;   /* may be needed for them; likewise */
	enum alias_kind kind;
	unsigned line;       /* where it begins */
	struct buf name;     /* canonical */
	struct buf targets;  /* canonical, LF between; an address without '@'
				(the same domain) only in an ALIAS_LOCAL */
	struct buf includes; /* "line:col /path" of each, LF behind it */
	bool bad;            /* the entry makes no sense; whose it is, the name
				tells, unless that is bad and empty, too */
	struct buf text;     /* scratch */
	struct span origin;  /* what is read: positions are in it */
	unsigned origin_line;
};

void alias_init(struct alias *a);
void alias_fini(struct alias *a);

struct alias_input {
	struct span rest; /* not yet read */
	unsigned line;    /* lines read, from 0 on */
};

/*
 * The next entry of in->rest, which is advanced behind it; *a has been
 * initialised and is replaced. False at the end of the text. When a->bad, why
 * says "12:7: ...", with line and column of the mistake (RC_PERM 5.3.5), and
 * the entry's targets are of no use.
 */
bool alias_next(struct alias_input *in, struct alias *a, struct why *why);

/*
 * Add the addresses of an included file to a->targets: on lines, with commas
 * between, and comments as above; nothing else. As above, a->bad is set by a
 * mistake.
 */
void alias_include(struct alias *a, struct span file, struct why *why);

/* The same of a user's ~/.forward, where an action may stand as well. */
void alias_forward(struct alias *a, struct span file, struct why *why);

#endif

/*
 * What a SEARCH asks for (RFC 3501 6.4.4), as a tree of keys in one array.
 * Pure, fuzzed.
 */
#ifndef IMAPD_CRITERIA_H
#define IMAPD_CRITERIA_H

#include "imapd/parse.h"

#define CRITERIA_MAX   1000 /* keys */
#define CRITERIA_DEPTH 50   /* in one another */

enum key_kind {
	KEY_ALL,
	KEY_AND,   /* all of its children */
	KEY_OR,    /* one of its two children */
	KEY_NOT,   /* not its child */
	KEY_SET,   /* sequence numbers, in `name` */
	KEY_UID,   /* UIDs, likewise */
	KEY_FLAGS, /* `bits` of flags.h are set, or are not */
	KEY_KEYWORD,
	KEY_RECENT,
	KEY_BEFORE, /* the file's date: days since 1970 */
	KEY_ON,
	KEY_SINCE,
	KEY_SENTBEFORE, /* that of the Date field */
	KEY_SENTON,
	KEY_SENTSINCE,
	KEY_LARGER,
	KEY_SMALLER,
	KEY_HEADER, /* field `name` holds `text` */
	KEY_BODY,
	KEY_TEXT,
};

struct key {
	enum key_kind kind;
	unsigned cost; /* 0: known, 1: from the cache, 2: the file is read */
	bool want;     /* FLAGS, KEYWORD, RECENT: set, or not set */
	uint32_t bits;
	struct span name; /* borrowed from the command */
	struct buf text;  /* folded: see criteria_fold() */
	int64_t day;
	uint64_t size;
	size_t child; /* 0: none, since the first key is nobody's child */
	size_t next;  /* of its parent's children; 0: none */
};

struct criteria {
	struct key *v; /* the first is an AND of all */
	size_t n;
	bool bad_charset; /* that is why it could not be parsed */
};

/*
 * Take "[CHARSET name] keys", to the end of the text. False: wrong, too many,
 * too deep. criteria_fini() in either case. Borrows from the text, and from
 * the parse.
 */
bool criteria_parse(struct criteria *c, struct parse *p);
void criteria_fini(struct criteria *c);

/* Append UTF-8 text in lower case, as it is compared. */
void criteria_fold(struct buf *b, struct span text);

#endif

/*
 * What a FETCH asks of each message (RFC 3501 6.4.5): fetch-att in the order
 * given. Pure, fuzzed.
 */
#ifndef IMAPD_ITEMS_H
#define IMAPD_ITEMS_H

#include "imapd/parse.h"
#include "lib/mime/section.h"

#define ITEMS_MAX 64

enum item_kind {
	ITEM_UID,
	ITEM_FLAGS,
	ITEM_INTERNALDATE,
	ITEM_SIZE,
	ITEM_ENVELOPE,
	ITEM_BODY,
	ITEM_STRUCTURE,
	ITEM_SECTION, /* BODY[...], RFC822 and the like */
};

struct item {
	enum item_kind kind;
	bool peek;    /* \Seen is not set */
	bool partial; /* <origin.n> */
	uint64_t origin;
	uint64_t n;
	bool cached;      /* HEADER.FIELDS that the cache has all of */
	struct buf label; /* as it stands in the answer: "BODY[1]<0>" */
	struct mime_section section;
};

struct items {
	struct item v[ITEMS_MAX];
	size_t n;
	unsigned kinds; /* bits of those there are */
};

/*
 * Take "ALL", "FAST", "FULL", one item or a list of them, to the end of the
 * text. False: it is none, or there are too many. items_fini() in either case.
 */
bool items_parse(struct items *items, struct parse *p);
/* Another item, if it is not there yet: UID, of UID FETCH. */
void items_add(struct items *items, enum item_kind kind);
void items_fini(struct items *items);

#endif

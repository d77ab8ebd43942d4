/*
 * Address lists (RFC 5322 3.4 and 4.4) in the pieces that ENVELOPE shows, one
 * at a time from unfolded text. Broken addresses degrade without losing those
 * around them: a bare word is a local part without domain, what stands behind
 * an address up to the comma is passed over, a ';' outside a group separates,
 * a group that is not closed ends with the text. Linear. Pure, fuzzed.
 */
#ifndef LIB_MIME_ADDRESS_H
#define LIB_MIME_ADDRESS_H

#include "lib/mime/lex.h"

enum mime_address_kind {
	MIME_MAILBOX,
	MIME_GROUP_START, /* its name is in `local` */
	MIME_GROUP_END,
};

struct mime_address {
	enum mime_address_kind kind;
	bool has_name; /* phrase, or else the last comment */
	struct span name;
	struct span route;  /* "@a,@b" of <@a,@b:c@d>, or empty */
	struct span local;  /* quoting taken off */
	struct span domain; /* empty when there is none */
};

struct mime_addresses {
	struct mime_lex lex;
	bool in_group;
	bool behind; /* an address: up to the separator nothing counts */
	struct buf phrase;
	struct buf run; /* words that may be a local part */
	struct buf route;
	struct buf local;
	struct buf domain;
};

/* The addresses in `text`, borrowed. */
void mime_addresses_init(struct mime_addresses *a, struct span text);
void mime_addresses_fini(struct mime_addresses *a);
/* The next one, borrowed until the next call; false at the end. */
bool mime_addresses_next(struct mime_addresses *a, struct mime_address *out);

#endif

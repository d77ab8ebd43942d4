/*
 * One IMAP connection before log-in: what lib/front does not know of it.
 */
#ifndef IMAPD_FRONT_H
#define IMAPD_FRONT_H

#include "imapd/input.h"
#include "imapd/parse.h"
#include "lib/front/front.h"

struct imap {
	struct front front; /* first: the library knows this one */
	struct input in;
	char tag[PARSE_TAG_MAX + 1]; /* of the command; "*": it has none */
};

/* What may be announced now, appended: the capabilities before log-in. */
void front_capabilities(const struct imap *p, struct buf *b);

/* For front_serve() and front_new(). */
extern const struct front_ops front_ops;

#endif

/*
 * The header of mail that this server writes itself: notices (bounce.h) and
 * letters (letter.h). Pure.
 */
#ifndef QMGR_HEADING_H
#define QMGR_HEADING_H

#include "lib/base/buf.h"

struct heading {
	const char *hostname; /* ours */
	const char *id;       /* queue ID */
	const char *to;       /* address */
	bool utf8;            /* it may be beyond ASCII, RFC 6532 */
	const char *subject;  /* a line of ASCII */
	bool reply;           /* to mail that came, RFC 3834 5 */
	uint64_t now_us;
};

/*
 * From Received to MIME-Version, CRLF, appended; the caller goes on with
 * Content-Type.
 */
void heading_put(struct buf *out, const struct heading *h);
/* What strangers said, as printable ASCII, so that it makes no line. */
void heading_put_plain(struct buf *out, struct span s);
/* The same, with UTF-8 left as it is if `utf8`. */
void heading_put_text(struct buf *out, struct span s, bool utf8);

#endif

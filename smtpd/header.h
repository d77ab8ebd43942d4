/*
 * The header of a message that its author submits, while it passes (RFC 6409
 * section 8): Bcc and Resent-Bcc are left out; From, Date and Message-ID are
 * added where they are missing; what From and Sender say is kept, since a login
 * may have no right to it. Behind the header all passes as it is. Pure, fuzzed.
 *
 * The header ends before the first line that is no field: text without a header
 * gets one, and an empty line behind it.
 */
#ifndef SMTPD_HEADER_H
#define SMTPD_HEADER_H

#include "lib/base/buf.h"

#define HEADER_NAME_MAX   256   /* a line with a longer "name" is no field */
#define HEADER_AUTHOR_MAX 16384 /* bytes of From and Sender together */
#define HEADER_ADDED_MAX  2048  /* more than what is added */

/* What is put where it is missing; borrowed while the header passes. */
struct header_defaults {
	struct span sender; /* reverse-path; empty: no From is added */
	struct span id;     /* without '@' */
	struct span hostname;
	uint64_t now_us;
};

struct header {
	enum header_state {
		HEADER_START, /* of a line */
		HEADER_NAME,  /* in what may be a field's name: held back */
		HEADER_FIELD, /* in a field */
		HEADER_DONE,  /* what comes is no header */
	} state;
	enum {
		HEADER_COPY,
		HEADER_DROP,
		HEADER_AUTHOR,
	} act;    /* with the field that is passing */
	bool any; /* there was a field: a folded line belongs to it */
	bool has_from, has_date, has_id;
	size_t n; /* of `name` */
	char name[HEADER_NAME_MAX];
	/* values of From and Sender, unfolded, each behind an LF; `over`: there
	 * was more */
	struct buf author;
};

void header_init(struct header *h);
void header_fini(struct header *h);

/*
 * The next octets of the message; what is to be kept of them is appended to
 * `out`, which has room for in.n + HEADER_NAME_MAX + HEADER_ADDED_MAX.
 */
void header_feed(struct header *h, struct span in,
    const struct header_defaults *d, struct buf *out);
/* There are no more: where the header has not ended, it ends now. */
void header_end(
    struct header *h, const struct header_defaults *d, struct buf *out);

#endif

/*
 * The Message-ID of a message that comes in pieces (RFC 5322 3.6.4): for the
 * history, so any text will do that stands where one should. Pure, fuzzed.
 */
#ifndef SMTPD_MSGID_H
#define SMTPD_MSGID_H

#include "lib/base/span.h"

#define MSGID_MAX 500

struct msgid {
	enum msgid_state {
		MSGID_START, /* of a line */
		MSGID_NAME,  /* in a field's name, as far as it fits */
		MSGID_SKIP,  /* in another field */
		MSGID_VALUE, /* in it, or in what is folded */
		MSGID_FOLD,  /* at the start of a line behind it */
		MSGID_DONE,
	} state;
	bool open; /* its '<' has been seen */
	size_t n;  /* of `text`: the field's name so far, then the value */
	char text[MSGID_MAX];
};

/* The next piece of the message; {0} before the first. CRLF or LF ends. */
void msgid_feed(struct msgid *m, struct span piece);
/*
 * What stood between the first '<' and '>', or the first word where there is no
 * '<'; cut at MSGID_MAX; bytes that no text has are '?'. Empty: none. Borrowed.
 */
struct span msgid_text(const struct msgid *m);

#endif

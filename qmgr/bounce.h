/*
 * The text of a notice that mail could not be delivered: RFC 3464 in a
 * multipart/report of RFC 6522. Pure.
 */
#ifndef QMGR_BOUNCE_H
#define QMGR_BOUNCE_H

#include "lib/base/buf.h"
#include "lib/base/why.h"

#define BOUNCE_HEADER_MAX 65536 /* bytes of the message's header in it */

/* One recipient that failed. All texts may hold any byte. */
struct bounce_rcpt {
	char *address;
	char *host;     /* that spoke: "mx.example[192.0.2.1]"; or NULL */
	char *reply;    /* its words; NULL: `why` is our own trouble */
	struct why why; /* status and text of the last attempt */
	bool expired;   /* it may have gone well later: 4.4.7 */
};

struct bounce {
	const char *hostname; /* ours */
	const char *id;       /* queue ID of the notice */
	const char *parent;   /* of the message */
	const char *sender;   /* of the message: who gets the notice */
	const char *boundary; /* that nobody can guess */
	uint64_t arrived_us;
	uint64_t now_us;
	const struct bounce_rcpt *rcpts;
	size_t n;
	struct span header; /* the beginning of the message: see below */
};

/*
 * The whole message, CRLF, appended. Of `header` all up to the empty line goes
 * into it, whole lines only; lines are cut at 990 bytes. False, with out->over
 * set, when it does not fit.
 */
bool bounce_format(const struct bounce *b, struct buf *out);

#endif

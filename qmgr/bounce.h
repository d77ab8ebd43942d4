/*
 * The text of a notice to a sender, of mail that was or was not delivered:
 * RFC 3464 in a multipart/report of RFC 6522, beyond ASCII by RFC 6533. Pure.
 */
#ifndef QMGR_BOUNCE_H
#define QMGR_BOUNCE_H

#include "lib/base/buf.h"
#include "lib/base/why.h"

#define BOUNCE_HEADER_MAX 65536      /* bytes of the message's header in it */
#define BOUNCE_FULL_MAX   (1U << 18) /* of a message that comes back whole */

/* What is told of all recipients in one notice. */
enum bounce_kind {
	BOUNCE_FAILURE,
	BOUNCE_SUCCESS,
	BOUNCE_DELAY,
};

/* RFC 3464 2.3.3 */
enum bounce_action {
	BOUNCE_FAILED,
	BOUNCE_DELAYED,
	BOUNCE_DELIVERED,
	BOUNCE_RELAYED,  /* to a host that does not tell of success */
	BOUNCE_EXPANDED, /* it was an alias of several */
};

/* One recipient. All texts may hold any byte. */
struct bounce_rcpt {
	char *address;
	char *orcpt; /* RFC 3461 4.2, xtext; or NULL */
	enum bounce_action action;
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
	const char *envid;    /* RFC 3461 4.4, xtext; or NULL */
	enum bounce_kind kind;
	bool twice; /* the message is a notice: postmaster hears of it */
	bool utf8;  /* the notice goes by SMTPUTF8 */
	bool full;  /* `header` is all of the message, and goes in as it is */
	uint64_t arrived_us;
	uint64_t now_us;
	uint64_t until_us; /* delivery is tried: of DELAY */
	uint64_t by_us;    /* RFC 2852: the sender wants it by then; 0 */
	const struct bounce_rcpt *rcpts;
	size_t n;
	struct span header; /* the beginning of the message: see below */
};

/* "failed", "delayed", ...: static. */
const char *bounce_action_text(enum bounce_action action);

/*
 * The whole notice, CRLF, appended. Of `header` all up to the empty line goes
 * into it, whole lines only; lines are cut at 990 bytes (but `full`). False,
 * with out->over set, when it does not fit.
 */
bool bounce_format(const struct bounce *b, struct buf *out);

#endif

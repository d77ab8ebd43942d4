/*
 * Replies of an SMTP server (RFC 5321 4.2): read strictly, kept within
 * bounds. Pure, fuzzed.
 */
#ifndef DELIVERY_CLIENT_REPLY_H
#define DELIVERY_CLIENT_REPLY_H

#include "lib/base/buf.h"
#include "lib/base/why.h"

#define CLIENT_REPLY_LINE_MAX  2048 /* with its CRLF; RFC: 512 */
#define CLIENT_REPLY_LINES_MAX 256
#define CLIENT_REPLY_TEXT_MAX  16384

/* One reply as it comes; embedded in its owner. */
struct client_reply {
	unsigned code; /* 0: no line of it has come */
	unsigned n_lines;
	/* the lines' text, '\n' between them; bytes outside 0x20..0x7e are
	 * '?'; what is too much is left out */
	struct buf text;
};

void client_reply_init(struct client_reply *r);
void client_reply_fini(struct client_reply *r);
/* Ready for the next one. */
void client_reply_clear(struct client_reply *r);

enum client_reply_kind {
	CLIENT_REPLY_MORE,  /* its end has not come */
	CLIENT_REPLY_WHOLE, /* it is in *r */
	CLIENT_REPLY_BAD,   /* this is no SMTP server */
};

/*
 * Take lines of `in` into *r up to the reply's end. *used says how many bytes
 * to take away.
 */
enum client_reply_kind client_reply_read(
    struct client_reply *r, struct span in, size_t *used);

/* "550 5.1.1 no such user", one line of at most `max` bytes; appended. */
#define CLIENT_REPLY_SHOWN_MAX 500
void client_reply_put(const struct client_reply *r, struct buf *out);

/* The enhanced status it begins with, of the code's class, else "c.0.0". */
void client_reply_status(
    const struct client_reply *r, char status[WHY_STATUS_MAX]);

/* What EHLO's reply offers. */
struct client_offer {
	bool pipelining;
	bool eightbit;
	bool starttls;
	bool dsn;
	bool utf8;        /* SMTPUTF8, RFC 6531 */
	bool priority;    /* MT-PRIORITY, RFC 6710 */
	bool require_tls; /* REQUIRETLS, RFC 8689 */
	bool by;          /* DELIVERBY, RFC 2852 */
	uint64_t by_min;  /* and the fewest seconds that it takes */
	bool size;
	uint64_t size_max; /* 0: not said */
	bool plain;        /* AUTH */
	bool login;
	/* LIMITS, RFC 9422; 0: not said */
	uint64_t mail_max;   /* messages on one connection */
	uint64_t rcpt_max;   /* recipients in one transaction */
	uint64_t domain_max; /* and domains that they are of */
};
struct client_offer client_reply_offer(const struct client_reply *r);

#endif

/*
 * One mail transaction: made new by MAIL, destroyed at its end, never reused.
 */
#ifndef SMTPD_TXN_H
#define SMTPD_TXN_H

#include "lib/addr/by.h"
#include "smtpd/header.h"
#include "smtpd/msgid.h"
#include "smtpd/session.h"

/* What MAIL says. */
struct txn_mail {
	char *sender;        /* "" is the null reverse-path */
	uint8_t ret;         /* RFC 3461 4.3: addr_dsn_ret */
	char *envid;         /* RFC 3461 4.4; NULL: none */
	bool utf8;           /* RFC 6531: SMTPUTF8 was said */
	uint64_t release_us; /* RFC 4865: not before that; 0: at once */
	bool has_priority;
	int priority;      /* RFC 6710: -9 to 9 */
	bool require_tls;  /* RFC 8689 */
	struct addr_by by; /* RFC 2852 */
};

/* And RCPT. */
struct txn_rcpt {
	char *address;
	uint8_t notify; /* RFC 3461 4.1: addr_dsn_notify */
	char *orcpt;    /* RFC 3461 4.2; NULL: none */
};

struct txn {
	uint64_t id;
	struct txn_mail mail;
	struct txn_rcpt *rcpts;
	size_t n_rcpts;
	size_t n_taken; /* RCPT commands: who is named twice is one recipient */
	int fd;         /* the message's memfd; -1 before DATA */
	uint64_t size;
	uint64_t size_max;
	uint64_t kept;       /* of it, counted in the server's memory */
	uint64_t *in_memory; /* the server's sum */
	uint64_t memory_max;
	bool too_big;
	bool no_room; /* the memfd could not be written */
	struct dotstream dots;
	struct msgid msgid;
	struct buf pending;    /* not yet written to the memfd */
	struct header *header; /* of one that its author submits; else NULL */
	struct header_defaults defaults; /* `id` in new_id; for `header` */
	struct id new_id;
};

/* What is in *mail, and in *rcpt, is taken. */
struct txn *txn_new(struct session *s, struct txn_mail *mail);
void txn_free(struct txn **t);
void txn_add(struct txn *t, struct txn_rcpt *rcpt);
/* Release what has not been taken. */
void txn_mail_fini(struct txn_mail *mail);
void txn_rcpt_fini(struct txn_rcpt *rcpt);

/* Make the memfd. False with errno set. */
bool txn_open(struct txn *t);
/*
 * Octets after DATA; returns how many were used. When the end has come,
 * t->dots.state is DOTSTREAM_DONE and everything is in the memfd.
 */
size_t txn_feed(struct txn *t, struct span in);
/* Octets of a BDAT, all used; then there are no more: DOTSTREAM_DONE. */
void txn_feed_chunk(struct txn *t, struct span in);
void txn_end_chunks(struct txn *t);
/* Give it to qmgr: COMMIT_RCPT* and COMMIT. False: the link is down. */
bool txn_commit(struct txn *t, const struct session *s);

#endif

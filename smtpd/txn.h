/*
 * One mail transaction: made new by MAIL, destroyed at its end, never reused.
 */
#ifndef SMTPD_TXN_H
#define SMTPD_TXN_H

#include "smtpd/msgid.h"
#include "smtpd/session.h"

struct txn {
	uint64_t id;
	char *sender; /* "" is the null reverse-path */
	char **rcpts;
	size_t n_rcpts;
	int fd; /* the message's memfd; -1 before DATA */
	uint64_t size;
	uint64_t size_max;
	uint64_t kept;       /* of it, counted in the server's memory */
	uint64_t *in_memory; /* the server's sum */
	uint64_t memory_max;
	bool too_big;
	bool no_room; /* the memfd could not be written */
	struct dotstream dots;
	struct msgid msgid;
	struct buf pending; /* not yet written to the memfd */
};

struct txn *txn_new(struct session *s, struct span sender);
void txn_free(struct txn **t);
void txn_add(struct txn *t, struct span rcpt);

/* Make the memfd. False with errno set. */
bool txn_open(struct txn *t);
/*
 * Octets after DATA; returns how many were used. When the end has come,
 * t->dots.state is DOTSTREAM_DONE and everything is in the memfd.
 */
size_t txn_feed(struct txn *t, struct span in);
/* Give it to qmgr: COMMIT_RCPT* and COMMIT. False: the link is down. */
bool txn_commit(struct txn *t, const struct session *s);

#endif

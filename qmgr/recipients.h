/*
 * What addresses come to: mailboxes here and addresses of other hosts, as
 * recipients of an envelope.
 */
#ifndef QMGR_RECIPIENTS_H
#define QMGR_RECIPIENTS_H

#include "qmgr/envelope.h"
#include "qmgr/qmgr.h"

/* What the addresses of one message may have, in bytes. */
#define RECIPIENTS_BYTES (ENVELOPE_RCPTS_MAX * 512)

/* Is it a mailbox in its canonical form? Else `why` may be filled. */
bool recipients_canonical(struct span text, struct why *why);

/* One that a transaction names: RCPT's address and parameters (RFC 3461). */
struct recipients_asked {
	struct span address;
	uint8_t notify;
	struct span orcpt;
};
/* Append it to a list, which recipients_add() reads. */
void recipients_put(struct buf *list, const struct recipients_asked *r);

/*
 * Add to e all that the addresses in the list (canonical) stand for: each
 * mailbox and each address of another host once. An address that is itself
 * another host's is 5.7.1 without `relay`; an alias may lead there all the same
 * (RFC 5321 3.9). What the sender asked about notices goes along by the rules
 * of RFC 3461 5.2.7: all of it to the one target of an alias; where there are
 * several, they get it without SUCCESS, which is answered by `expanded`.
 * e->sender is set already. RC_PERM or RC_TEMP: e is of no use.
 */
enum rc recipients_add(struct qmgr *q, struct envelope *e, struct span list,
    bool relay, struct why *why);

/* A user of the system whose ~/.forward sends a message on. */
struct recipients_forward {
	const struct envelope_rcpt *rcpt; /* the user's, in that message */
	struct span targets;              /* lib/directory/forward.h */
	bool kept; /* the mailbox has it as well, which is told there */
};
/*
 * Add to e all that the targets stand for, by the same rules: as if they were
 * an alias's. The user's programs and files, and the user's mailbox where an
 * address leads back to it, become accounts as lib/directory/action.h has them.
 */
enum rc recipients_add_forward(struct qmgr *q, struct envelope *e,
    const struct recipients_forward *f, struct why *why);

#endif

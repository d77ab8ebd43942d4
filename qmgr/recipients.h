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

/*
 * Add to e all that the addresses (canonical, LF between them) stand for: each
 * mailbox and each address of another host once. An address that is itself
 * another host's is 5.7.1 without `relay`; an alias may lead there all the same
 * (RFC 5321 3.9). RC_PERM or RC_TEMP: e is of no use.
 */
enum rc recipients_add(struct qmgr *q, struct envelope *e,
    struct span addresses, bool relay, struct why *why);

#endif

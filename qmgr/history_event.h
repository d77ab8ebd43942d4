/*
 * What is told to the history, and in which fields. Without a history nothing
 * is done. Whatever strangers said may go in: history_line.h.
 */
#ifndef QMGR_HISTORY_EVENT_H
#define QMGR_HISTORY_EVENT_H

#include "qmgr/history_line.h"
#include "qmgr/message.h"

/* smtpd gave it, as `c` says; and each recipient that it has come to. */
void history_event_received(
    const struct message *m, const struct msg_commit *c);
/* A notice about `parent`. */
void history_event_notice(const struct message *m, const char *parent);
/* What `parent` was sent on as. */
void history_event_forward(const struct message *m, const char *parent);
/* Of the whole message, with no more to say: QUEUED, DONE, HELD ... */
void history_event_tell(const struct message *m, enum history_event event);
/* Likewise, with a reason in words. */
void history_event_reason(
    const struct message *m, enum history_event event, const char *text);
/* An attempt's outcome, or why there was none. */
void history_event_outcome(
    const struct message *m, size_t rcpt, const struct why *why);
/* It is deferred for so long. */
void history_event_waits(const struct message *m, uint64_t ms);
/* The client was told that it is not taken, or nobody was. */
void history_event_answer(const struct message *m, const struct why *why);

/* What came of a recipient who is given up. */
struct history_event_loss {
	const char *id;     /* of the message */
	const char *notice; /* the sender's; NULL: there is none */
	const char *address;
	const char *status;
	const char *text;
};
void history_event_loss(struct qmgr *q, const struct history_event_loss *l);
/* The same of one who is not: its sender is told of `text`, "delivered". */
void history_event_told(struct qmgr *q, const struct history_event_loss *l);

/* A commit that was not taken: its ID is in the log and nowhere else. */
void history_event_not_taken(struct qmgr *q, struct span id,
    const struct msg_commit *c, const struct why *why);
/* smtpd refused something. */
void history_event_refused(struct qmgr *q, const struct msg_refused *r);
/* So many refusals were not told one by one. */
void history_event_more(struct qmgr *q, uint64_t n);

#endif

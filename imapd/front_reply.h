/*
 * What the front says: one function, the words in front_reply.def.
 */
#ifndef IMAPD_FRONT_REPLY_H
#define IMAPD_FRONT_REPLY_H

#include "imapd/front.h"

enum front_reply {
#define REPLY(NAME, tagged, status, text) FRONT_REPLY_##NAME,
#include "imapd/front_reply.def"
#undef REPLY
};

/*
 * Say it; `arg` stands where the row has `%`. NO and BAD count as errors, so
 * that the connection may be closed behind them.
 */
void front_reply(struct imap *p, enum front_reply id, struct span arg);

#endif

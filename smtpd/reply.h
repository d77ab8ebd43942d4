/*
 * What smtpd says: one function, the words in reply.def.
 */
#ifndef SMTPD_REPLY_H
#define SMTPD_REPLY_H

#include "smtpd/session.h"

enum reply {
#define REPLY(NAME, code, status, text) REPLY_##NAME,
#include "smtpd/reply.def"
#undef REPLY
};

/* Say it; `arg` stands where the row has `%`. 4yz and 5yz count as errors. */
void reply(struct session *s, enum reply id, struct span arg);
/* Another worker's answer: 4yz or 5yz by why->rc, with its words. */
void reply_why(struct session *s, const struct why *why);
/* One line of a longer reply, by its code; last: no hyphen. */
void reply_line(struct session *s, unsigned code, bool last, struct span text);

#endif

/*
 * What ends a command: one function, the words in reply.def.
 */
#ifndef IMAPD_REPLY_H
#define IMAPD_REPLY_H

#include "imapd/session.h"

enum reply {
#define REPLY(NAME, kind, text) REPLY_##NAME,
#include "imapd/reply.def"
#undef REPLY
};

/*
 * Set the command's tagged reply; `arg` stands where the row has `%`. Told when
 * it returns STEP_DONE, behind the news. Returns STEP_DONE.
 */
enum step reply(struct session *s, enum reply id, const char *arg);
/* The same, of a failure; one of ours is logged as well. */
enum step reply_why(struct session *s, const struct why *why);

#endif

/*
 * What a session says: one function, the words in reply.def.
 */
#ifndef POP3D_REPLY_H
#define POP3D_REPLY_H

#include "pop3d/session.h"

enum reply {
#define REPLY(NAME, ok, text) REPLY_##NAME,
#include "pop3d/reply.def"
#undef REPLY
};

/* Say it; `arg` stands where the row has `%`. -ERR counts as an error. */
void reply(struct session *s, enum reply id, const char *arg);

#endif

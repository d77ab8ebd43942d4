/*
 * What the front says: one function, the words in front_reply.def.
 */
#ifndef POP3D_FRONT_REPLY_H
#define POP3D_FRONT_REPLY_H

#include "pop3d/front.h"

enum front_reply {
#define REPLY(NAME, ok, text) FRONT_REPLY_##NAME,
#include "pop3d/front_reply.def"
#undef REPLY
};

/* Say it; `arg` stands where the row has `%`. -ERR counts as an error. */
void front_reply(struct pop3 *p, enum front_reply id, struct span arg);

#endif

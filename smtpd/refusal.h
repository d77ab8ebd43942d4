/*
 * Refusals that the history hears of: those of MAIL, RCPT and DATA, one a
 * command. What qmgr refuses it tells the history itself.
 */
#ifndef SMTPD_REFUSAL_H
#define SMTPD_REFUSAL_H

#include "smtpd/session.h"

/*
 * From now on, until `verb` (static) is NULL, a refusal is one of that command;
 * `args` is borrowed until then.
 */
void refusal_watch(struct session *s, const char *verb, struct span args);
/* Something was refused, with that reply (without its code). */
void refusal_tell(struct session *s, unsigned code, struct span text);

#endif

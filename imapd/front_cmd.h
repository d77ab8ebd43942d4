/*
 * The table of commands before log-in, and its gate.
 */
#ifndef IMAPD_FRONT_CMD_H
#define IMAPD_FRONT_CMD_H

#include "imapd/front.h"

/* A whole command with its literals: parse it, ask the gate, run it. */
void front_cmd_dispatch(struct imap *p, struct span text);
/*
 * A command so far: it ends in a literal's head. False, with the reply said:
 * it must not send that literal.
 */
bool front_cmd_literal(struct imap *p, struct span text);
/* Only its tag is wanted, for a reply; p->tag is "*" when there is none. */
void front_cmd_tag(struct imap *p, struct span text);

/* Handlers; the arguments begin with their space. False: syntax. */
typedef bool front_cmd(struct imap *p, struct parse *args);

/* front_auth.c */
front_cmd front_auth_login, front_auth_sasl;
/* The client's answer, in base64, or "*" (RFC 3501 6.2.2). */
void front_auth_answer(struct imap *p, struct span line);

#endif

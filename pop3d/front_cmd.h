/*
 * The table of commands before log-in, and its gate.
 */
#ifndef POP3D_FRONT_CMD_H
#define POP3D_FRONT_CMD_H

#include "pop3d/front.h"

/* One line without its CRLF: parse the verb, ask the gate, run the handler. */
void front_cmd_dispatch(struct pop3 *p, struct span line);
/* POP3_SASL: the client's answer to the challenge. */
void front_cmd_sasl(struct pop3 *p, struct span line);

/* Handlers return the next state. `args` is all behind the first space. */
typedef enum pop3_state front_cmd(struct pop3 *p, struct span args);

/* front_auth.c */
front_cmd front_auth_user, front_auth_pass, front_auth_sasl;
/* The client's answer, in base64, or "*". Returns the next state. */
enum pop3_state front_auth_answer(struct pop3 *p, struct span line);

#endif

/*
 * The table of commands before log-in, and its gate.
 */
#ifndef POP3D_FRONT_CMD_H
#define POP3D_FRONT_CMD_H

#include "pop3d/front.h"

/* One line without its CRLF: parse the verb, ask the gate, run the handler. */
void front_cmd_dispatch(struct front *f, struct span line);
/* FRONT_SASL: the client's answer to the challenge. */
void front_cmd_sasl(struct front *f, struct span line);

/* Handlers return the next state. `args` is all behind the first space. */
typedef enum front_state front_cmd(struct front *f, struct span args);

/* front_auth.c */
front_cmd front_auth_user, front_auth_pass, front_auth_sasl;
/* The client's answer, in base64, or "*". Returns the next state. */
enum front_state front_auth_answer(struct front *f, struct span line);
/* authd's answer, or (msg NULL) the loss of its link. */
void front_auth_result(struct front *f, const struct msg_auth_result *msg);

#endif

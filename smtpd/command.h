/*
 * The table of commands and its gate.
 */
#ifndef SMTPD_COMMAND_H
#define SMTPD_COMMAND_H

#include "smtpd/session.h"

/* One line without its CRLF: parse the verb, ask the gate, run the handler. */
void command_dispatch(struct session *s, struct span line);

/* Handlers return the next state. `args` is what follows the verb. */
typedef enum state command_handler(struct session *s, struct span args);

command_handler cmd_helo, cmd_ehlo, cmd_lhlo, cmd_starttls; /* cmd_hello.c */
command_handler cmd_xclient;
command_handler cmd_mail, cmd_rcpt, cmd_rset; /* cmd_mail.c */
command_handler cmd_data, cmd_bdat;           /* cmd_data.c */
command_handler cmd_auth;                     /* cmd_auth.c */
command_handler cmd_vrfy, cmd_expn;           /* cmd_vrfy.c */
command_handler cmd_noop, cmd_quit, cmd_help; /* cmd_misc.c */

/* ST_DATA: octets of the message; returns how many were used. */
size_t cmd_data_input(struct session *s, struct span in);
/* ST_CHUNK: the same. */
size_t cmd_bdat_input(struct session *s, struct span in);
/* qmgr's answer, or (msg NULL) the loss of its link. */
void cmd_data_committed(struct session *s, const struct msg_committed *msg);

/* ST_AUTH: the client's answer to a challenge. */
enum state cmd_auth_answer(struct session *s, struct span line);
/* authd's answer, or (msg NULL) the loss of its link. */
void cmd_auth_result(struct session *s, const struct msg_auth_result *msg);
/* authd wants to hear more of the client, whose s->auth_id this is. */
void cmd_auth_challenge(
    struct session *s, const struct msg_sasl_challenge *msg);
/* authd has gone; the client may be at its answer to a challenge. */
void cmd_auth_lost(struct session *s);
void cmd_auth_free(struct session *s);

#endif

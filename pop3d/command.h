/*
 * The table of commands after log-in, and its gate.
 */
#ifndef POP3D_COMMAND_H
#define POP3D_COMMAND_H

#include "pop3d/session.h"

/* What the gate has checked: a message that is there and not deleted. */
struct command_args {
	bool given;     /* a message number was */
	size_t message; /* from 0 */
	uint64_t lines; /* TOP */
};

/* One line without its CRLF: parse it, ask the gate, run the handler. */
void command_dispatch(struct session *s, struct span line);

typedef void command_handler(
    struct session *s, const struct command_args *args);

command_handler cmd_stat, cmd_list, cmd_uidl;           /* cmd_list.c */
command_handler cmd_dele, cmd_rset, cmd_noop, cmd_capa; /* cmd_misc.c */
command_handler cmd_quit;                               /* cmd_misc.c */
command_handler cmd_retr, cmd_top;                      /* cmd_send.c */

#endif

/*
 * A message on its way to the client.
 */
#ifndef POP3D_CMD_SEND_H
#define POP3D_CMD_SEND_H

#include "pop3d/session.h"

/* Close the file and release; accepts that there is none. */
void cmd_send_free(struct session *s);

#endif

/*
 * Account commands of steadctl. Whoever has such a link may give them: master
 * makes it for nobody else.
 */
#ifndef AUTHD_MANAGE_H
#define AUTHD_MANAGE_H

#include "authd/authd.h"

/* bytes; it is a text of one line */
#define MANAGE_NAME_MAX 200

/* ctx is the struct client; each is answered by CTL_END, the list by CTL_ROW
 * before it. An account that is new or gone is so everywhere by then. */
ipc_handler manage_on_add, manage_on_passwd, manage_on_remove, manage_on_list;
/* master has compiled the directory, or could not. */
void manage_on_directory(struct authd *a, const struct msg_directory_done *m);
/* The client is going. What has changed already is still made known. */
void manage_orphan(struct authd *a, const struct client *c);

#endif

/*
 * Application passwords, as steadctl adds, lists and takes them back.
 */
#ifndef AUTHD_MANAGE_APP_H
#define AUTHD_MANAGE_APP_H

#include "authd/authd.h"

/* ctx is the struct client; each is answered by CTL_END. Before it, the new
 * password comes in a CTL_ROW, or each of the list does. */
ipc_handler manage_app_on_add, manage_app_on_remove, manage_app_on_list;
/* How many the account has. */
size_t manage_app_count(
    const struct accounts *accounts, const struct accounts_entry *e);

#endif

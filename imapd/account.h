/*
 * The mailbox side of IMAP: all connections of one account, in the process
 * that spawn has confined to that account's mail and indexes. Each connection
 * comes logged in, with its front behind the socket.
 */
#ifndef IMAPD_ACCOUNT_H
#define IMAPD_ACCOUNT_H

#include "spawn/service.h"

/* As struct service asks. */
void *imapd_account_open(const struct service_env *env, struct why *why);
void imapd_account_take(void *state, int fd, int watch);
size_t imapd_account_connections(const void *state);
void imapd_account_close(void *state);

#endif

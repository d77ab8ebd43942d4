/*
 * The mailbox side of POP3: all connections of one account, in the process
 * that spawn has confined to that account's mail. Each connection comes
 * logged in, with its front behind the socket.
 */
#ifndef POP3D_ACCOUNT_H
#define POP3D_ACCOUNT_H

#include "spawn/service.h"

/* As struct service asks. */
void *pop3d_account_open(const struct service_env *env, struct why *why);
void pop3d_account_take(void *state, int fd, int watch);
size_t pop3d_account_connections(const void *state);

#endif

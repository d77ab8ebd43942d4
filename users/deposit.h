/*
 * Deliveries into one user's mailbox, in a process with that user's rights.
 * Local delivery sends what it has from qmgr, and gets the outcome.
 */
#ifndef USERS_DEPOSIT_H
#define USERS_DEPOSIT_H

#include "spawn/service.h"

/* As struct service asks. */
void *deposit_open(const struct service_env *env, struct why *why);
void deposit_take(void *state, int fd, int watch);
size_t deposit_connections(const void *state);

#endif

/*
 * One conversation with PAM: authd sends the password, PAM's service
 * "mailstead" says whether it is the user's, and whether the user may come in.
 * A process of its own, as root: what modules do stays in it.
 */
#ifndef USERS_CONVERSATION_H
#define USERS_CONVERSATION_H

#include "spawn/service.h"

/* As struct service asks; env->account is the user. */
void *conversation_open(const struct service_env *env, struct why *why);
void conversation_take(void *state, int fd, int watch);
size_t conversation_connections(const void *state);

#endif

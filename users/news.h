/*
 * Watches one user's mailboxes for the user's idling sessions, with the user's
 * rights: what the worker `watch` does for virtual accounts.
 */
#ifndef USERS_NEWS_H
#define USERS_NEWS_H

#include "spawn/service.h"

/* As struct service asks; each connection is a session's. */
void *news_open(const struct service_env *env, struct why *why);
void news_take(void *state, int fd, int watch);
size_t news_connections(const void *state);

#endif

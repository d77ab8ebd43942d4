/*
 * Deliveries in a process with one user's rights, into that user's mailbox; or,
 * by deposit_new(), to what else the owner says. Local delivery sends what it
 * has from qmgr, and gets the outcome.
 */
#ifndef USERS_DEPOSIT_H
#define USERS_DEPOSIT_H

#include "delivery/job.h"
#include "spawn/service.h"

struct deposit;

/* Jobs at a time. */
struct deposit *deposit_new(const struct service_env *env, unsigned threads);

/* The owner's to fill in, before the first job. */
struct job_desk *deposit_desk(struct deposit *d);
/* Called when nobody is left to whom the outcomes could be told. */
void deposit_on_left(struct deposit *d, void (*left)(void *ctx), void *ctx);

/* As struct service asks. */
void *deposit_open(const struct service_env *env, struct why *why);
void deposit_take(void *state, int fd, int watch);
size_t deposit_connections(const void *state);

#endif

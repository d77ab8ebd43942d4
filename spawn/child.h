/*
 * The process of one account and service: forked from the parent, never
 * exec'ed, confined to that account's folder, gone a few seconds after its last
 * connection.
 */
#ifndef SPAWN_CHILD_H
#define SPAWN_CHILD_H

#include "lib/worker/worker.h"
#include "spawn/service.h"

/* Before the parent is confined: what its children need to know of the host. */
void child_prepare(void);

/* What those that are forked from now on get as service_env.directory. */
void child_directory(const char *path);

/*
 * Never returns. `link` (taken) is the socket to the parent. Whatever else is
 * open, but for the log, is closed.
 */
void child_run(const struct worker *w, const struct service *service,
    const char *account, int link) __attribute__((noreturn));

#endif

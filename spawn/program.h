/*
 * What differs between the two programs that fork processes for accounts: spawn
 * for virtual accounts, users for users of the system. Each has its own of both
 * functions.
 */
#ifndef SPAWN_PROGRAM_H
#define SPAWN_PROGRAM_H

#include "lib/base/buf.h"
#include "lib/worker/worker.h"
#include "spawn/service.h"

/* What this program serves; NULL when there is none of that name. */
const struct service *service_find(struct span name);

/*
 * Changes when what home_open() says of an account may have changed: a process
 * from before is given nothing new. It does not block.
 */
uint64_t home_version(void);

/* Absolute paths of one account, in buffers that have been initialised. */
struct home {
	struct buf mail; /* the folder that holds all its mail */
	struct buf maildir;
	struct buf index;                   /* empty: the service has none */
	const struct forward_file *forward; /* as service_env has it */
};

/*
 * In the new process, with the parent's rights: make what is missing of the
 * account's folders, and become the account's user if the parent is root.
 * RC_PERM: there is no such account; RC_TEMP: it cannot be reached now.
 */
enum rc home_open(const struct worker *w, const struct service *service,
    const char *account, struct home *home, struct why *why);

#endif

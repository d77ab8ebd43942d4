/*
 * The living session processes: at most one for each account and service.
 */
#ifndef SPAWN_ROSTER_H
#define SPAWN_ROSTER_H

#include "lib/worker/worker.h"

/* Told when a connection has been taken, or could not be. */
typedef void roster_done(void *ctx, uint64_t id, const struct why *why);

struct roster_asker {
	struct worker *w;
	enum role role;
	roster_done *done;
	void *ctx;
};

/*
 * Give a logged-in connection to its account's process, starting one if
 * needed. open->socket and open->watch are taken. asker->done runs once,
 * perhaps at once; never after roster_forget. A service that is not for this
 * role to ask for is refused.
 */
void roster_open(
    const struct roster_asker *asker, struct msg_session_open *open);
/* The asker is gone; its connections are served all the same. */
void roster_forget(const void *ctx);
/* Children may have ended. */
void roster_reap(void);
size_t roster_count(void);

#endif

/*
 * One program, from its start to its end.
 */
#ifndef USERS_RUN_H
#define USERS_RUN_H

#include <stdint.h>

#include "lib/base/why.h"

struct run {
	char *const *argv; /* the first is its path */
	char *const *envp;
	int in;   /* its standard input; borrowed, as `stop` */
	int stop; /* can be read from: nobody waits for it any more */
	uint64_t timeout_ms;
};

/*
 * Start it in a process group of its own, with nothing open but its input and
 * its output, and wait for its end, blocking. RC_OK: it ended with status 0.
 * RC_PERM: with another one, which sysexits(3) explains: 5.1.1 (67), 5.6.0
 * (65), 5.3.0. RC_TEMP 4.3.0: with 71 or 75, by a signal, after its time, when
 * told to stop (its group gets SIGTERM then, and a little later SIGKILL), or it
 * could not be started. why->text has the beginning of what it said; if that
 * begins with an enhanced status of the same class (RFC 3463), so does *why.
 */
enum rc run_program(const struct run *r, struct why *why);

#endif

/*
 * The control socket, where steadctl asks. Anybody may connect; who is
 * neither root nor the suite's own uid is told so.
 */
#ifndef MASTER_CONTROL_H
#define MASTER_CONTROL_H

#include "master/master.h"

enum rc control_open(struct master *m, struct why *why);
/* A worker's answer to a STATUS_ASK. */
void control_on_status(struct proc *p, uint64_t id, struct span text);
/* The directory that a caller asked to be compiled is in use; or not ok. */
void control_compiled(struct master *m, uint64_t id, bool ok);
void control_close(struct master *m);
/* Begin to stop the suite, for a signal or a caller. */
void control_stop(struct master *m, const char *reason);

#endif

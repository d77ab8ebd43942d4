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
void control_close(struct master *m);
/* Begin to stop the suite, for a signal or a caller. */
void control_stop(struct master *m, const char *reason);

#endif

/*
 * The life of each worker: one table, [state][event]. Restart with back-off,
 * draining, the end of all.
 */
#ifndef MASTER_SUPERVISE_H
#define MASTER_SUPERVISE_H

#include "master/master.h"

enum supervise_event {
	SUPERVISE_READY, /* the worker serves */
	SUPERVISE_EXIT,  /* its process is gone */
	SUPERVISE_TIMER, /* the state's time is over */
	SUPERVISE_DRAIN, /* it shall finish */
	SUPERVISE_EVENTS
};

/* Start all workers that the configuration asks for, as this generation. */
void supervise_start_all(struct master *m, bool singles_too);
/* Let an event happen to one worker; p may be freed by it. */
void supervise_event(struct proc *p, enum supervise_event event);
/* Reap ended children; those not of this file go to `other`. */
void supervise_reap(struct master *m);
/* All finish: the loop ends when the last is gone. */
void supervise_stop_all(struct master *m);
/* Are all workers of a generation (and the single ones) running? */
bool supervise_all_running(const struct master *m, uint32_t generation);
const char *supervise_state_name(enum proc_state state);

/* For the links of launch.c. */
extern ipc_handler *const supervise_handlers[MSG_COUNT];
void supervise_on_closed(
    void *ctx, struct ipc_link *link, const struct why *why);

#endif

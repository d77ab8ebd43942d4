/*
 * Starting one worker: fork, exec, and the set-up messages.
 */
#ifndef MASTER_LAUNCH_H
#define MASTER_LAUNCH_H

#include "master/master.h"

/*
 * Start p's program and send it its set-up; p->pid and p->link are set.
 * RC_TEMP when the host lacks processes or descriptors.
 */
enum rc launch_proc(struct proc *p, struct why *why);
/* The files of passwords for other hosts to the worker that uses them; RC_PERM
 * when one cannot be opened. */
enum rc launch_send_passwords(struct proc *p, struct why *why);

/*
 * Can this be served? RC_PERM says what of it cannot: a worker's slice is too
 * long for one message, or it needs root.
 */
enum rc launch_conf_fits(const struct conf *conf, struct why *why);

#endif

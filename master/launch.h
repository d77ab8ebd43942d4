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
/* Certificates and keys to one worker; RC_PERM when they cannot be read. */
enum rc launch_send_files(struct proc *p, struct why *why);

/* Does each worker's slice fit one message? RC_PERM says what is too long. */
enum rc launch_conf_fits(const struct conf *conf, struct why *why);

#endif

/*
 * The directory snapshot: compiled by a short-lived child into a new file in
 * the network workers' folder, then announced to all.
 */
#ifndef MASTER_COMPILE_H
#define MASTER_COMPILE_H

#include "master/master.h"

/* The first snapshot, waited for. RC_PERM: nothing can be served. */
enum rc compile_first(struct master *m, struct why *why);
/*
 * Compile anew; the worker (role, index) that asked is answered with `id`
 * when the new snapshot is announced, or has failed. ROLE_MASTER: a reload is
 * told. ROLE_CTL: a caller of the control socket is, by control_compiled().
 * False when too many callers wait already.
 */
bool compile_start(
    struct master *m, enum role role, uint32_t index, uint64_t id);
/* An ended child that is no worker. */
void compile_on_exit(struct master *m, pid_t pid, int status);
/* File name of the newest snapshot; "" before the first. */
const char *compile_current(const struct master *m);
/* What is wrong in the files it was made from, LF behind each line; borrowed.
 */
struct span compile_report(const struct master *m);
void compile_free(struct master *m);

#endif

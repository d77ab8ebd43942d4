/*
 * The folders of the suite: made at start with owner and mode, never with
 * more rights than the table says.
 */
#ifndef MASTER_FOLDERS_H
#define MASTER_FOLDERS_H

#include "master/master.h"

/*
 * Make what is missing: run, net, spool, state and every path row of every
 * worker that `conf` has, owned by its user, mode 0700 (run, net and state:
 * 0755, owned by master; that of users' indexes: 0711). RC_PERM when something
 * else is in the way, or another uid owns it.
 */
enum rc folders_make(
    struct master *m, const struct conf *conf, struct why *why);
/* Lock run/lock, so that there is one master; RC_TEMP when one runs. */
enum rc folders_lock(struct master *m, struct why *why);

#endif

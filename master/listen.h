/*
 * Listening sockets: bound once, held for life, shared with the workers that
 * serve them, so that neither reload nor a dying worker refuses a connection.
 */
#ifndef MASTER_LISTEN_H
#define MASTER_LISTEN_H

#include "master/master.h"

/*
 * Bind what `conf` names and is not bound yet; mark in `keep` what it names.
 * RC_PERM on the first that cannot be bound (what was newly bound is closed
 * again, the rest is as before). Besides them always the socket of sendmail,
 * WORKER_LOCAL_SOCKET in paths.run, to which every user of the host may
 * connect.
 */
enum rc listen_open(struct master *m, const struct conf *conf, struct why *why);
/* Close what the last listen_open did not mark. */
void listen_close_unused(struct master *m);
/*
 * From now on no new connection is completed, while those that are stay to be
 * accepted: new SYNs are dropped, so their clients try again and find the
 * port closed, or the next master.
 */
void listen_stop(struct master *m);
void listen_close_all(struct master *m);

#endif

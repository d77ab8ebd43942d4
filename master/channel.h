/*
 * The channels between workers: master makes each and gives one end to either
 * side. Where one breaks while both live (a frame that makes no sense, a peer
 * that does not read) the less trusted side is ended: it comes back after a
 * back-off, with new channels to all. So nobody stays deaf, and nobody can make
 * one that is trusted more than himself end.
 */
#ifndef MASTER_CHANNEL_H
#define MASTER_CHANNEL_H

#include "master/master.h"

/* The two ends of a new one. -1: errno says why. */
int channel_pair(int fds[2]);

/*
 * Channels between p and all living workers that it talks to. RC_TEMP: not all
 * could be made, and p cannot do its work.
 */
enum rc channel_open_all(struct proc *p, struct why *why);

/* p's process has ended: so have its channels. */
void channel_forget(const struct proc *p);

/*
 * p says that its channel of that number broke. The process to be ended, p
 * itself or the other end; NULL: it is not p's, has ended anyway, or was told
 * of before.
 */
struct proc *channel_broken(const struct proc *p, uint32_t number);

#endif

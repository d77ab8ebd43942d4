/*
 * Channels between workers: see channel.h. A channel is known here by number
 * only; its ends are the workers' own.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/worker/workers.h"
#include "master/channel.h"
#include "lib/base/banned.h"

struct channel {
	TAILQ_ENTRY(channel) next;
	uint32_t number;
	struct proc *ends[2];
};

int
channel_pair(int fds[2])
{
	return socketpair(
	    AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

static bool
fits(const struct proc *a, const struct proc *b)
{
	if (b->state != PROC_STARTING && b->state != PROC_RUNNING)
		return false;
	return a->generation == b->generation || a->row->single ||
	       b->row->single;
}

static enum rc
open_one(struct proc *p, struct proc *q, struct why *why)
{
	struct master *m = p->m;
	struct channel *c;
	int fds[2];

	if (channel_pair(fds) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "socketpair");
	c = mem_alloc(sizeof(*c));
	c->number = ++m->last_channel;
	c->ends[0] = p;
	c->ends[1] = q;
	TAILQ_INSERT_TAIL(&m->channels, c, next);
	proto_send_link(
	    p->link, &(struct msg_link){q->row->role, c->number, fds[0]});
	proto_send_link(
	    q->link, &(struct msg_link){p->row->role, c->number, fds[1]});
	io_close(&fds[0]);
	io_close(&fds[1]);
	return RC_OK;
}

enum rc
channel_open_all(struct proc *p, struct why *why)
{
	struct proc *q;
	enum rc rc = RC_OK;

	TAILQ_FOREACH (q, &p->m->procs, next)
		if (rc == RC_OK && q != p && q->link != NULL && fits(p, q) &&
		    workers_linked(p->row, q->row))
			rc = open_one(p, q, why);
	return rc;
}

static void
forget(struct master *m, struct channel *c)
{
	TAILQ_REMOVE(&m->channels, c, next);
	free(c);
}

void
channel_forget(const struct proc *p)
{
	struct channel *c, *after;

	for (c = TAILQ_FIRST(&p->m->channels); c != NULL; c = after) {
		after = TAILQ_NEXT(c, next);
		if (c->ends[0] == p || c->ends[1] == p)
			forget(p->m, c);
	}
}

struct proc *
channel_broken(const struct proc *p, uint32_t number)
{
	struct proc *weaker;
	struct channel *c;

	TAILQ_FOREACH (c, &p->m->channels, next)
		if (c->number == number)
			break;
	/* a lie about somebody else's */
	if (c == NULL || (c->ends[0] != p && c->ends[1] != p))
		return NULL;
	weaker = c->ends[0]->row->trust < c->ends[1]->row->trust ? c->ends[0]
								 : c->ends[1];
	forget(p->m, c);
	return weaker;
}

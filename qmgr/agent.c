/*
 * The delivery workers: see agent.h. A new link first tells what the worker
 * still does for an earlier qmgr; until all have, nothing is given out.
 */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "qmgr/agent.h"
#include "lib/base/banned.h"

#define FOREIGN_MAX  4096
#define UNDERWAY_MAX 512 /* at one worker: more waits here */

/* under way for the qmgr before us */
struct foreign {
	TAILQ_ENTRY(foreign) next;
	char name[STORE_NAME_MAX + 1];
	uint32_t rcpt;
};

struct agent {
	TAILQ_ENTRY(agent) next;
	struct qmgr *q;
	struct ipc_link *link;
	bool told; /* UNDERWAY_END has come */
	size_t underway;
	size_t n_foreign;
	TAILQ_HEAD(, foreign) foreign;
};

static struct foreign *
find_foreign(struct agent *a, struct span name, uint32_t rcpt)
{
	struct foreign *f;

	TAILQ_FOREACH (f, &a->foreign, next)
		if (f->rcpt == rcpt && span_eq(span_of(f->name), name))
			return f;
	return NULL;
}

static void
drop_foreign(struct agent *a, struct foreign *f)
{
	TAILQ_REMOVE(&a->foreign, f, next);
	a->n_foreign--;
	free(f);
}

/* Whatever waits for a worker may go now. */
static void
kick_all(struct qmgr *q)
{
	struct message *m, *after;

	for (size_t i = 0; i < QMGR_BUCKETS; i++)
		for (m = TAILQ_FIRST(&q->buckets[i]); m != NULL; m = after) {
			after = TAILQ_NEXT(m, next);
			message_kick(m);
		}
}

static void
on_underway(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct agent *a = ctx;
	struct foreign *f;

	(void)link;
	if (a->told || a->n_foreign == FOREIGN_MAX)
		return; /* it lies, or what it does is found by its name */
	f = mem_alloc(sizeof(*f));
	f->rcpt = msg->underway.rcpt;
	if (!span_copy(msg->underway.qid, f->name, sizeof(f->name))) {
		free(f);
		return;
	}
	TAILQ_INSERT_TAIL(&a->foreign, f, next);
	a->n_foreign++;
}

static void
on_underway_end(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct agent *a = ctx;

	(void)link;
	(void)msg;
	a->told = true;
	kick_all(a->q);
}

static void
on_delivered(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_delivered *d = &msg->delivered;
	struct agent *a = ctx;
	struct message *m = message_find(a->q, d->qid);
	struct foreign *f = find_foreign(a, d->qid, d->rcpt);
	struct qmgr *q = a->q;
	struct buf text;
	struct why why;

	(void)link;
	if (f != NULL)
		drop_foreign(a, f);
	/* not (any more) an attempt of this message at this worker */
	if (m == NULL || m->env == NULL || d->rcpt >= m->env->n_rcpts ||
	    m->attempts[d->rcpt].agent != a)
		return;
	if (f == NULL)
		a->underway--;
	buf_init(&text, 1024);
	buf_put_span(&text, d->text);
	why_set(&why,
	    d->rc == RC_OK     ? RC_OK
	    : d->rc == RC_PERM ? RC_PERM
			       : RC_TEMP,
	    d->rc == RC_OK ? "2.0.0" : "4.3.0", "%s", buf_cstr(&text));
	(void)span_copy(d->status, why.status, sizeof(why.status));
	buf_fini(&text);
	message_outcome(m, d->rcpt, &why);
	/* some were held back because all workers had enough */
	if (q->starved && agent_underway(q) < UNDERWAY_MAX / 2) {
		q->starved = false;
		kick_all(q);
	}
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_DELIVERED] = on_delivered,
    [MSG_UNDERWAY] = on_underway,
    [MSG_UNDERWAY_END] = on_underway_end,
};

/* All of m that was under way there has an unknown end. */
static void
orphan(struct message *m, const struct agent *a)
{
	struct why unknown = {.rc = RC_WAIT};
	size_t n = m->env == NULL ? 0 : m->env->n_rcpts;
	size_t mine = 0;

	for (size_t i = 0; i < n; i++)
		mine += m->attempts[i].agent == a;
	/* the last outcome may release the message */
	for (size_t i = 0; mine > 0; i++) {
		if (m->attempts[i].agent != a)
			continue;
		mine--;
		message_outcome(m, i, &unknown);
	}
}

static void
orphan_all(struct qmgr *q, const struct agent *a)
{
	struct message *m, *after;

	for (size_t b = 0; b < QMGR_BUCKETS; b++)
		for (m = TAILQ_FIRST(&q->buckets[b]); m != NULL; m = after) {
			after = TAILQ_NEXT(m, next);
			orphan(m, a);
		}
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct agent *a = ctx;
	struct qmgr *q = a->q;
	struct foreign *f;

	worker_link_closed(q->w, link, why);
	TAILQ_REMOVE(&q->agents, a, next);
	ipc_link_free(&a->link);
	orphan_all(q, a);
	while ((f = TAILQ_FIRST(&a->foreign)) != NULL)
		drop_foreign(a, f);
	free(a);
	kick_all(q);
}

void
agent_new(struct qmgr *q, int fd)
{
	struct agent *a = mem_alloc(sizeof(*a));

	a->q = q;
	TAILQ_INIT(&a->foreign);
	/* the newest first: older ones are about to finish */
	TAILQ_INSERT_HEAD(&q->agents, a, next);
	a->link = worker_link_new(q->w, ROLE_LOCAL, fd, handlers, on_closed, a);
}

static struct agent *
choose(struct message *m, size_t rcpt)
{
	struct agent *a, *best = NULL;
	struct foreign *f;

	TAILQ_FOREACH (a, &m->q->agents, next)
		if (!a->told)
			return NULL;
	TAILQ_FOREACH (a, &m->q->agents, next) {
		f = find_foreign(a, span_of(m->name), (uint32_t)rcpt);
		if (f != NULL)
			return a; /* it is under way already */
		if (a->underway < UNDERWAY_MAX &&
		    (best == NULL || a->underway < best->underway))
			best = a;
	}
	if (best == NULL)
		m->q->starved = true;
	return best;
}

struct agent *
agent_deliver(struct message *m, size_t rcpt)
{
	const struct envelope_rcpt *r = &m->env->rcpts[rcpt];
	struct agent *a = choose(m, rcpt);
	struct msg_deliver job = {.qid = span_of(m->name),
	    .rcpt = (uint32_t)rcpt,
	    .again = m->attempts[rcpt].again,
	    .account = span_of(r->account),
	    .sender = span_of(m->env->sender),
	    .trace = buf_span(&m->trace),
	    .arrived = m->env->arrived_us,
	    .offset = m->offset,
	    .size = m->size,
	    .file = m->fd};

	if (a == NULL || find_foreign(a, job.qid, (uint32_t)rcpt) != NULL)
		return a;
	if (!proto_send_deliver(a->link, &job))
		return NULL;
	a->underway++;
	return a;
}

size_t
agent_underway(const struct qmgr *q)
{
	const struct agent *a;
	size_t n = 0;

	TAILQ_FOREACH (a, &q->agents, next)
		n += a->underway;
	return n;
}

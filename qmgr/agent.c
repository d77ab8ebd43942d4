/*
 * The delivery workers: see agent.h. A new link first tells what the worker
 * still does for an earlier qmgr; until all have, nothing is given out.
 */
#include <stdlib.h>

#include "lib/addr/detail.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/directory/action.h"
#include "qmgr/agent.h"
#include "qmgr/forward.h"
#include "qmgr/route.h"
#include "qmgr/schedule.h"
#include "lib/base/banned.h"

#define FOREIGN_MAX 4096
/* at one worker: more waits here. A remote one has a file and a connection for
 * each job, but hosts that take minutes for it */
#define LOCAL_MAX 512  /* recipients */
#define RCPTS_MAX 2048 /* the same, at a remote one */
#define JOBS_MAX  512
#define HOSTS_MAX 16384 /* bytes of names, or of passwords */

/* under way for the qmgr before us */
struct foreign {
	TAILQ_ENTRY(foreign) next;
	char name[STORE_NAME_MAX + 1];
	uint32_t rcpt;
	bool done; /* relayed, before its message was loaded here */
	bool dsn;  /* likewise, to a host that tells of success itself */
};

/* a message on its way to one destination */
struct relay {
	TAILQ_ENTRY(relay) next;
	uint64_t id;
	struct site *site;
	size_t left; /* recipients without an outcome */
	bool spoken; /* somebody there had a say */
	struct why trouble;
};

struct agent {
	TAILQ_ENTRY(agent) next;
	struct qmgr *q;
	enum role role;
	struct ipc_link *link;
	uint64_t last_job;
	size_t n_jobs;
	TAILQ_HEAD(, relay) jobs;
	bool told;    /* UNDERWAY_END has come */
	bool retired; /* RETIRE has: it is to finish */
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
	schedule_run(q);
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
on_retire(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct agent *a = ctx;

	(void)link;
	(void)msg;
	a->retired = true;
}

/*
 * The message of an outcome, if it is an attempt of its at this worker; *old:
 * one that was under way for the qmgr before us.
 */
static struct message *
attempt_of(struct agent *a, struct span qid, uint32_t rcpt, bool *old)
{
	struct message *m = message_find(a->q, qid);
	struct foreign *f = find_foreign(a, qid, rcpt);

	*old = f != NULL;
	if (m == NULL || m->env == NULL || rcpt >= m->env->n_rcpts ||
	    m->attempts[rcpt].agent != a)
		return NULL;
	if (f != NULL)
		drop_foreign(a, f);
	else
		a->underway--;
	return m;
}

/*
 * The end of what was under way for the qmgr before us, and is not yet here:
 * when its message is loaded it shall not be sent again. Any other end than
 * success does not matter: it is attempted anew.
 */
static void
note_foreign(struct agent *a, const struct msg_relayed *d)
{
	struct span qid = d->qid;
	uint32_t rcpt = d->rcpt;
	struct foreign *f = find_foreign(a, qid, rcpt);
	struct message *m = message_find(a->q, qid);

	if (f == NULL)
		return;
	if (d->rc != RC_OK) {
		drop_foreign(a, f);
		return;
	}
	/* m may be on the disk only, or have ended: the note stays, as one of
	 * FOREIGN_MAX */
	f->done = true;
	f->dsn = d->dsn != 0;
	if (m == NULL)
		return;
	/* it may wait for its turn: it must not have it */
	schedule_cancel(m);
	message_kick(m);
}

/* What a worker says is not believed further than this. */
static struct why
why_of(uint8_t rc, struct span status, struct span said)
{
	struct buf text;
	struct why why;

	buf_init(&text, 1024);
	buf_put_span(&text, span_head(said, WHY_TEXT_MAX));
	why_set(&why,
	    rc == RC_OK     ? RC_OK
	    : rc == RC_PERM ? RC_PERM
			    : RC_TEMP,
	    rc == RC_OK ? "2.0.0" : "4.3.0", "%s", buf_cstr(&text));
	(void)span_copy(status, why.status, sizeof(why.status));
	buf_fini(&text);
	return why;
}

/* What is on its way to other hosts takes no room at these. */
static size_t
local_underway(const struct qmgr *q)
{
	const struct agent *a;
	size_t n = 0;

	TAILQ_FOREACH (a, &q->agents, next)
		n += a->role == ROLE_LOCAL ? a->underway : 0;
	return n;
}

/* Some were held back because all workers had enough. */
static void
feed(struct qmgr *q)
{
	if (!q->starved || local_underway(q) >= LOCAL_MAX / 2)
		return;
	q->starved = false;
	kick_all(q);
}

static void
on_delivered(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_delivered *d = &msg->delivered;
	struct agent *a = ctx;
	struct qmgr *q = a->q;
	struct message *m;
	struct why why;
	bool old;

	(void)link;
	m = attempt_of(a, d->qid, d->rcpt, &old);
	if (m == NULL) {
		/* the repetition finds its name */
		note_foreign(
		    a, &(struct msg_relayed){
			   .qid = d->qid, .rcpt = d->rcpt, .rc = RC_TEMP});
		return;
	}
	why = why_of(d->rc, d->status, d->text);
	message_outcome(m, d->rcpt, &why);
	feed(q);
}

/* The worker has done its part; the attempt goes on here. */
static void
on_forward(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_forward *d = &msg->forward;
	struct agent *a = ctx;
	struct message *m;
	bool old;

	(void)link;
	m = attempt_of(a, d->qid, d->rcpt, &old);
	if (m == NULL)
		/* asked again it says the same */
		note_foreign(
		    a, &(struct msg_relayed){
			   .qid = d->qid, .rcpt = d->rcpt, .rc = RC_TEMP});
	else
		forward_start(m, d->rcpt, d);
	feed(a->q);
}

static struct relay *
find_job(struct agent *a, uint64_t id)
{
	struct relay *j;

	TAILQ_FOREACH (j, &a->jobs, next)
		if (j->id == id)
			return j;
	return NULL;
}

static void
end_job(struct agent *a, struct relay *j, enum schedule_verdict verdict)
{
	TAILQ_REMOVE(&a->jobs, j, next);
	a->n_jobs--;
	schedule_heard(j->site, j->left);
	schedule_ended(a->q, j->site, verdict, &j->trouble);
	free(j);
}

static void
on_relayed(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_relayed *d = &msg->relayed;
	struct agent *a = ctx;
	struct relay *j = NULL;
	struct message *m;
	struct why why;
	bool old;

	(void)link;
	m = attempt_of(a, d->qid, d->rcpt, &old);
	if (m == NULL) {
		note_foreign(a, d);
		return;
	}
	/* by our own note of it: the worker's number is not needed */
	if (!old)
		j = find_job(a, m->attempts[d->rcpt].job);
	why = why_of(d->rc, d->status, d->text);
	a->q->n_relayed += why.rc == RC_OK;
	message_reply(m, d->rcpt, d);
	m->attempts[d->rcpt].dsn = d->dsn != 0;
	m->attempts[d->rcpt].by = d->by != 0;
	message_outcome(m, d->rcpt, &why);
	if (j == NULL)
		return;
	if (why.rc == RC_TEMP && d->site)
		j->trouble = why;
	else
		j->spoken = true;
	j->left--;
	schedule_heard(j->site, 1);
	if (j->left == 0)
		end_job(a, j, j->spoken ? SCHEDULE_FINE : SCHEDULE_TROUBLE);
}

/* which of them may come from whom says the schema */
static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_DELIVERED] = on_delivered,
    [MSG_FORWARD] = on_forward,
    [MSG_RELAYED] = on_relayed,
    [MSG_UNDERWAY] = on_underway,
    [MSG_UNDERWAY_END] = on_underway_end,
    [MSG_RETIRE] = on_retire,
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
	while (!TAILQ_EMPTY(&a->jobs))
		end_job(a, TAILQ_FIRST(&a->jobs), SCHEDULE_UNKNOWN);
	free(a);
	kick_all(q);
}

void
agent_new(struct qmgr *q, enum role role, int fd)
{
	struct agent *a = mem_alloc(sizeof(*a));

	a->q = q;
	a->role = role;
	TAILQ_INIT(&a->foreign);
	TAILQ_INIT(&a->jobs);
	/* the newest first: older ones are about to finish */
	TAILQ_INSERT_HEAD(&q->agents, a, next);
	a->link = worker_link_new(q->w, role, fd, handlers, on_closed, a);
}

static size_t
rcpts_max(const struct agent *a)
{
	return a->role == ROLE_LOCAL ? LOCAL_MAX : RCPTS_MAX;
}

static bool
has_room(const struct agent *a)
{
	return a->told && !a->retired && a->underway < rcpts_max(a) &&
	       a->n_jobs < JOBS_MAX;
}

/*
 * The worker of that role with the least to do, NULL for none. None either
 * while one of them has not told what it still does: it may be this.
 */
static struct agent *
choose(struct qmgr *q, enum role role)
{
	struct agent *a, *best = NULL;

	TAILQ_FOREACH (a, &q->agents, next) {
		if (a->role != role)
			continue;
		if (!a->told)
			return NULL;
		if (has_room(a) &&
		    (best == NULL || a->underway < best->underway))
			best = a;
	}
	return best;
}

struct agent_room
agent_room(const struct qmgr *q, enum role role)
{
	struct agent_room room = {0, 0};
	const struct agent *a;

	TAILQ_FOREACH (a, &q->agents, next) {
		if (a->role != role || !has_room(a))
			continue;
		room.jobs += JOBS_MAX - a->n_jobs;
		room.rcpts += rcpts_max(a) - a->underway;
	}
	return room;
}

/* Is it under way for the qmgr before us? At whom, or NULL. */
static struct agent *
at_work(struct message *m, enum role role, size_t rcpt)
{
	struct agent *a;

	TAILQ_FOREACH (a, &m->q->agents, next)
		if (a->role == role && a->n_foreign > 0 &&
		    find_foreign(a, span_of(m->name), (uint32_t)rcpt) != NULL)
			return a;
	return NULL;
}

bool
agent_settled(struct message *m, size_t rcpt, bool *dsn)
{
	struct agent *a = at_work(m, ROLE_REMOTE, rcpt);
	struct foreign *f;

	if (a == NULL)
		return false;
	f = find_foreign(a, span_of(m->name), (uint32_t)rcpt);
	if (f == NULL || !f->done)
		return false;
	*dsn = f->dsn;
	drop_foreign(a, f);
	return true;
}

/*
 * The mailbox sees the detail that the mail was sent to: `account` names whose
 * it is; an action sees the address. Made from what the queue file says, so
 * that a repetition is the same. False: there is none.
 */
static bool
put_address(
    struct buf *b, const struct message *m, const struct envelope_rcpt *r)
{
	const struct directory *d = m->q->directory;
	struct buf address;
	bool is;

	buf_init(&address, 1024);
	if (action_is(span_of(r->account)))
		is = buf_puts(&address, r->address);
	else
		is = d != NULL &&
		     addr_detail_of(span_of(r->address), span_of(r->account),
			 directory_delimiters(d), &address);
	if (is) {
		buf_puts(b, "Delivered-To: ");
		buf_put_span(b, buf_span(&address));
		buf_puts(b, "\n");
	}
	buf_fini(&address);
	if (!is)
		return false;
	buf_put_span(b, buf_span(&m->trace));
	return true;
}

struct agent *
agent_deliver(struct message *m, size_t rcpt, bool batch)
{
	const struct envelope_rcpt *r = &m->env->rcpts[rcpt];
	struct agent *a = at_work(m, ROLE_LOCAL, rcpt);
	struct msg_deliver job = {.qid = span_of(m->name),
	    .rcpt = (uint32_t)rcpt,
	    .again = m->attempts[rcpt].again,
	    .batch = batch,
	    .account = span_of(r->account),
	    .sender = span_of(m->env->sender),
	    .arrived = m->env->arrived_us,
	    .offset = m->offset,
	    .size = m->size,
	    .file = m->fd};
	struct buf trace;

	if (a != NULL)
		return a;
	a = choose(m->q, ROLE_LOCAL);
	if (a == NULL) {
		m->q->starved = true;
		return NULL;
	}
	buf_init(&trace, m->trace.n + 1024);
	job.trace =
	    put_address(&trace, m, r) ? buf_span(&trace) : buf_span(&m->trace);
	if (proto_send_deliver(a->link, &job))
		a->underway++;
	else
		a = NULL;
	buf_fini(&trace);
	return a;
}

void
agent_batch_end(const struct message *m)
{
	struct agent *a;

	/* one that is to finish waits for nothing */
	TAILQ_FOREACH (a, &m->q->agents, next)
		if (a->role == ROLE_LOCAL && !a->retired)
			(void)proto_send_batch_end(
			    a->link, &(struct msg_batch_end){span_of(m->name)});
}

/* Of each host its own; where there is none nobody logs in. */
static void
put_passwords(const struct qmgr *q, const struct route *route, struct buf *b)
{
	for (size_t i = 0; i < route->n && route->login.n > 0; i++) {
		buf_puts(b, i > 0 ? "\n" : "");
		if (route->smart)
			buf_put(b, q->passwords.smart.p, q->passwords.smart.n);
		else
			buf_put_span(b, passwords_find(&q->passwords,
					    route->via[i].host, route->login));
	}
}

static bool
send_rcpts(
    struct agent *a, const struct message *m, const struct agent_group *group)
{
	for (size_t i = 0; i < group->n; i++) {
		size_t rcpt = group->rcpts[i];
		const struct envelope_rcpt *r = &m->env->rcpts[rcpt];

		if (!proto_send_relay_rcpt(
			a->link, &(struct msg_relay_rcpt){.job = a->last_job,
				     .rcpt = (uint32_t)rcpt,
				     .address = span_of(r->address),
				     .notify = r->notify,
				     .orcpt = span_of(r->orcpt)}))
			return false;
	}
	return true;
}

static bool
send_job(struct agent *a, const struct message *m, const struct route *route,
    const struct agent_group *group)
{
	struct buf hosts, passwords, by;
	bool sent;

	buf_init(&by, 64);
	addr_by_put(&by, &m->env->by);
	buf_init(&hosts, HOSTS_MAX);
	buf_init(&passwords, HOSTS_MAX);
	route_hosts(route, &hosts);
	put_passwords(m->q, route, &passwords);
	sent =
	    send_rcpts(a, m, group) &&
	    proto_send_relay(a->link, &(struct msg_relay){.job = a->last_job,
					  .qid = span_of(m->name),
					  .recipients = (uint32_t)group->n,
					  .sender = span_of(m->env->sender),
					  .ret = m->env->ret,
					  .envid = span_of(m->env->envid),
					  .utf8 = m->env->utf8,
					  .priority = (uint8_t)m->env->priority,
					  .need = (uint8_t)m->env->need,
					  .by = buf_span(&by),
					  .hosts = buf_span(&hosts),
					  .mx = route_is_mx(route),
					  .lmtp = route->lmtp,
					  .source = route->source,
					  .tls = (uint8_t)route->tls,
					  .login = route->login,
					  .passwords = buf_span(&passwords),
					  .offset = m->offset,
					  .size = m->size,
					  .file = m->fd});
	secret_wipe(passwords.p, passwords.n);
	buf_fini(&hosts);
	buf_fini(&passwords);
	buf_fini(&by);
	return sent;
}

/* Those under way already are noted; the others' numbers come to the front. */
static size_t
set_apart(struct message *m, const struct agent_group *group, size_t *rest)
{
	size_t n = 0;

	for (size_t i = 0; i < group->n; i++) {
		size_t rcpt = group->rcpts[i];
		struct agent *a = at_work(m, ROLE_REMOTE, rcpt);

		if (a == NULL) {
			rest[n++] = rcpt;
			continue;
		}
		m->attempts[rcpt].agent = a;
		m->underway++;
	}
	return n;
}

bool
agent_relay(struct message *m, struct site *site, const struct route *route,
    const struct agent_group *group)
{
	size_t rest[SCHEDULE_GROUP];
	struct agent *a = choose(m->q, ROLE_REMOTE);
	struct agent_group mine = {rest, 0};
	struct relay *j;

	if (a == NULL)
		return false;
	mine.n = set_apart(m, group, rest);
	if (mine.n == 0)
		return true;
	a->last_job++;
	/* its link is at an end: on_closed comes, and they are tried anew */
	(void)send_job(a, m, route, &mine);
	j = mem_alloc(sizeof(*j));
	j->id = a->last_job;
	j->site = site;
	j->left = mine.n;
	TAILQ_INSERT_TAIL(&a->jobs, j, next);
	a->n_jobs++;
	for (size_t i = 0; i < mine.n; i++) {
		m->attempts[rest[i]].agent = a;
		m->attempts[rest[i]].job = j->id;
	}
	m->underway += mine.n;
	a->underway += mine.n;
	schedule_given(site, mine.n);
	return true;
}

bool
agent_exists(const struct qmgr *q, enum role role)
{
	const struct agent *a;

	TAILQ_FOREACH (a, &q->agents, next)
		if (a->role == role)
			return true;
	return false;
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

/*
 * Messages that wait: see idle.h. One job on the index at a time, so nobody
 * else uses it while it is closed, and changes are made in the order in which
 * they were asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/idle.h"
#include "qmgr/recover.h"
#include "lib/base/banned.h"

#define CHUNK       256  /* changes in a transaction */
#define LOADING_MAX 16   /* files being read: new mail wants the threads, too */
#define LOADED_MAX  2500 /* more than can wait for destinations */
#define CROWDED     1000
#define BLOCKED_MS  100 /* until somebody has left */
#define TIMER_MAX   3600000

struct idle {
	struct qmgr *q;
	int dir;
	struct db_boot boot;
	struct index *index; /* NULL: it cannot be used */
	bool failed;         /* said so */
	bool relist;         /* files are to be listed again */
	bool closing;
	uint64_t clock_ms; /* 1970 to the monotonic clock's start */
	uint64_t next_ms;  /* the earliest due that is known */
	bool taking;
	struct event *timer;
	uint64_t seq;
	struct index_change *pending;
	size_t n_pending;
	size_t room;
	bool writing;
	STAILQ_HEAD(, idle_job) jobs;
	struct idle_job *job; /* under way */
};

struct open_job {
	struct idle_job job;
	int dir;
	struct db_boot boot;
	struct index *opened;
	bool fresh;
};

struct write_job {
	struct idle_job job;
	struct index_change *changes;
	size_t n;
	size_t written;
};

struct take_job {
	struct idle_job job;
	uint64_t now_ms;
	uint64_t next_ms;
	size_t n;
	struct record r[LOADING_MAX];
};

/* ---- one job at a time ---- */

/* each begins the next */
static void start_next(struct idle *idle);

static void
work_open(void *arg)
{
	struct open_job *j = arg;

	j->job.rc =
	    index_open(j->dir, &j->boot, &j->opened, &j->fresh, &j->job.why);
}

static void
work_job(void *arg)
{
	struct idle_job *j = arg;

	if (j->index != NULL || j->work == work_open)
		j->work(j);
}

static void
done_job(void *arg)
{
	struct idle_job *j = arg;
	struct idle *idle = j->idle;

	idle->job = NULL;
	/* nobody else uses it now */
	if (idle->index != NULL && !index_usable(idle->index)) {
		LOG(QUEUE_INDEX, log_str("damaged, or dropped"));
		idle->failed = true;
		index_close(&idle->index);
	}
	j->done(j);
	if (idle->job == NULL)
		start_next(idle);
}

static void
start_next(struct idle *idle)
{
	struct idle_job *j = STAILQ_FIRST(&idle->jobs);

	if (j == NULL)
		return;
	STAILQ_REMOVE_HEAD(&idle->jobs, next);
	idle->job = j;
	j->index = idle->index;
	j->rc = RC_OK;
	if (j->index == NULL)
		j->rc = why_set(&j->why, RC_TEMP, "4.3.0",
		    "the index of the queue cannot be used now: try again");
	pool_submit(idle->q->pool, work_job, done_job, j);
}

/* ---- changes ---- */

static struct index_change *
change(struct idle *idle, enum index_act act)
{
	struct index_change *c;

	if (idle->n_pending == idle->room) {
		idle->room = idle->room == 0 ? 16 : idle->room * 2;
		idle->pending = mem_grow(
		    idle->pending, idle->room * sizeof(*idle->pending));
	}
	c = &idle->pending[idle->n_pending++];
	*c = (struct index_change){.act = act, .seq = ++idle->seq};
	return c;
}

/* It stays in memory, and wakes by a timer of its own. */
static void
stay(struct message *m)
{
	uint64_t now = clock_mono_ms();

	if (!m->held)
		message_set_timer(m, m->due_ms > now ? m->due_ms - now : 0);
}

static void
work_write(void *arg)
{
	struct write_job *j = arg;

	while (j->job.rc == RC_OK && j->written < j->n) {
		size_t n = j->n - j->written;

		n = n < CHUNK ? n : CHUNK;
		j->job.rc = index_write(
		    j->job.index, j->changes + j->written, n, &j->job.why);
		j->written += j->job.rc == RC_OK ? n : 0;
	}
}

/* What was put is in memory no more, unless it has been wanted since. */
static void
conclude(struct idle *idle, const struct index_change *c, bool written)
{
	struct message *m;

	if (written && c->act == INDEX_PUT && c->r.line == RECORD_DUE &&
	    c->r.due_ms < idle->next_ms)
		idle->next_ms = c->r.due_ms;
	if (c->act == INDEX_ADD || c->act == INDEX_FIRST)
		idle->next_ms = 0;
	if (!written && c->act != INDEX_PUT)
		idle->relist = true;
	if (c->act != INDEX_PUT)
		return;
	m = message_find(idle->q, span_of(c->r.name));
	if (m == NULL || m->state != MESSAGE_IDLE || m->changing ||
	    m->put_seq != c->seq)
		return;
	if (written)
		message_free(m);
	else
		stay(m);
}

static void
say_failed(struct idle *idle, const struct why *why)
{
	if (!idle->failed)
		LOG(QUEUE_INDEX, log_str(why->text));
	idle->failed = true;
}

/* and what has come meanwhile */
static void write_changes(struct idle *idle);

static void
done_write(void *arg)
{
	struct write_job *j = arg;
	struct idle *idle = j->job.idle;

	if (j->job.rc != RC_OK)
		say_failed(idle, &j->job.why);
	else
		idle->failed = false;
	for (size_t i = 0; i < j->n; i++)
		conclude(idle, &j->changes[i], i < j->written);
	free(j->changes);
	free(j);
	idle->writing = false;
	write_changes(idle);
	idle_run(idle->q);
}

/* All that has been asked for since the last time. */
static void
write_changes(struct idle *idle)
{
	struct write_job *j;

	if (idle->writing || idle->n_pending == 0)
		return;
	j = mem_alloc(sizeof(*j));
	j->changes = idle->pending;
	j->n = idle->n_pending;
	idle->pending = NULL;
	idle->n_pending = idle->room = 0;
	idle->writing = true;
	idle_submit(idle->q, &j->job, work_write, done_write);
}

void
idle_mark(struct message *m)
{
	m->q->n_recorded += !m->recorded;
	m->recorded = true;
}

void
idle_put(struct message *m)
{
	struct idle *idle = m->q->idle;
	struct index_change *c;

	if (idle == NULL || idle->index == NULL || idle->closing) {
		stay(m);
		return;
	}
	c = change(idle, INDEX_PUT);
	/* names of ours, and as long as theirs */
	(void)span_copy(span_of(m->name), c->r.name, sizeof(c->r.name));
	(void)span_copy(span_of(m->file), c->r.file, sizeof(c->r.file));
	(void)span_copy(span_of(m->reason), c->r.reason, sizeof(c->r.reason));
	c->r.in_cur = m->in_cur;
	c->r.line = m->held ? RECORD_HELD : RECORD_DUE;
	c->r.due_ms = idle->clock_ms + m->due_ms;
	c->r.rounds = m->rounds;
	c->r.steps = m->steps;
	m->put_seq = c->seq;
	idle_mark(m);
	write_changes(idle);
}

void
idle_forget(struct message *m)
{
	struct idle *idle = m->q->idle;

	/* a listing that began before this shall not bring it back */
	if (m->q->recover != NULL)
		(void)nameset_add(&m->q->ended, span_of(m->name));
	if (idle != NULL && m->recorded)
		idle_drop(m->q, m->name);
}

static void
by_name(struct qmgr *q, enum index_act act, const char *name)
{
	struct index_change *c;

	if (q->idle->index == NULL)
		return; /* when it is opened, it learns from the files */
	c = change(q->idle, act);
	(void)span_copy(span_of(name), c->r.name,
	    sizeof(c->r.name)); /* a record's or message's name */
	write_changes(q->idle);
}

void
idle_drop(struct qmgr *q, const char *name)
{
	by_name(q, INDEX_DEL, name);
}

void
idle_first(struct qmgr *q, const char *name)
{
	by_name(q, INDEX_FIRST, name);
}

void
idle_add(struct qmgr *q, const struct record *r)
{
	change(q->idle, INDEX_ADD)->r = *r;
	write_changes(q->idle);
}

/* ---- what is due ---- */

static void
set_timer(struct idle *idle, uint64_t ms)
{
	struct timeval tv = {(time_t)(ms / 1000), (int)(ms % 1000) * 1000};

	evtimer_add(idle->timer, &tv);
}

static void
work_take(void *arg)
{
	struct take_job *j = arg;

	struct index_slice s = {j->r, j->n};

	j->job.rc =
	    index_take(j->job.index, j->now_ms, &s, &j->next_ms, &j->job.why);
	j->n = s.n;
}

static void
done_take(void *arg)
{
	struct take_job *j = arg;
	struct idle *idle = j->job.idle;
	struct qmgr *q = idle->q;

	idle->taking = false;
	if (j->job.rc != RC_OK) {
		say_failed(idle, &j->job.why);
		idle->next_ms = j->now_ms + BLOCKED_MS;
		j->n = 0;
	} else {
		idle->next_ms = j->next_ms;
	}
	for (size_t i = 0; i < j->n; i++) {
		struct message *m = message_find(q, span_of(j->r[i].name));

		if (m != NULL)
			idle_mark(m);
		else
			message_wake(message_recall(q, &j->r[i]));
	}
	free(j);
	idle_run(q);
}

void
idle_run(struct qmgr *q)
{
	struct idle *idle = q->idle;
	struct take_job *j;
	uint64_t now;

	if (idle == NULL || idle->index == NULL || idle->taking ||
	    q->w->draining)
		return;
	now = idle_now(q);
	if (now < idle->next_ms) {
		uint64_t ms = idle->next_ms - now;

		set_timer(idle, ms < TIMER_MAX ? ms : TIMER_MAX);
		return;
	}
	if (q->n_active >= LOADED_MAX) {
		set_timer(idle, BLOCKED_MS);
		return;
	}
	/* when those have been read, this is called again */
	if (q->n_loading > LOADING_MAX / 2)
		return;
	j = mem_alloc(sizeof(*j));
	j->now_ms = now;
	j->n = LOADING_MAX - q->n_loading;
	idle->taking = true;
	idle_submit(q, &j->job, work_take, done_take);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	idle_run(arg);
}

bool
idle_crowded(const struct qmgr *q)
{
	return q->idle != NULL && q->idle->index != NULL &&
	       q->n_active > CROWDED;
}

void
idle_hurried(struct qmgr *q)
{
	q->idle->next_ms = 0;
	idle_run(q);
}

/* ---- opening and closing ---- */

static void
done_open(void *arg)
{
	struct open_job *j = arg;
	struct idle *idle = j->job.idle;
	struct qmgr *q = idle->q;
	struct message *m;

	if (j->job.rc != RC_OK) {
		say_failed(idle, &j->job.why);
		free(j);
		return;
	}
	idle->index = j->opened;
	idle->next_ms = 0;
	for (size_t i = 0; j->fresh && i < QMGR_BUCKETS; i++)
		TAILQ_FOREACH (m, &q->buckets[i], next)
			m->recorded = false;
	q->n_recorded = j->fresh ? 0 : q->n_recorded;
	idle->relist = false;
	free(j);
	if (q->recover == NULL)
		recover_start(q);
	else
		idle->relist = true;
	idle_run(q);
}

static void
open_index(struct idle *idle)
{
	struct open_job *j = mem_alloc(sizeof(*j));

	j->dir = idle->dir;
	j->boot = idle->boot;
	idle_submit(idle->q, &j->job, work_open, done_open);
}

void
idle_submit(
    struct qmgr *q, struct idle_job *job, pool_work *work, pool_done *done)
{
	struct idle *idle = q->idle;

	job->idle = idle;
	job->work = work;
	job->done = done;
	STAILQ_INSERT_TAIL(&idle->jobs, job, next);
	if (idle->job == NULL)
		start_next(idle);
}

void
idle_start(struct qmgr *q, const char *folder, const struct db_boot *boot)
{
	struct idle *idle = mem_alloc(sizeof(*idle));

	idle->q = q;
	idle->boot = *boot;
	idle->dir =
	    open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	idle->clock_ms = clock_real_us() / 1000 - clock_mono_ms();
	idle->timer = evtimer_new(q->w->base, on_timer, q);
	if (idle->timer == NULL)
		bug("evtimer_new");
	STAILQ_INIT(&idle->jobs);
	q->idle = idle;
	open_index(idle);
}

void
idle_relist(struct qmgr *q)
{
	if (q->idle != NULL)
		q->idle->relist = true;
}

void
idle_check(struct qmgr *q)
{
	struct idle *idle = q->idle;

	if (q->w->draining)
		return;
	if (idle->index == NULL && idle->job == NULL) {
		open_index(idle);
	} else if (idle->relist && q->recover == NULL) {
		idle->relist = false;
		recover_start(q);
	}
}

static void
work_close(void *arg)
{
	struct idle_job *j = arg;

	index_close(&j->index);
}

static void
done_close(void *arg)
{
	free(arg);
}

bool
idle_stopped(struct qmgr *q)
{
	struct idle *idle = q->idle;
	struct idle_job *j;

	if (idle->job != NULL || idle->writing || q->recover != NULL)
		return false;
	if (idle->closing || idle->index == NULL)
		return true;
	j = mem_alloc(sizeof(*j));
	idle_submit(q, j, work_close, done_close);
	idle->index = NULL; /* the job has it */
	idle->closing = true;
	return false;
}

void
idle_free(struct idle **idlep)
{
	struct idle *idle = *idlep;

	*idlep = NULL;
	if (idle == NULL)
		return;
	event_free(idle->timer);
	index_close(&idle->index);
	io_close(&idle->dir);
	free(idle->pending);
	free(idle);
}

uint64_t
idle_now(const struct qmgr *q)
{
	return q->idle->clock_ms + clock_mono_ms();
}

uint64_t
idle_records(const struct qmgr *q)
{
	return q->idle != NULL && q->idle->index != NULL
		   ? index_count(q->idle->index)
		   : 0;
}

uint64_t
idle_messages(const struct qmgr *q)
{
	if (q->idle == NULL || q->idle->index == NULL)
		return q->n_messages;
	/* some are in both */
	return q->n_messages + idle_records(q) - q->n_recorded;
}

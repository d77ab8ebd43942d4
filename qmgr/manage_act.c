/*
 * queue flush, hold, release, delete, bounce: of one message, or of all: those
 * in memory first, some buckets a turn, then those in the index, some a job.
 * What is held, released or deleted comes into memory for that time; what is to
 * be attempted only becomes due. What changes a file is done in a thread; the
 * message is told to be changing first, so that no attempt begins, and its new
 * state counts when it is on disk.
 */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/history_event.h"
#include "qmgr/manage.h"
#include "qmgr/schedule.h"
#include "lib/base/banned.h"

#define BUCKETS_TURN 64
#define SLICE        64  /* records in a job */
#define PENDING_MAX  256 /* jobs in the pool: others want it, too */
#define PENDING_MS   20
/* for one that is just being written or read, which is soon over */
#define BUSY_TRIES 50
#define BUSY_MS    100

enum act {
	ACT_FLUSH,
	ACT_HOLD,
	ACT_RELEASE,
	ACT_DELETE,
	ACT_BOUNCE,
};

/* A message to be changed: what the thread needs, and how it went. */
struct target {
	char name[STORE_NAME_MAX + 1];
	char *file;
	int folder;
	enum rc rc;
	struct why why;
};

struct acting {
	struct manage_ask ask;
	struct idle_job job;
	enum act act;
	bool all;
	char name[STORE_NAME_MAX + 1]; /* unless all */
	size_t bucket;
	uint64_t hurry_ms;              /* flush: what waits is due then */
	uint64_t hurry_max;             /* records at most: some come back */
	char after[STORE_NAME_MAX + 1]; /* the last record looked at */
	bool ended;
	size_t n_records;
	struct record records[SLICE];
	uint64_t done;
	uint64_t failed;
	struct why why; /* the first failure's */
	uint64_t busy;  /* in this pass: another one is for them */
	unsigned passes;
	struct why busy_why;
	size_t n_targets;
	size_t room;
	struct target *targets;
};

static void
failed(struct acting *a, const struct why *why)
{
	if (a->failed++ == 0)
		a->why = *why;
}

static void
busy(struct acting *a, const struct why *why)
{
	if (a->busy++ == 0)
		a->busy_why = *why;
}

/* Does it concern m at all? Said when only m was asked for. */
static enum rc
check(const struct acting *a, const struct message *m, struct why *why)
{
	switch (a->act) {
	case ACT_FLUSH:
		if (m->held)
			return why_set(why, RC_PERM, "5.3.0",
			    "%s is held: release it", m->name);
		return RC_OK;
	case ACT_HOLD:
		if (m->held)
			return why_set(
			    why, RC_PERM, "5.3.0", "%s is held", m->name);
		return RC_OK;
	case ACT_RELEASE:
		if (!m->held && m->state != MESSAGE_LOADING)
			return why_set(
			    why, RC_PERM, "5.3.0", "%s is not held", m->name);
		return RC_OK;
	case ACT_DELETE:
		if (m->underway > 0)
			return why_set(why, RC_TEMP, "4.3.0",
			    "an attempt to deliver %s is under way: hold it, "
			    "then delete it",
			    m->name);
		return RC_OK;
	case ACT_BOUNCE:
		return RC_OK;
	}
	return RC_OK;
}

static void
add_target(struct acting *a, const struct message *m)
{
	struct target *t;

	if (a->n_targets == a->room) {
		a->room = a->room == 0 ? 16 : a->room * 2;
		a->targets =
		    mem_grow(a->targets, a->room * sizeof(*a->targets));
	}
	t = &a->targets[a->n_targets++];
	*t = (struct target){
	    .file = mem_dup(m->file), .folder = message_folder(m)};
	(void)span_copy(span_of(m->name), t->name, sizeof(t->name)); /* fits */
}

static void
begin(struct acting *a, struct message *m)
{
	struct why why;

	if (check(a, m, &why) != RC_OK) {
		/* of all, those are asked that it concerns */
		if (!a->all || a->act == ACT_DELETE)
			failed(a, &why);
	} else if (a->act == ACT_FLUSH) {
		message_wake(m);
		a->done++;
	} else if (a->act == ACT_BOUNCE && !m->changing) {
		message_give_up(m);
		a->done++;
	} else if (message_change(m, &why) != RC_OK) {
		busy(a, &why);
	} else {
		add_target(a, m);
	}
}

static void
work(void *arg)
{
	struct acting *a = arg;
	const struct store *s = &a->ask.q->store;

	for (size_t i = 0; i < a->n_targets; i++) {
		struct target *t = &a->targets[i];

		t->rc = a->act == ACT_DELETE
			    ? store_delete(s, t->folder, t->file, &t->why)
			    : store_hold(s, t->folder, t->file,
				  a->act == ACT_HOLD, &t->why);
	}
}

/* It may have been delivered meanwhile: then there is nothing to change. */
static void
conclude(struct acting *a, const struct target *t)
{
	struct message *m = message_find(a->ask.q, span_of(t->name));

	if (t->rc != RC_OK)
		failed(a, &t->why);
	else
		a->done++;
	if (m == NULL)
		return;
	if (t->rc != RC_OK) {
		message_changed(m, m->held);
	} else if (a->act == ACT_DELETE) {
		LOG(QUEUE_DELETED, log_str(m->name), log_num(m->rounds));
		history_event_tell(m, HISTORY_DELETED);
		message_end(m);
	} else {
		LOG(QUEUE_HELD, log_str(m->name),
		    log_str(envelope_state_text(a->act == ACT_HOLD)));
		history_event_tell(
		    m, a->act == ACT_HOLD ? HISTORY_HELD : HISTORY_RELEASED);
		message_changed(m, a->act == ACT_HOLD);
	}
}

static void
clear(struct acting *a)
{
	for (size_t i = 0; i < a->n_targets; i++)
		free(a->targets[i].file);
	a->n_targets = 0;
}

static void
back(void *arg)
{
	struct acting *a = arg;

	/* the files are changed, whether or not the caller still waits */
	for (size_t i = 0; i < a->n_targets; i++)
		conclude(a, &a->targets[i]);
	clear(a);
	if (manage_back(&a->ask))
		manage_again(&a->ask, 0);
}

static void
finish(struct acting *a)
{
	struct buf b;

	if (a->failed == 0)
		a->why = a->busy_why;
	a->failed += a->busy;
	buf_init(&b, 1024);
	if (a->all)
		buf_putf(&b, "%llu message%s", (unsigned long long)a->done,
		    a->done == 1 ? "" : "s");
	if (a->all && a->failed > 0)
		buf_putf(&b, "; not %llu: ", (unsigned long long)a->failed);
	if (a->failed > 0)
		buf_puts(&b, a->why.text);
	manage_end(&a->ask, a->failed > 0 ? a->why.rc : RC_OK, buf_cstr(&b));
	buf_fini(&b);
}

static void
none(struct acting *a)
{
	struct why why;

	why_set(&why, RC_PERM, "5.3.0", "there is no message %s in the queue",
	    a->name[0] != '\0' ? a->name : "of that ID");
	failed(a, &why);
}

/* One that the index has, and memory has not. */
static void
begin_record(struct acting *a, const struct record *r)
{
	struct message *m = message_find(a->ask.q, span_of(r->name));
	struct why why;

	if (m != NULL && a->all)
		return; /* it had its turn, or has come since */
	if (m != NULL) {
		begin(a, m);
	} else if (r->line == RECORD_OUT) {
		why_set(&why, RC_TEMP, "4.3.0",
		    "%s is just being written or read: try again", r->name);
		busy(a, &why);
	} else if (a->act == ACT_FLUSH && r->line == RECORD_DUE) {
		idle_first(a->ask.q, r->name);
		a->done++;
	} else if (a->all && (a->act == ACT_HOLD) == (r->line == RECORD_HELD) &&
		   a->act != ACT_DELETE && a->act != ACT_BOUNCE) {
		return; /* it does not concern it */
	} else {
		m = message_recall(a->ask.q, r);
		begin(a, m);
		/* refused: it waits again */
		if (!m->changing && m->state == MESSAGE_IDLE)
			idle_put(m);
	}
}

static void
work_records(void *arg)
{
	struct acting *a = ((struct idle_job *)arg)->ctx;
	struct index_slice s = {a->records, SLICE};

	a->n_records = SLICE;
	if (!a->all) {
		a->n_records = 1;
		a->job.rc = index_get(a->job.index, a->records, 1, &a->job.why);
	} else if (a->act == ACT_FLUSH) {
		a->job.rc = index_hurry(
		    a->job.index, a->hurry_ms, &a->n_records, &a->job.why);
	} else {
		a->job.rc = index_after(a->job.index, span_of(a->after),
		    a->act == ACT_RELEASE, &s, &a->job.why);
		a->n_records = s.n;
	}
}

/* The slice's result, when it is not of flush. */
static void
begin_records(struct acting *a)
{
	for (size_t i = 0; i < a->n_records; i++)
		if (a->records[i].file[0] != '\0')
			begin_record(a, &a->records[i]);
		else
			none(a);
	if (a->n_records > 0)
		(void)span_copy(span_of(a->records[a->n_records - 1].name),
		    a->after, sizeof(a->after)); /* as long */
}

static void
back_records(void *arg)
{
	struct acting *a = ((struct idle_job *)arg)->ctx;

	if (!manage_back(&a->ask))
		return;
	a->ended = !a->all || a->n_records < SLICE;
	if (a->job.rc != RC_OK) {
		failed(a, &a->job.why);
		a->ended = true;
	} else if (a->all && a->act == ACT_FLUSH) {
		a->done += a->n_records;
		a->ended = a->ended || a->done > a->hurry_max;
		idle_hurried(a->ask.q);
	} else {
		begin_records(a);
	}
	if (a->n_targets > 0)
		manage_submit(&a->ask, work, back);
	else
		manage_again(&a->ask, 0);
}

static void
one_turn(struct acting *a)
{
	struct message *m = message_find(a->ask.q, span_of(a->name));

	a->bucket = QMGR_BUCKETS;
	a->ended = true;
	if (m != NULL && manage_is_queued(m)) {
		begin(a, m);
	} else if (m != NULL || a->name[0] == '\0') {
		none(a);
	} else {
		a->ended = false;
		(void)span_copy(span_of(a->name), a->records[0].name,
		    sizeof(a->records[0].name)); /* as long */
	}
}

static void
all_turn(struct acting *a)
{
	struct message *m, *after;

	for (int i = 0;
	     i < BUCKETS_TURN && a->bucket < QMGR_BUCKETS && a->n_targets == 0;
	     i++) {
		m = TAILQ_FIRST(&a->ask.q->buckets[a->bucket++]);
		for (; m != NULL; m = after) {
			after = TAILQ_NEXT(m, next);
			if (manage_is_queued(m))
				begin(a, m);
		}
	}
}

/* Once more, for those that were busy; the others it does not concern any more.
 */
static void
pass_again(struct acting *a)
{
	a->passes++;
	a->busy = 0;
	a->bucket = 0;
	a->ended = false;
	a->after[0] = '\0';
	manage_again(&a->ask, BUSY_MS);
}

static void
turn(struct manage_ask *ask)
{
	struct acting *a = (struct acting *)ask;

	if (a->bucket == QMGR_BUCKETS && a->ended) {
		if (a->busy > 0 && a->passes < BUSY_TRIES)
			pass_again(a);
		else
			finish(a);
		return;
	}
	if (pool_pending(ask->q->pool) > PENDING_MAX) {
		manage_again(ask, PENDING_MS);
		return;
	}
	if (a->bucket == QMGR_BUCKETS) {
		manage_submit_idle(ask, &a->job, work_records, back_records);
		return;
	}
	if (a->all)
		all_turn(a);
	else
		one_turn(a);
	if (a->n_targets > 0)
		manage_submit(ask, work, back);
	else
		manage_again(ask, 0);
}

static void
fini(struct manage_ask *ask)
{
	struct acting *a = (struct acting *)ask;

	clear(a);
	free(a->targets);
}

static const struct manage_ops ops = {turn, fini};

static void
start(void *ctx, enum act act, uint64_t id, struct span qid)
{
	struct acting *a = manage_ask_new(ctx, sizeof(*a), &ops, id);

	if (a == NULL)
		return;
	a->act = act;
	a->job.ctx = a;
	a->hurry_ms = idle_now(a->ask.q);
	a->hurry_max = idle_records(a->ask.q);
	if (act == ACT_FLUSH)
		schedule_forgive(a->ask.q);
	a->all = span_eq(qid, SPAN_LIT("ALL"));
	(void)span_copy(qid, a->name, sizeof(a->name)); /* else none has it */
}

void
manage_on_flush(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)link;
	start(ctx, ACT_FLUSH, msg->queue_flush.id, msg->queue_flush.qid);
}

void
manage_on_hold(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)link;
	start(ctx, ACT_HOLD, msg->queue_hold.id, msg->queue_hold.qid);
}

void
manage_on_release(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)link;
	start(ctx, ACT_RELEASE, msg->queue_release.id, msg->queue_release.qid);
}

void
manage_on_delete(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)link;
	start(ctx, ACT_DELETE, msg->queue_delete.id, msg->queue_delete.qid);
}

void
manage_on_bounce(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)link;
	start(ctx, ACT_BOUNCE, msg->queue_bounce.id, msg->queue_bounce.qid);
}

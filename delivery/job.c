/*
 * Deliveries under way: see job.h. A job owns all that its thread touches.
 */
#include <fcntl.h>
#include <stdlib.h>

#include <event2/event.h>

#include "delivery/job.h"
#include "delivery/users.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/directory/action.h"
#include "lib/log/log.h"
#include "lib/users/user.h"
#include "lib/base/banned.h"

#define PATIENCE_MS 1000

struct job {
	TAILQ_ENTRY(job) next;   /* of its desk */
	TAILQ_ENTRY(job) beside; /* of those that a batch has written */
	struct job_desk *desk;
	struct batch *batch;      /* shares its flush; or NULL */
	struct ipc_link *link;    /* hears of the outcome; or NULL */
	struct maildir_deliver d; /* its text is in `text` */
	struct buf text;
	const struct maildir_root *mail;
	uint64_t start_ms;
	/* the thread's answer */
	enum rc rc;
	struct why why;
	struct maildir_delivered out;
	char *forward; /* a user's process says where it goes; or NULL */
	bool kept;     /* and the mailbox has it, too */
};

/* Jobs of one message with one flush. Once being flushed it is the thread's. */
struct batch {
	TAILQ_ENTRY(batch) next;
	struct job_desk *desk;
	char *qid;
	int fd; /* maildir_deliver_before() */
	size_t unwritten;
	bool complete; /* no more are to come */
	struct event *timer;
	struct job_list written;
};

static struct job *
find(struct job_desk *desk, struct span qid, uint32_t rcpt)
{
	struct job *j;

	TAILQ_FOREACH (j, &desk->jobs, next)
		if (j->d.rcpt == rcpt && span_eq(j->d.qid, qid))
			return j;
	return NULL;
}

static void
work(void *arg)
{
	struct job *j = arg;

	if (j->desk->deliver != NULL)
		j->rc = j->desk->deliver(
		    j->desk->deliver_ctx, &j->d, &j->out, &j->why);
	else
		j->rc = maildir_deliver(j->mail, &j->d, &j->out, &j->why);
	j->kept = j->out.name[0] != '\0';
}

/* Is it a child of the worker `users` that does it? */
static bool
is_handed_on(const struct job *j)
{
	return j->desk->maildir == NULL && j->desk->deliver == NULL &&
	       (action_is(j->d.account) || user_is(j->d.account));
}

static void
log_end(const struct job *j)
{
	struct log_val qid = log_text(j->d.qid), rcpt = log_num(j->d.rcpt);
	struct log_val account = log_text(j->d.account);
	struct log_val ms = log_num(clock_mono_ms() - j->start_ms);

	if (j->rc != RC_OK)
		LOG(DELIVERY_FAILED, qid, rcpt, account, log_str(j->why.status),
		    log_str(j->why.text), ms);
	else if (is_handed_on(j))
		return; /* that process has said so */
	else if (j->desk->forward.n > 0 && j->out.name[0] == '\0')
		LOG(DELIVERY_FORWARD, qid, rcpt, account, ms);
	else if (j->out.existed)
		LOG(DELIVERY_FOUND, qid, rcpt, account, log_str(j->out.name),
		    log_num(j->out.size), ms);
	else
		LOG(DELIVERY_DONE, qid, rcpt, account, log_str(j->out.name),
		    log_num(j->out.size), ms);
}

static void
answer(const struct job *j)
{
	struct msg_delivered m = {j->d.qid, j->d.rcpt, (uint8_t)j->rc,
	    span_of(j->why.status), span_of(j->why.text)};
	struct msg_forward on = {j->d.qid, j->d.rcpt, j->kept,
	    j->forward != NULL ? span_of(j->forward) : j->desk->forward};

	if (j->rc == RC_OK) {
		m.status = SPAN_LIT("2.0.0");
		m.text = span_of(j->out.name);
	}
	/* a link that has just closed: as without one */
	if (j->link != NULL && j->rc == RC_OK && on.targets.n > 0)
		(void)proto_send_forward(j->link, &on);
	else if (j->link != NULL)
		(void)proto_send_delivered(j->link, &m);
}

static void
finish(void *arg)
{
	struct job *j = arg;
	struct job_desk *desk = j->desk;

	if (j->rc == RC_OK)
		desk->delivered++;
	else
		desk->failed++;
	log_end(j);
	answer(j);
	TAILQ_REMOVE(&desk->jobs, j, next);
	io_close(&j->d.file);
	buf_fini(&j->text);
	free(j->forward);
	free(j);
	desk->on_end(desk->ctx);
}

/* In a thread. */
static void
flush(void *arg)
{
	struct batch *b = arg;
	struct why why;
	enum rc rc = maildir_deliver_flush(b->fd, &why);
	struct job *j;

	if (rc == RC_OK)
		return;
	TAILQ_FOREACH (j, &b->written, beside) {
		maildir_deliver_undo(j->mail, &j->d, &j->out);
		j->rc = rc;
		j->why = why;
	}
}

static void
batch_free(struct batch *b)
{
	event_free(b->timer);
	io_close(&b->fd);
	free(b->qid);
	free(b);
}

static void
flushed(void *arg)
{
	struct batch *b = arg;
	struct job *j;

	while ((j = TAILQ_FIRST(&b->written)) != NULL) {
		TAILQ_REMOVE(&b->written, j, beside);
		finish(j);
	}
	batch_free(b);
}

/* Its flush begins when nothing more is to be waited for. */
static void
batch_check(struct batch *b)
{
	struct job_desk *desk = b->desk;

	if (b->unwritten > 0 || !(b->complete || desk->hurry))
		return;
	TAILQ_REMOVE(&desk->batches, b, next);
	event_del(b->timer);
	if (TAILQ_EMPTY(&b->written))
		batch_free(b);
	else
		pool_submit(desk->pool, flush, flushed, b);
}

static struct batch *batch_new(struct job_desk *desk, struct span qid, int fd);

/*
 * What is written is flushed now, the rest when it is. Both may use one open
 * file: what fails in a file's data has been told by its own writing, and what
 * fails in the journal goes on failing.
 */
static void
on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct batch *b = arg, *part;
	struct job *j;
	int dup;

	(void)fd;
	(void)what;
	if (TAILQ_EMPTY(&b->written))
		return;
	dup = fcntl(b->fd, F_DUPFD_CLOEXEC, 0);
	if (dup < 0)
		return; /* the timer goes on */
	part = batch_new(b->desk, span_of(b->qid), dup);
	while ((j = TAILQ_FIRST(&b->written)) != NULL) {
		TAILQ_REMOVE(&b->written, j, beside);
		TAILQ_INSERT_TAIL(&part->written, j, beside);
	}
	part->complete = true;
	batch_check(part);
}

static struct batch *
batch_new(struct job_desk *desk, struct span qid, int fd)
{
	const struct timeval tv = {.tv_sec = desk->patience_ms / 1000,
	    .tv_usec = desk->patience_ms % 1000 * 1000L};
	struct batch *b = mem_alloc(sizeof(*b));

	b->desk = desk;
	b->qid = span_dup(qid);
	b->fd = fd;
	TAILQ_INIT(&b->written);
	b->timer = event_new(desk->base, -1, EV_PERSIST, on_patience, b);
	(void)event_add(b->timer, &tv);
	TAILQ_INSERT_TAIL(&desk->batches, b, next);
	return b;
}

static struct batch *
batch_find(struct job_desk *desk, struct span qid)
{
	struct batch *b;

	TAILQ_FOREACH (b, &desk->batches, next)
		if (span_eq(span_of(b->qid), qid))
			return b;
	return NULL;
}

/* Where that cannot be, the job has its own flush. */
static void
join(struct job *j)
{
	struct batch *b = batch_find(j->desk, j->d.qid);

	if (b == NULL) {
		int fd = maildir_deliver_before(j->mail);

		if (fd < 0)
			return;
		b = batch_new(j->desk, j->d.qid, fd);
	}
	b->unwritten++;
	b->complete = false;
	j->batch = b;
	j->d.later = true;
}

/* The thread has done its part of the job. */
static void
written(void *arg)
{
	struct job *j = arg;
	struct batch *b = j->batch;

	if (b == NULL) {
		finish(j);
		return;
	}
	b->unwritten--;
	if (j->rc == RC_OK && j->out.unflushed) {
		io_close(&j->d.file); /* so many need not be open */
		TAILQ_INSERT_TAIL(&b->written, j, beside);
	} else {
		finish(j);
	}
	batch_check(b);
}

/* A user's process has done it, or could not; what it did is in its log. */
static void
on_users_done(void *arg, const struct users_outcome *o)
{
	struct job *j = arg;

	j->rc = o->why.rc;
	j->why = o->why;
	if (!span_copy(o->name, j->out.name, sizeof(j->out.name)))
		j->out.name[0] = '\0';
	if (o->forward.n > 0)
		j->forward = span_dup(o->forward);
	j->kept = o->kept;
	finish(j);
}

static void
begin(struct job *j)
{
	struct job_desk *desk = j->desk;

	if (!is_handed_on(j)) {
		pool_submit(desk->pool, work, written, j);
	} else if (desk->users != NULL) {
		users_deliver(desk->users, &j->d, on_users_done, j);
	} else {
		j->rc = why_set(&j->why, RC_TEMP, "4.3.0",
		    "neither users of the system nor programs and files are "
		    "served");
		finish(j);
	}
}

/* Borrowed from b, which has the room already. */
static struct span
copy(struct buf *b, struct span s)
{
	size_t at = b->n;

	buf_put_span(b, s);
	return span_make(b->p + at, s.n);
}

void
job_start(struct job_desk *desk, struct ipc_link *link, struct msg_deliver *m)
{
	struct job *j = find(desk, m->qid, m->rcpt);
	struct span account =
	    desk->account == NULL ? m->account : span_of(desk->account);
	size_t n = m->qid.n + account.n + m->sender.n + m->trace.n + 1;

	if (j != NULL) {
		j->link = link;
		return;
	}
	j = mem_alloc(sizeof(*j));
	j->desk = desk;
	j->link = link;
	j->mail = &desk->mail;
	j->start_ms = clock_mono_ms();
	buf_init(&j->text, n);
	(void)buf_reserve(&j->text, n); /* so that nothing moves any more */
	j->d = (struct maildir_deliver){.qid = copy(&j->text, m->qid),
	    .rcpt = m->rcpt,
	    .again = m->again != 0,
	    .account = copy(&j->text, account),
	    .maildir = desk->maildir,
	    .sender = copy(&j->text, m->sender),
	    .trace = copy(&j->text, m->trace),
	    .arrived_us = m->arrived,
	    .file = m->file,
	    .offset = m->offset,
	    .size = m->size};
	m->file = -1;
	TAILQ_INSERT_TAIL(&desk->jobs, j, next);
	if (m->batch != 0 && desk->maildir == NULL && !is_handed_on(j))
		join(j);
	begin(j);
}

void
job_desk_init(struct job_desk *desk)
{
	TAILQ_INIT(&desk->jobs);
	TAILQ_INIT(&desk->batches);
	desk->patience_ms = PATIENCE_MS;
}

void
job_batch_end(struct job_desk *desk, struct span qid)
{
	struct batch *b = batch_find(desk, qid);

	if (b == NULL)
		return;
	b->complete = true;
	batch_check(b);
}

static void
complete_all(struct job_desk *desk)
{
	struct batch *b, *after;

	for (b = TAILQ_FIRST(&desk->batches); b != NULL; b = after) {
		after = TAILQ_NEXT(b, next);
		b->complete = true;
		batch_check(b);
	}
}

void
job_desk_hurry(struct job_desk *desk)
{
	desk->hurry = true;
	complete_all(desk);
}

void
job_desk_left(struct job_desk *desk, const struct ipc_link *link)
{
	struct job *j;

	TAILQ_FOREACH (j, &desk->jobs, next)
		if (j->link == link)
			j->link = NULL;
	complete_all(desk);
}

void
job_desk_greet(struct job_desk *desk, struct ipc_link *link)
{
	struct msg_underway_end end = {0};
	struct job *j;

	desk->qmgr = link;
	TAILQ_FOREACH (j, &desk->jobs, next) {
		end.count++;
		j->link = link;
		/* if it fails the link closes, and the next one is told */
		(void)proto_send_underway(
		    link, &(struct msg_underway){j->d.qid, j->d.rcpt});
	}
	(void)proto_send_underway_end(link, &end);
}

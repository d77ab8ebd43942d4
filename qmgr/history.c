/*
 * The history: see history.h. Batches of lines are written one at a time, each
 * of one day; jobs on the index follow each other; what is taken in is found
 * out anew from the files each time, so none is ever told what it missed.
 */
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/history.h"
#include "qmgr/history_file.h"
#include "qmgr/history_take.h"
#include "lib/base/banned.h"

#define THREADS    2 /* a disk that hangs holds up no mail */
#define BUFFER_MAX (4U << 20)
#define BATCH_MAX  (256U << 10)
#define WRITE_FROM (64U << 10) /* so much is not waited with */
#define BATCH_MS   250
#define RETRY_MS   1000
#define TAKE_MS    1000 /* from writing to taking in */
#define PAUSE_MS   5    /* between two pieces: others want the disk, too */
#define TIDY_MS    3600000

struct batch {
	TAILQ_ENTRY(batch) next;
	struct history *h;
	uint32_t day;
	uint64_t upto; /* number of its last line */
	struct buf lines;
	size_t done; /* bytes that are in the file */
	enum rc rc;
	struct why why;
};

struct history {
	struct qmgr *q;
	struct pool *pool;
	char *path;
	/* writing */
	TAILQ_HEAD(batch_list, batch) batches;
	size_t bytes;     /* in them */
	bool writing;     /* the first */
	uint64_t lines;   /* so far */
	uint64_t written; /* of these */
	uint64_t lost;    /* not yet said */
	bool failed;      /* said so */
	bool closing;
	struct event *write_timer;
	struct history_file file; /* touched by its job, or without one */
	/* the index */
	int cache;
	struct db_boot boot;
	struct history_index *index; /* NULL: it cannot be used */
	bool index_failed;           /* said so */
	STAILQ_HEAD(, history_job) jobs;
	struct history_job *job; /* under way */
	int read_folder;         /* the jobs' */
	struct event *take_timer;
	struct history_take *take; /* between two steps of a run */
	bool taking;               /* a step is on its way */
	uint64_t hurried;          /* so many lines are waited for: no pauses */
	bool whole;
	uint64_t taken;   /* lines that are in the index */
	uint64_t tidy_ms; /* when all days are to be looked at again */
};

struct open_job {
	struct history_job job;
	int cache;
	struct db_boot boot;
	struct history_index *opened;
	bool fresh;
};

static void
set_timer(struct event *timer, uint64_t ms)
{
	struct timeval tv = {(time_t)(ms / 1000), (int)(ms % 1000) * 1000};

	evtimer_add(timer, &tv);
}

/* The pause before more than so many lines are dealt with. */
static uint64_t
pause_ms(const struct history *h, uint64_t lines, uint64_t ms)
{
	return lines < h->hurried ? 0 : ms;
}

/* ---- writing ---- */

static void
work_write(void *arg)
{
	struct batch *b = arg;
	struct history *h = b->h;
	size_t done;

	if (h->file.folder < 0)
		h->file.folder = history_file_folder(h->path);
	if (h->file.folder < 0) {
		b->rc = why_sys(&b->why, RC_TEMP, "4.3.0", "%s", h->path);
		return;
	}
	b->rc = history_file_add(&h->file, b->day,
	    span_from(buf_span(&b->lines), b->done), &done, &b->why);
	b->done += done;
}

/* each begins the next */
static void write_next(struct history *h);

static void
put_gap(struct history *h)
{
	uint64_t now = clock_real_us(), lost = h->lost;
	struct buf b;

	buf_init(&b, HISTORY_LINE_MAX);
	history_line_begin(&b, now, HISTORY_GAP);
	history_line_number(&b, "lost", lost);
	history_line_end(&b);
	h->lost = 0;
	history_add(h->q, now, &b);
	/* there was no room for that either */
	if (h->lost > 0)
		h->lost = lost;
	buf_fini(&b);
}

static void
say_written(struct history *h)
{
	if (h->failed)
		LOG(HISTORY_BACK, log_num(h->lost));
	h->failed = false;
	if (h->lost > 0)
		put_gap(h);
}

static void
done_write(void *arg)
{
	struct batch *b = arg;
	struct history *h = b->h;

	h->writing = false;
	if (b->rc != RC_OK) {
		if (!h->failed)
			LOG(HISTORY_ERROR, log_str(b->why.text));
		h->failed = true;
		set_timer(h->write_timer, RETRY_MS);
		return;
	}
	TAILQ_REMOVE(&h->batches, b, next);
	h->bytes -= b->lines.n;
	h->written = b->upto;
	/* it has waited: it is not where new lines are looked for */
	if (b->day != history_file_day(clock_real_us()))
		h->whole = false;
	buf_fini(&b->lines);
	free(b);
	say_written(h);
	if (!evtimer_pending(h->take_timer, NULL))
		set_timer(h->take_timer, pause_ms(h, h->taken, TAKE_MS));
	if (!TAILQ_EMPTY(&h->batches))
		set_timer(h->write_timer,
		    h->bytes >= WRITE_FROM ? 0
					   : pause_ms(h, h->written, BATCH_MS));
}

static void
write_next(struct history *h)
{
	struct batch *b = TAILQ_FIRST(&h->batches);

	if (b == NULL || h->writing)
		return;
	evtimer_del(h->write_timer);
	h->writing = true;
	pool_submit(h->pool, work_write, done_write, b);
}

static void
on_write_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	write_next(arg);
}

/* The batch for a line of that day and length. */
static struct batch *
batch_for(struct history *h, uint32_t day, size_t n)
{
	struct batch *b = TAILQ_LAST(&h->batches, batch_list);

	/* the first may be in the thread's hands */
	if (b != NULL && b->day == day && b->lines.n + n <= BATCH_MAX &&
	    b->done == 0 && !(h->writing && b == TAILQ_FIRST(&h->batches)))
		return b;
	b = mem_alloc(sizeof(*b));
	b->h = h;
	b->day = day;
	buf_init(&b->lines, BATCH_MAX);
	TAILQ_INSERT_TAIL(&h->batches, b, next);
	return b;
}

void
history_add(struct qmgr *q, uint64_t real_us, const struct buf *line)
{
	struct history *h = q->history;
	struct batch *b;

	if (h == NULL)
		return;
	/* what was lost is said before what is not */
	if (h->lost > 0 && h->bytes + HISTORY_LINE_MAX <= BUFFER_MAX / 2)
		put_gap(h);
	if (line->over || h->bytes + line->n > BUFFER_MAX || h->lost > 0 ||
	    h->closing) {
		h->lost++;
		return;
	}
	b = batch_for(h, history_file_day(real_us), line->n);
	buf_put_span(&b->lines, buf_span(line));
	b->upto = ++h->lines;
	h->bytes += line->n;
	if (h->writing || h->failed)
		return; /* when that is done, or tried again */
	if (h->bytes >= WRITE_FROM)
		write_next(h);
	else if (!evtimer_pending(h->write_timer, NULL))
		set_timer(h->write_timer, BATCH_MS);
}

/* ---- one job at a time ---- */

/* each begins the next */
static void start_next(struct history *h);

static void
work_open(void *arg)
{
	struct open_job *j = arg;

	j->job.rc = history_index_open(
	    j->cache, &j->boot, &j->opened, &j->fresh, &j->job.why);
}

static void
work_close(void *arg)
{
	struct history_job *j = arg;

	history_index_close(&j->index);
}

static void
work_job(void *arg)
{
	struct history_job *j = arg;
	struct history *h = j->history;

	if (h->read_folder < 0)
		h->read_folder = history_file_folder(h->path);
	j->folder = h->read_folder;
	if ((j->index != NULL && j->folder >= 0) || j->work == work_open ||
	    j->work == work_close)
		j->work(j);
	else
		j->rc = why_set(&j->why, RC_TEMP, "4.3.0",
		    "the index of the history cannot be used now: try again");
}

static void
say_failed(struct history *h, const char *text)
{
	if (!h->index_failed)
		LOG(HISTORY_INDEX, log_str(text));
	h->index_failed = true;
}

static void
done_job(void *arg)
{
	struct history_job *j = arg;
	struct history *h = j->history;

	h->job = NULL;
	/* nobody else uses it now */
	if (h->index != NULL && !history_index_usable(h->index)) {
		say_failed(h, "damaged, or dropped");
		history_index_close(&h->index);
		h->whole = false;
		h->taken = 0;
	}
	j->done(j);
	if (h->job == NULL)
		start_next(h);
}

static void
start_next(struct history *h)
{
	struct history_job *j = STAILQ_FIRST(&h->jobs);

	if (j == NULL)
		return;
	STAILQ_REMOVE_HEAD(&h->jobs, next);
	h->job = j;
	j->index = h->index;
	j->rc = RC_OK;
	pool_submit(h->pool, work_job, done_job, j);
}

static void
submit(struct history *h, struct history_job *job, pool_work *work,
    pool_done *done)
{
	job->history = h;
	job->work = work;
	job->done = done;
	STAILQ_INSERT_TAIL(&h->jobs, job, next);
	if (h->job == NULL)
		start_next(h);
}

void
history_submit(
    struct qmgr *q, struct history_job *job, pool_work *work, pool_done *done)
{
	submit(q->history, job, work, done);
}

/* ---- taking in ---- */

static void
work_take(void *arg)
{
	history_take_step(arg);
}

/* A step's end: another, or all is in. */
static void
done_take(void *arg)
{
	struct history_take *t = arg;
	struct history *h = t->job.history;

	h->taking = false;
	if (t->job.rc != RC_OK) {
		say_failed(h, t->job.why.text);
	} else {
		h->index_failed = false;
		if (t->newest_taken)
			h->taken = t->lines;
		if (t->ended && t->all)
			h->whole = true;
	}
	if (t->ended || t->job.rc != RC_OK || h->closing) {
		history_take_free(&t);
		/* what has been written meanwhile */
		if (h->taken < h->written &&
		    !evtimer_pending(h->take_timer, NULL))
			set_timer(
			    h->take_timer, pause_ms(h, h->taken, TAKE_MS));
		return;
	}
	h->take = t;
	set_timer(h->take_timer, pause_ms(h, h->taken, PAUSE_MS));
}

/* A step of what is under way, or of a new run. */
static void
take_in(struct history *h)
{
	uint64_t now = clock_mono_ms(), real = clock_real_us();
	uint64_t keep_us = h->q->w->conf->history.keep * 1000;
	struct history_take *t = h->take;

	/* one that is on its way looks again when it comes back */
	if (h->index == NULL || h->closing || h->taking)
		return;
	if (t == NULL) {
		t = history_take_new();
		t->all = !h->whole || now >= h->tidy_ms;
		t->oldest =
		    history_file_day(real > keep_us ? real - keep_us : 0);
		if (t->all)
			h->tidy_ms = now + TIDY_MS;
	}
	t->today = history_file_day(real);
	t->lines = h->written;
	h->take = NULL;
	h->taking = true;
	submit(h, &t->job, work_take, done_take);
}

static void
on_take_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	take_in(arg);
}

void
history_hurry(struct qmgr *q, uint64_t lines)
{
	struct history *h = q->history;

	if (h == NULL)
		return;
	if (lines > h->hurried)
		h->hurried = lines;
	write_next(h);
	if (!h->writing && h->taken < h->written)
		set_timer(h->take_timer, 0);
}

uint64_t
history_lines(const struct qmgr *q)
{
	return q->history == NULL ? 0 : q->history->lines;
}

bool
history_is_taken(const struct qmgr *q, uint64_t lines)
{
	return q->history != NULL && q->history->taken >= lines;
}

bool
history_is_whole(const struct qmgr *q)
{
	return q->history != NULL && q->history->whole;
}

/* ---- opening and closing ---- */

static void
done_open(void *arg)
{
	struct open_job *j = arg;
	struct history *h = j->job.history;

	if (j->job.rc != RC_OK) {
		say_failed(h, j->job.why.text);
	} else {
		h->index = j->opened;
		h->whole = false;
		take_in(h);
	}
	free(j);
}

static void
open_index(struct history *h)
{
	struct open_job *j = mem_alloc(sizeof(*j));

	j->cache = h->cache;
	j->boot = h->boot;
	submit(h, &j->job, work_open, done_open);
}

static struct event *
timer_new(struct history *h, event_callback_fn on_timer)
{
	struct event *timer = evtimer_new(h->q->w->base, on_timer, h);

	if (timer == NULL)
		bug("evtimer_new");
	return timer;
}

void
history_start(struct qmgr *q, const char *folder, const char *cache,
    const struct db_boot *boot)
{
	struct history *h = mem_alloc(sizeof(*h));

	h->q = q;
	h->path = mem_dup(folder);
	h->pool = pool_new(q->w->base, THREADS);
	h->boot = *boot;
	h->file.folder = h->read_folder = h->file.fd = -1;
	h->cache = history_file_folder(cache);
	h->write_timer = timer_new(h, on_write_timer);
	h->take_timer = timer_new(h, on_take_timer);
	TAILQ_INIT(&h->batches);
	STAILQ_INIT(&h->jobs);
	q->history = h;
	open_index(h);
}

void
history_check(struct qmgr *q)
{
	struct history *h = q->history;

	if (h == NULL || q->w->draining)
		return;
	if (h->index == NULL && h->job == NULL)
		open_index(h);
	else if ((!h->whole || clock_mono_ms() >= h->tidy_ms) &&
		 !evtimer_pending(h->take_timer, NULL))
		set_timer(h->take_timer, 0);
}

static void
done_close(void *arg)
{
	free(arg);
}

bool
history_stopped(struct qmgr *q)
{
	struct history *h = q->history;
	struct history_job *j;

	if (h == NULL)
		return true;
	/* what cannot be written has had its try */
	if (h->writing || (!TAILQ_EMPTY(&h->batches) && !h->failed)) {
		write_next(h);
		return false;
	}
	h->closing = true;
	evtimer_del(h->take_timer);
	if (h->job != NULL || !STAILQ_EMPTY(&h->jobs))
		return false;
	history_take_free(&h->take);
	if (h->index == NULL)
		return true;
	j = mem_alloc(sizeof(*j));
	submit(h, j, work_close, done_close);
	h->index = NULL; /* the job has it */
	return false;
}

void
history_free(struct history **hp)
{
	struct history *h = *hp;
	struct batch *b;

	*hp = NULL;
	if (h == NULL)
		return;
	while ((b = TAILQ_FIRST(&h->batches)) != NULL) {
		TAILQ_REMOVE(&h->batches, b, next);
		buf_fini(&b->lines);
		free(b);
	}
	history_take_free(&h->take);
	history_index_close(&h->index);
	history_file_close(&h->file);
	event_free(h->write_timer);
	event_free(h->take_timer);
	io_close(&h->file.folder);
	io_close(&h->read_folder);
	io_close(&h->cache);
	free(h->path);
	free(h);
}

void
history_status(const struct qmgr *q, struct buf *b)
{
	const struct history *h = q->history;

	if (h == NULL)
		return;
	buf_putf(b, " history=%s history_waiting=%zu history_index=%s",
	    h->failed ? "failing" : "yes", h->bytes,
	    h->index == NULL ? "no"
	    : h->whole       ? "whole"
			     : "making");
}

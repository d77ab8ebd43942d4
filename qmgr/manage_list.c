/*
 * queue list: the messages in the order of their IDs. A page of IDs is the
 * lowest of those in the index, some in a job, and of those in memory, some
 * buckets in a turn, which a heap keeps; heads are read in threads, a few files
 * a time, and of each only its numbers are kept. So a queue of a million costs
 * as much memory as one of PAGE_MAX.
 */
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "qmgr/manage_filter.h"
#include "lib/base/banned.h"

#define PAGE_MAX     8192
#define BUCKETS_TURN 64
#define BATCH        32  /* files in one job; rows sent in one turn */
#define SLICE        256 /* records in one job */

struct id {
	char name[STORE_NAME_MAX + 1];
};

/* A message of the batch: what the thread reads and what it finds. */
struct slot {
	bool peek; /* its head is to be read: of the record's file */
	bool out;  /* it is none of those that are meant */
	bool held;
	struct buf text; /* of the envelope; "" when it could not be read */
};

enum phase {
	PHASE_INDEX,
	PHASE_MEMORY,
	PHASE_ROWS,
};

struct list {
	struct manage_ask ask;
	struct idle_job job;
	struct manage_filter filter;
	bool filtered;
	bool limited;
	uint64_t left; /* messages still to be listed, when limited */
	uint64_t sent;
	struct id after; /* the last ID of the page before */
	enum phase phase;
	struct id upto;    /* the last record of this page's scan so far */
	size_t bucket;     /* the scan's next */
	uint64_t memory;   /* messages that it found in memory only */
	bool more;         /* there are others behind this page */
	size_t n_page;     /* of `page`, a heap until the scan has ended */
	size_t page_at;    /* next to be sent */
	size_t page_limit; /* IDs in a page */
	struct id *page;
	size_t n_slots;
	struct slot slots[BATCH];
	size_t n_records;
	struct record *records; /* SLICE; those of the slots, then */
};

static int
compare(const void *a, const void *b)
{
	return span_cmp(span_of(((const struct id *)a)->name),
	    span_of(((const struct id *)b)->name));
}

static void
swap(struct id *a, struct id *b)
{
	struct id t = *a;

	*a = *b;
	*b = t;
}

/* The highest is at the top: it goes when a lower one comes. */
static void
sift_down(struct list *l)
{
	size_t at = 0, child;

	while ((child = 2 * at + 1) < l->n_page) {
		if (child + 1 < l->n_page &&
		    compare(&l->page[child], &l->page[child + 1]) < 0)
			child++;
		if (compare(&l->page[at], &l->page[child]) >= 0)
			break;
		swap(&l->page[at], &l->page[child]);
		at = child;
	}
}

static void
sift_up(struct list *l)
{
	size_t at = l->n_page - 1;

	while (at > 0 && compare(&l->page[(at - 1) / 2], &l->page[at]) < 0) {
		swap(&l->page[(at - 1) / 2], &l->page[at]);
		at = (at - 1) / 2;
	}
}

static void
consider(struct list *l, struct span name)
{
	if (span_cmp(name, span_of(l->after.name)) <= 0)
		return;
	l->more |= l->n_page == l->page_limit;
	if (l->n_page < l->page_limit) {
		(void)span_copy(name, l->page[l->n_page++].name,
		    sizeof(l->page[0].name)); /* a name of ours */
		sift_up(l);
	} else if (span_cmp(name, span_of(l->page[0].name)) < 0) {
		(void)span_copy(name, l->page[0].name, sizeof(l->page[0].name));
		sift_down(l);
	}
}

static void
work_index(void *arg)
{
	struct list *l = ((struct idle_job *)arg)->ctx;
	struct index_slice s = {l->records, SLICE};

	l->job.rc = index_after(
	    l->job.index, span_of(l->upto.name), false, &s, &l->job.why);
	l->n_records = s.n;
}

static void
back_index(void *arg)
{
	struct list *l = ((struct idle_job *)arg)->ctx;

	if (!manage_back(&l->ask))
		return;
	/* without the index all are in memory that can be told of */
	if (l->job.rc != RC_OK)
		l->n_records = 0;
	for (size_t i = 0; i < l->n_records; i++)
		consider(l, span_of(l->records[i].name));
	if (l->n_records > 0)
		(void)span_copy(span_of(l->records[l->n_records - 1].name),
		    l->upto.name, sizeof(l->upto.name)); /* as long */
	/* they come in order: none behind a full page is of it */
	if (l->n_records < SLICE || l->more)
		l->phase = PHASE_MEMORY;
	manage_again(&l->ask, 0);
}

/* Some are in memory and in the index. */
static void
sort_page(struct list *l)
{
	size_t n = 0;

	qsort(l->page, l->n_page, sizeof(l->page[0]), compare);
	for (size_t i = 0; i < l->n_page; i++)
		if (n == 0 || compare(&l->page[n - 1], &l->page[i]) != 0)
			l->page[n++] = l->page[i];
	l->n_page = n;
	if (n > 0)
		l->after = l->page[n - 1];
}

static void
scan(struct list *l)
{
	const struct message *m;

	for (int i = 0; i < BUCKETS_TURN && l->bucket < QMGR_BUCKETS; i++) {
		TAILQ_FOREACH (m, &l->ask.q->buckets[l->bucket], next) {
			if (!manage_is_queued(m))
				continue;
			l->memory += !m->recorded;
			consider(l, span_of(m->name));
		}
		l->bucket++;
	}
	if (l->bucket == QMGR_BUCKETS) {
		sort_page(l);
		l->phase = PHASE_ROWS;
	}
	manage_again(&l->ask, 0);
}

/* Its row's part, if it is one of those that are meant. */
static void
see(const struct list *l, struct slot *s, const struct envelope *e)
{
	s->out = !manage_filter_envelope(&l->filter, e, clock_real_us());
	if (!s->out)
		manage_put_envelope(&s->text, e);
}

/* In a thread: heads of files, one after another. */
static void
work(void *arg)
{
	struct list *l = arg;
	const struct store *store = &l->ask.q->store;

	for (size_t i = 0; i < l->n_slots; i++) {
		const struct record *r = &l->records[i];
		struct slot *s = &l->slots[i];
		struct envelope *e = NULL;
		struct why why;
		int fd = -1;

		if (!s->peek || r->file[0] == '\0' ||
		    store_peek(r->in_cur ? store->cur : store->new, r->file, &e,
			&fd, &why) != RC_OK)
			continue;
		s->held = e->held;
		see(l, s, e);
		envelope_free(&e);
		io_close(&fd);
	}
}

static void
clear(struct list *l)
{
	for (size_t i = 0; i < l->n_slots; i++)
		buf_fini(&l->slots[i].text);
	l->n_slots = 0;
}

static void
put_row(struct list *l, size_t i)
{
	const struct slot *s = &l->slots[i];
	const struct record *r = &l->records[i];
	const struct message *m = message_find(l->ask.q, span_of(r->name));
	struct manage_view v;
	struct buf b;

	if ((m == NULL && r->file[0] == '\0') || s->out)
		return; /* it has gone meanwhile, or nobody asked for it */
	v = m != NULL ? manage_view_memory(m, s->held)
		      : manage_view_record(l->ask.q, r, s->held);
	/* of what cannot be read nobody knows whether it is meant */
	if ((l->filtered && s->text.n == 0) ||
	    !manage_filter_view(&l->filter, &v))
		return;
	if (l->limited && l->left == 0) {
		l->more = true;
		return;
	}
	l->left -= l->limited;
	buf_init(&b, IPC_FRAME_MAX / 2);
	buf_puts(&b, "kind=message id=");
	enc_line(&b, span_of(r->name));
	buf_putf(&b, " state=%s", v.state);
	buf_put_span(&b, buf_span(&s->text));
	manage_put_view(&b, &v);
	manage_row(&l->ask, buf_span(&b));
	buf_fini(&b);
	l->sent++;
}

static void
back(void *arg)
{
	struct list *l = arg;

	if (!manage_back(&l->ask))
		return;
	for (size_t i = 0; i < l->n_slots; i++)
		put_row(l, i);
	clear(l);
	manage_again(&l->ask, 0);
}

static void
work_get(void *arg)
{
	struct list *l = ((struct idle_job *)arg)->ctx;

	l->job.rc =
	    index_get(l->job.index, l->records, l->n_slots, &l->job.why);
}

/* Of those in memory, memory knows the file. */
static void
back_get(void *arg)
{
	struct list *l = ((struct idle_job *)arg)->ctx;

	if (!manage_back(&l->ask))
		return;
	for (size_t i = 0; i < l->n_slots; i++) {
		struct record *r = &l->records[i];
		struct slot *s = &l->slots[i];
		const struct message *m =
		    message_find(l->ask.q, span_of(r->name));

		s->peek = m == NULL || m->env == NULL;
		if (m == NULL)
			continue;
		(void)span_copy(span_of(m->file), r->file,
		    sizeof(r->file)); /* checked when it was found */
		r->in_cur = m->in_cur;
		if (m->env != NULL)
			see(l, s, m->env);
	}
	manage_submit(&l->ask, work, back);
}

static void
next_batch(struct list *l)
{
	while (l->n_slots < BATCH && l->page_at < l->n_page) {
		struct slot *s = &l->slots[l->n_slots];

		l->records[l->n_slots] = (struct record){.in_cur = false};
		(void)span_copy(span_of(l->page[l->page_at++].name),
		    l->records[l->n_slots++].name,
		    sizeof(l->records[0].name)); /* as long */
		*s = (struct slot){.peek = false};
		buf_init(&s->text, 8192);
	}
	manage_submit_idle(&l->ask, &l->job, work_get, back_get);
}

static void
finish(struct list *l)
{
	uint64_t all = l->memory + idle_records(l->ask.q);
	struct buf b;

	buf_init(&b, 256);
	if (l->filtered && l->left == 0 &&
	    (l->more || l->page_at < l->n_page) && l->limited)
		buf_putf(&b,
		    "%llu messages: --limit 0 lists all that there are",
		    (unsigned long long)l->sent);
	else if (l->more && all > l->sent && !l->filtered)
		buf_putf(&b, "%llu of %llu messages: --limit 0 lists all",
		    (unsigned long long)l->sent, (unsigned long long)all);
	manage_end(&l->ask, RC_OK, buf_cstr(&b));
	buf_fini(&b);
}

static void
new_page(struct list *l)
{
	l->phase = PHASE_INDEX;
	l->bucket = l->n_page = l->page_at = 0;
	l->memory = 0;
	l->more = false;
	l->upto = l->after;
	/* of a page that is looked through some may not be meant */
	l->page_limit = l->limited && l->left < PAGE_MAX && !l->filtered
			    ? (size_t)l->left
			    : PAGE_MAX;
}

static void
end_page(struct list *l)
{
	if (!l->more || (l->limited && l->left == 0)) {
		finish(l);
		return;
	}
	new_page(l);
	manage_again(&l->ask, 0);
}

static void
turn(struct manage_ask *a)
{
	struct list *l = (struct list *)a;

	switch (l->phase) {
	case PHASE_INDEX:
		manage_submit_idle(a, &l->job, work_index, back_index);
		break;
	case PHASE_MEMORY:
		scan(l);
		break;
	case PHASE_ROWS:
		if (l->page_at < l->n_page && !(l->limited && l->left == 0))
			next_batch(l);
		else
			end_page(l);
		break;
	}
}

static void
fini(struct manage_ask *a)
{
	struct list *l = (struct list *)a;

	clear(l);
	manage_filter_fini(&l->filter);
	free(l->records);
	free(l->page);
}

static const struct manage_ops ops = {turn, fini};

void
manage_on_list(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	uint64_t limit = msg->queue_list.limit;
	struct list *l =
	    manage_ask_new(ctx, sizeof(*l), &ops, msg->queue_list.id);

	(void)link;
	if (l == NULL)
		return;
	l->job.ctx = l;
	manage_filter_init(&l->filter, &msg->queue_list);
	l->filtered = !manage_filter_is_open(&l->filter);
	l->limited = limit > 0;
	l->left = limit;
	new_page(l);
	l->page = mem_array(l->page_limit, sizeof(l->page[0]));
	l->records = mem_array(SLICE, sizeof(l->records[0]));
}

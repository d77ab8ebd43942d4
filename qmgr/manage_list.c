/*
 * queue list: the messages in the order of their IDs. A page of IDs is chosen
 * by a scan of all buckets, some in a turn, that keeps the lowest in a heap;
 * heads are read in threads, a few files a time, and of each only its numbers
 * are kept. So a queue of a million costs as much memory as one of PAGE_MAX.
 */
#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "qmgr/manage.h"
#include "lib/base/banned.h"

#define PAGE_MAX     8192
#define BUCKETS_TURN 64
#define BATCH        32 /* files in one job; rows sent in one turn */

struct id {
	char name[STORE_NAME_MAX + 1];
};

/* A message of the batch: what the thread reads and what it finds. */
struct slot {
	char *file;
	int folder;
	bool held;
	struct buf text; /* of the envelope; "" when it could not be read */
};

struct list {
	struct manage_ask ask;
	bool limited;
	uint64_t left; /* IDs still to be listed, when limited */
	uint64_t sent;
	struct id after;   /* the last ID of the page before */
	size_t bucket;     /* the scan's next */
	uint64_t found;    /* by this scan: those behind `after` */
	size_t n_page;     /* of `page`, a heap until the scan has ended */
	size_t page_at;    /* next to be sent */
	size_t page_limit; /* IDs in a page */
	struct id *page;
	size_t n_slots;
	struct slot slots[BATCH];
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
consider(struct list *l, const struct message *m)
{
	struct span name = span_of(m->name);

	if (!manage_is_queued(m) || span_cmp(name, span_of(l->after.name)) <= 0)
		return;
	l->found++;
	if (l->n_page < l->page_limit) {
		(void)span_copy(name, l->page[l->n_page++].name,
		    sizeof(l->page[0].name)); /* as long as m->name */
		sift_up(l);
	} else if (span_cmp(name, span_of(l->page[0].name)) < 0) {
		(void)span_copy(name, l->page[0].name, sizeof(l->page[0].name));
		sift_down(l);
	}
}

static void
scan(struct list *l)
{
	const struct message *m;

	for (int i = 0; i < BUCKETS_TURN && l->bucket < QMGR_BUCKETS; i++) {
		TAILQ_FOREACH (m, &l->ask.q->buckets[l->bucket], next)
			consider(l, m);
		l->bucket++;
	}
	if (l->bucket == QMGR_BUCKETS && l->n_page > 0) {
		qsort(l->page, l->n_page, sizeof(l->page[0]), compare);
		l->after = l->page[l->n_page - 1];
	}
	manage_again(&l->ask, 0);
}

/* In a thread: heads of files, one after another. */
static void
work(void *arg)
{
	struct list *l = arg;

	for (size_t i = 0; i < l->n_slots; i++) {
		struct slot *s = &l->slots[i];
		struct envelope *e = NULL;
		struct why why;
		int fd = -1;

		if (s->file == NULL ||
		    store_peek(s->folder, s->file, &e, &fd, &why) != RC_OK)
			continue;
		s->held = e->held;
		manage_put_envelope(&s->text, e);
		envelope_free(&e);
		io_close(&fd);
	}
}

static void
clear(struct list *l)
{
	for (size_t i = 0; i < l->n_slots; i++) {
		free(l->slots[i].file);
		buf_fini(&l->slots[i].text);
	}
	l->n_slots = 0;
}

static void
put_row(struct list *l, const struct message *m, const struct slot *s)
{
	struct buf b;

	buf_init(&b, IPC_FRAME_MAX / 2);
	buf_puts(&b, "kind=message id=");
	enc_line(&b, span_of(m->name));
	buf_putf(&b, " state=%s", manage_state(m, s->held));
	buf_put_span(&b, buf_span(&s->text));
	manage_put_memory(&b, m, s->held);
	manage_row(&l->ask, buf_span(&b));
	buf_fini(&b);
	l->sent++;
}

static void
back(void *arg)
{
	struct list *l = arg;
	size_t first = l->page_at - l->n_slots;

	if (!manage_back(&l->ask))
		return;
	for (size_t i = 0; i < l->n_slots; i++) {
		const struct message *m =
		    message_find(l->ask.q, span_of(l->page[first + i].name));

		if (m != NULL)
			put_row(l, m, &l->slots[i]);
	}
	clear(l);
	manage_again(&l->ask, 0);
}

static void
next_batch(struct list *l)
{
	while (l->n_slots < BATCH && l->page_at < l->n_page) {
		struct slot *s = &l->slots[l->n_slots++];
		const struct message *m =
		    message_find(l->ask.q, span_of(l->page[l->page_at++].name));

		*s = (struct slot){NULL, -1, false, {0}};
		buf_init(&s->text, 8192);
		if (m == NULL)
			continue;
		if (m->env != NULL) {
			manage_put_envelope(&s->text, m->env);
		} else {
			s->file = mem_dup(m->file);
			s->folder = message_folder(m);
		}
	}
	manage_submit(&l->ask, work, back);
}

static void
finish(struct list *l)
{
	uint64_t more = l->found - l->n_page;
	struct buf b;

	buf_init(&b, 256);
	if (more > 0)
		buf_putf(&b, "%llu of %llu messages: --limit 0 lists all",
		    (unsigned long long)l->sent,
		    (unsigned long long)(l->sent + more));
	manage_end(&l->ask, RC_OK, buf_cstr(&b));
	buf_fini(&b);
}

static void
new_page(struct list *l)
{
	l->bucket = l->n_page = l->page_at = 0;
	l->found = 0;
	l->page_limit =
	    l->limited && l->left < PAGE_MAX ? (size_t)l->left : PAGE_MAX;
}

static void
end_page(struct list *l)
{
	l->left -= l->limited ? l->n_page : 0;
	if (l->found == l->n_page || (l->limited && l->left == 0)) {
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

	if (l->bucket < QMGR_BUCKETS)
		scan(l);
	else if (l->page_at < l->n_page)
		next_batch(l);
	else
		end_page(l);
}

static void
fini(struct manage_ask *a)
{
	struct list *l = (struct list *)a;

	clear(l);
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
	l->limited = limit > 0;
	l->left = limit;
	new_page(l);
	l->page = mem_array(l->page_limit, sizeof(l->page[0]));
}

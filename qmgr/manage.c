/*
 * Callers and their questions: see manage.h.
 */
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "qmgr/history.h"
#include "qmgr/manage.h"
#include "lib/base/banned.h"

#define ASKS_MAX 32 /* over all callers: each may hold a few MB */
#define WAIT_MS  10 /* for a caller who does not read */

struct caller {
	struct qmgr *q;
	struct ipc_link *link;
	struct manage_ask *ask; /* under way, or NULL */
};

static size_t n_asks; /* in the process: there is one queue manager */

static void
free_ask(struct manage_ask *a)
{
	if (a->link != NULL)
		((struct caller *)ipc_link_ctx(a->link))->ask = NULL;
	n_asks--;
	event_free(a->timer);
	a->ops->fini(a);
	free(a);
}

static void
refuse(struct caller *c, uint64_t id, const char *text)
{
	/* a closed link needs no answer: on_closed comes */
	(void)proto_send_ctl_end(
	    c->link, &(struct msg_ctl_end){id, RC_TEMP, span_of(text)});
}

void
manage_end(struct manage_ask *a, enum rc rc, const char *text)
{
	if (a->link != NULL)
		(void)proto_send_ctl_end(
		    a->link, &(struct msg_ctl_end){a->id, (uint8_t)rc,
				 span_of(text)}); /* as above */
	free_ask(a);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct manage_ask *a = arg;

	(void)fd;
	(void)what;
	if (a->q->w->draining)
		manage_end(a, RC_TEMP, "the server stops");
	else if (!ipc_link_flushed(a->link))
		manage_again(a, WAIT_MS);
	else
		a->ops->turn(a);
}

void *
manage_ask_new(
    void *caller, size_t size, const struct manage_ops *ops, uint64_t id)
{
	struct caller *c = caller;
	struct manage_ask *a;

	if (c->ask != NULL || n_asks == ASKS_MAX) {
		refuse(c, id,
		    c->ask != NULL ? "one question at a time"
				   : "too many questions: try again");
		return NULL;
	}
	a = mem_alloc(size);
	a->ops = ops;
	a->q = c->q;
	a->link = c->link;
	a->id = id;
	a->timer = evtimer_new(c->q->w->base, on_timer, a);
	if (a->timer == NULL)
		bug("evtimer_new");
	c->ask = a;
	n_asks++;
	manage_again(a, 0);
	return a;
}

void
manage_again(struct manage_ask *a, uint64_t ms)
{
	struct timeval tv = {(time_t)(ms / 1000), (int)(ms % 1000) * 1000};

	evtimer_add(a->timer, &tv);
}

void
manage_row(struct manage_ask *a, struct span text)
{
	(void)proto_send_ctl_row(
	    a->link, &(struct msg_ctl_row){a->id, text}); /* see refuse() */
}

void
manage_submit(struct manage_ask *a, pool_work *work, pool_done *back)
{
	a->in_pool = true;
	evtimer_del(a->timer);
	pool_submit(a->q->pool, work, back, a);
}

void
manage_submit_idle(struct manage_ask *a, struct idle_job *job, pool_work *work,
    pool_done *back)
{
	a->in_pool = true;
	evtimer_del(a->timer);
	idle_submit(a->q, job, work, back);
}

void
manage_submit_history(struct manage_ask *a, struct history_job *job,
    pool_work *work, pool_done *back)
{
	a->in_pool = true;
	evtimer_del(a->timer);
	history_submit(a->q, job, work, back);
}

bool
manage_back(struct manage_ask *a)
{
	a->in_pool = false;
	if (a->link != NULL)
		return true;
	free_ask(a);
	return false;
}

bool
manage_is_queued(const struct message *m)
{
	return m->state != MESSAGE_DIRECT && m->state != MESSAGE_WRITING;
}

struct manage_view
manage_view_memory(const struct message *m, bool held)
{
	uint64_t now = clock_mono_ms();
	bool idle = m->state == MESSAGE_IDLE || m->state == MESSAGE_SAVING;
	struct manage_view v = {.state = idle ? "deferred" : "active",
	    .rounds = m->rounds,
	    .next_ms = m->due_ms > now ? m->due_ms - now : 0,
	    .reason = m->reason != NULL ? m->reason : ""};

	held = held || m->held;
	v.waits = idle && !held;
	if (held)
		v.state = "held";
	return v;
}

struct manage_view
manage_view_record(const struct qmgr *q, const struct record *r, bool held)
{
	uint64_t now = idle_now(q);

	held = held || r->line == RECORD_HELD;
	return (struct manage_view){.state = held ? "held" : "deferred",
	    .rounds = r->rounds,
	    .waits = !held,
	    .next_ms = r->due_ms > now ? r->due_ms - now : 0,
	    .reason = r->reason};
}

void
manage_put_view(struct buf *b, const struct manage_view *v)
{
	static const char none[] = "none is known";

	buf_putf(b, " attempts=%u", v->rounds);
	if (v->waits)
		buf_putf(b, " next_s=%llu",
		    (unsigned long long)((v->next_ms + 999) / 1000));
	buf_puts(b, " reason=");
	enc_line(b, span_of(v->reason[0] != '\0' ? v->reason : none));
}

static struct span
domain_of(const struct envelope_rcpt *r)
{
	struct span s = span_of(r->address);

	return span_from(s, span_rfind(s, '@') + 1);
}

static void
put_domains(struct buf *b, const struct envelope *e)
{
	struct span seen[MANAGE_DOMAINS_MAX];
	size_t n = 0;

	buf_puts(b, " domains=");
	for (size_t i = 0; i < e->n_rcpts; i++) {
		struct span domain = domain_of(&e->rcpts[i]);
		size_t k = 0;

		while (k < n && !span_eq_ci(seen[k], domain))
			k++;
		if (!envelope_is_todo(&e->rcpts[i]) || k < n)
			continue;
		buf_puts(b, n > 0 ? "," : "");
		if (n == MANAGE_DOMAINS_MAX) {
			buf_puts(b, "...");
			break;
		}
		seen[n++] = domain;
		enc_line(b, domain);
	}
}

void
manage_put_envelope(struct buf *b, const struct envelope *e)
{
	buf_puts(b, " arrived=");
	clock_put_rfc3339(b, e->arrived_us);
	buf_puts(b, " sender=");
	enc_line(b, span_of(e->sender));
	buf_putf(b, " recipients=%zu todo=%zu size=%llu", e->n_rcpts,
	    envelope_todo(e), (unsigned long long)e->size);
	put_domains(b, e);
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_QUEUE_LIST] = manage_on_list,
    [MSG_QUEUE_SHOW] = manage_on_show,
    [MSG_QUEUE_FLUSH] = manage_on_flush,
    [MSG_QUEUE_HOLD] = manage_on_hold,
    [MSG_QUEUE_RELEASE] = manage_on_release,
    [MSG_QUEUE_DELETE] = manage_on_delete,
    [MSG_QUEUE_BOUNCE] = manage_on_bounce,
    [MSG_QUEUE_TRACE] = manage_on_trace,
};

/* A caller may go as he likes: nothing to report. What a thread does for him
 * goes on to its end. */
static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct caller *c = ctx;
	struct manage_ask *a = c->ask;

	(void)link;
	(void)why;
	if (a != NULL && a->in_pool)
		a->link = NULL;
	else if (a != NULL)
		free_ask(a);
	ipc_link_free(&c->link);
	free(c);
}

void
manage_new(struct qmgr *q, int fd)
{
	struct caller *c = mem_alloc(sizeof(*c));

	c->q = q;
	c->link = worker_link_new(q->w, ROLE_CTL, fd, handlers, on_closed, c);
}

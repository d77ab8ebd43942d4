/*
 * One message: see message.h. Here it is made, found, changed and freed.
 */
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/errand.h"
#include "qmgr/history_event.h"
#include "qmgr/idle.h"
#include "qmgr/intake.h"
#include "qmgr/message_state.h"
#include "qmgr/schedule.h"
#include "lib/base/banned.h"

/* a disk that refuses to write is asked again */
#define SAVE_MS 10000

static struct message_list *
bucket(struct qmgr *q, struct span name)
{
	return &q->buckets[enc_crc32c(0, name.p, name.n) % QMGR_BUCKETS];
}

struct message *
message_find(struct qmgr *q, struct span name)
{
	struct message *m;

	TAILQ_FOREACH (m, bucket(q, name), next)
		if (span_eq(span_of(m->name), name))
			return m;
	return NULL;
}

struct message *
message_make(struct qmgr *q, struct span name)
{
	struct message *m = mem_alloc(sizeof(*m));

	m->q = q;
	m->fd = -1;
	(void)span_copy(name, m->name, sizeof(m->name)); /* checked before */
	m->file = span_dup(name);
	buf_init(&m->trace, 8192);
	TAILQ_INIT(&m->visits);
	TAILQ_INIT(&m->errands);
	m->timer = evtimer_new(q->w->base, message_on_timer, m);
	if (m->timer == NULL)
		bug("evtimer_new");
	TAILQ_INSERT_TAIL(bucket(q, name), m, next);
	q->n_messages++;
	return m;
}

void
message_set_timer(struct message *m, uint64_t ms)
{
	struct timeval tv = {(time_t)(ms / 1000), (int)(ms % 1000) * 1000};

	event_add(m->timer, &tv);
}

void
message_forget(struct attempt *a)
{
	free(a->host);
	free(a->tls);
	free(a->reply);
	a->host = a->tls = a->reply = NULL;
}

void
message_unload(struct message *m)
{
	schedule_cancel(m);
	if (m->env != NULL)
		m->q->n_active--;
	for (size_t i = 0; m->env != NULL && i < m->env->n_rcpts; i++)
		message_forget(&m->attempts[i]);
	envelope_free(&m->env);
	free(m->attempts);
	m->attempts = NULL;
	io_close(&m->fd);
	buf_fini(&m->trace);
}

void
message_load(struct message *m, struct envelope *env, int fd)
{
	m->env = env;
	m->fd = fd;
	m->attempts = mem_array(env->n_rcpts, sizeof(*m->attempts));
	m->q->n_active++;
}

void
message_free(struct message *m)
{
	errand_forget(m);
	message_unload(m);
	TAILQ_REMOVE(bucket(m->q, span_of(m->name)), m, next);
	m->q->n_messages--;
	m->q->n_recorded -= m->recorded;
	event_free(m->timer);
	free(m->file);
	free(m->reason);
	free(m);
}

void
message_end(struct message *m)
{
	idle_forget(m);
	message_free(m);
}

struct message *
message_new(struct qmgr *q, struct span name, struct envelope *env, int fd,
    struct span trace)
{
	struct message *m = message_make(q, name);

	m->state = MESSAGE_DIRECT;
	message_load(m, env, fd);
	m->size = env->size;
	buf_put_span(&m->trace, trace);
	return m;
}

void
message_answer(struct message *m, const struct why *why)
{
	if (m->intake != NULL) {
		intake_answer(m->intake, m->txn, m->name, why);
		intake_ended(m->intake, m->committed);
	}
	history_event_answer(m, why);
	m->intake = NULL;
}

void
message_rest(struct message *m)
{
	event_del(m->timer);
	if (m->env != NULL && (m->unwritten || !TAILQ_EMPTY(&m->errands))) {
		m->state = MESSAGE_SAVING;
		schedule_cancel(m);
		if (TAILQ_EMPTY(&m->errands))
			message_set_timer(m, SAVE_MS);
		return;
	}
	m->state = MESSAGE_IDLE;
	message_unload(m);
	idle_put(m);
}

int
message_folder(const struct message *m)
{
	return m->in_cur ? m->q->store.cur : m->q->store.new;
}

struct message *
message_recall(struct qmgr *q, const struct record *r)
{
	struct message *m = message_make(q, span_of(r->name));
	uint64_t now = idle_now(q);
	uint64_t wait = r->due_ms > now ? r->due_ms - now : 0;

	m->state = MESSAGE_IDLE;
	m->in_cur = r->in_cur;
	free(m->file);
	m->file = mem_dup(r->file);
	m->held = r->line == RECORD_HELD;
	m->due_ms = clock_mono_ms() + wait;
	m->rounds = r->rounds;
	m->steps = r->steps;
	if (r->reason[0] != '\0')
		m->reason = mem_dup(r->reason);
	idle_mark(m);
	return m;
}

void
message_give_up(struct message *m)
{
	m->given_up = true;
	LOG(QUEUE_GIVEN_UP, log_str(m->name), log_num(m->rounds));
	if (m->state == MESSAGE_ACTIVE)
		message_kick(m);
	else
		message_wake(m);
}

enum rc
message_change(struct message *m, struct why *why)
{
	if (m->changing)
		return why_set(why, RC_TEMP, "4.3.0",
		    "%s is being changed by somebody else", m->name);
	if (m->state != MESSAGE_ACTIVE && m->state != MESSAGE_IDLE &&
	    m->state != MESSAGE_SAVING)
		return why_set(why, RC_TEMP, "4.3.0",
		    "%s is just being written or read: try again", m->name);
	m->changing = true;
	/* its turn must not come meanwhile */
	schedule_cancel(m);
	return RC_OK;
}

void
message_changed(struct message *m, bool held)
{
	uint64_t now = clock_mono_ms();

	m->changing = false;
	if (m->held && !held)
		m->due_ms = now;
	m->held = held;
	if (m->state == MESSAGE_ACTIVE)
		message_kick(m);
	else
		message_rest(m);
}

struct message *
message_child(struct qmgr *q, struct span name, struct envelope *e, int fd)
{
	struct message *m = message_make(q, name);

	m->state = MESSAGE_ACTIVE;
	message_load(m, e, fd);
	m->held = e->held;
	m->offset = e->offset;
	m->size = e->size;
	q->n_queued++;
	LOG(QUEUE_FILED, log_str(m->name), log_num(e->n_rcpts),
	    log_num(m->size));
	return m;
}

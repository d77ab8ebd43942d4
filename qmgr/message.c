/*
 * One message: see message.h. Every change of m->state is in this file.
 * A recipient has at most one attempt under way; it ends by its outcome or by
 * the death of its worker, never by the clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/agent.h"
#include "qmgr/errand.h"
#include "qmgr/idle.h"
#include "qmgr/intake.h"
#include "qmgr/message.h"
#include "qmgr/notice.h"
#include "qmgr/schedule.h"
#include "lib/base/banned.h"

#define STEP_BACK_MS 5000
#define DEATHS_MAX   2   /* workers that may die with it, in a row */
#define HOST_MAX     300 /* bytes that are kept of what a host says */
#define REPLY_MAX    600

/* what a thread does for a message; the message may be gone meanwhile only
 * if nothing was promised, so jobs own all they touch */
struct job {
	struct message *m;
	const struct store *store;
	struct store_write write;
	struct buf trace;
	struct envelope *env;
	int fd;
	int folder;
	char *file;
	bool gone; /* work_load: there is no such file */
	struct why why;
	enum rc rc;
};

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

static struct message *
make(struct qmgr *q, struct span name)
{
	struct message *m = mem_alloc(sizeof(*m));

	m->q = q;
	m->fd = -1;
	(void)span_copy(name, m->name, sizeof(m->name)); /* checked before */
	m->file = span_dup(name);
	buf_init(&m->trace, 8192);
	TAILQ_INIT(&m->visits);
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

static void
unload(struct message *m)
{
	schedule_cancel(m);
	if (m->env != NULL)
		m->q->n_active--;
	for (size_t i = 0; m->env != NULL && i < m->env->n_rcpts; i++) {
		free(m->attempts[i].host);
		free(m->attempts[i].reply);
	}
	envelope_free(&m->env);
	free(m->attempts);
	m->attempts = NULL;
	io_close(&m->fd);
	buf_fini(&m->trace);
}

static void
load(struct message *m, struct envelope *env, int fd)
{
	m->env = env;
	m->fd = fd;
	m->attempts = mem_array(env->n_rcpts, sizeof(*m->attempts));
	m->q->n_active++;
}

void
message_free(struct message *m)
{
	unload(m);
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
	struct message *m = make(q, name);

	m->state = MESSAGE_DIRECT;
	load(m, env, fd);
	m->size = env->size;
	buf_put_span(&m->trace, trace);
	return m;
}

static void
answer(struct message *m, const struct why *why)
{
	if (m->intake != NULL)
		intake_answer(m->intake, m->txn, m->name, why);
	m->intake = NULL;
}

/* Recipients that have the message, by an attempt begun before we were. */
static void
settle(struct message *m)
{
	struct envelope_rcpt *r = m->env->rcpts;

	for (size_t i = 0; i < m->env->n_rcpts; i++) {
		if (r[i].word != ENVELOPE_TODO || m->attempts[i].tried ||
		    !envelope_is_remote(&r[i]) || !agent_settled(m, i))
			continue;
		LOG(QUEUE_OUTCOME, log_str(m->name), log_str(r[i].address),
		    log_str(""), log_str(why_rc_name(RC_OK)), log_str("2.0.0"),
		    log_str("told before it was loaded"));
		m->attempts[i].tried = true;
		m->attempts[i].why = (struct why){.rc = RC_OK};
		r[i].word = ENVELOPE_DONE;
		if (envelope_todo(m->env) > 0)
			errand_word(m->q, m->fd, &r[i]);
	}
}

/* Start attempts for all that need one and can have one. */
static void
attempt_all(struct message *m)
{
	for (size_t i = 0; i < m->env->n_rcpts; i++) {
		struct attempt *a = &m->attempts[i];

		if (m->env->rcpts[i].word != ENVELOPE_TODO || a->tried ||
		    a->agent != NULL || envelope_is_remote(&m->env->rcpts[i]))
			continue;
		a->agent = agent_deliver(m, i);
		if (a->agent != NULL)
			m->underway++;
	}
	m->crowded = false;
	if (envelope_has_remote(m->env)) {
		settle(m);
		schedule_add(m);
		schedule_run(m->q);
	}
}

/* Recipients to do, and the worst of their outcomes. */
static size_t
failed(const struct message *m, const struct why **worst)
{
	static const struct why unknown = {
	    RC_TEMP, "4.3.0", "delivery was interrupted"};
	size_t n = 0;

	*worst = NULL;
	for (size_t i = 0; i < m->env->n_rcpts; i++) {
		const struct attempt *a = &m->attempts[i];

		if (m->env->rcpts[i].word != ENVELOPE_TODO)
			continue;
		n++;
		/* what may work later decides: the client tries again */
		if (!a->tried)
			*worst = &unknown;
		else if (*worst == NULL || (*worst)->rc == RC_PERM)
			*worst = &a->why;
	}
	return n;
}

static void
finish_direct(struct message *m)
{
	const struct why *worst;
	struct why ok = {.rc = RC_OK};
	size_t n = failed(m, &worst);

	if (n == 0) {
		m->q->n_direct++;
		answer(m, &ok);
		message_free(m);
	} else if (n == m->env->n_rcpts && worst != NULL) {
		/* nobody has it: its outcome is the reply */
		struct why why = *worst;

		answer(m, &why);
		message_free(m);
	} else if (m->refused_file) {
		why_set(&ok, RC_TEMP, "4.3.1", "no room in the queue");
		answer(m, &ok);
		message_free(m);
	} else {
		message_enqueue(m);
	}
}

void
message_start_direct(struct message *m)
{
	attempt_all(m);
	if (m->underway < m->env->n_rcpts) {
		message_enqueue(m);
		return;
	}
	message_set_timer(m, m->q->w->conf->queue.direct_patience);
}

/* Out of memory, until m->due_ms unless it is held. */
static void
rest(struct message *m)
{
	m->state = MESSAGE_IDLE;
	event_del(m->timer);
	unload(m);
	idle_put(m);
}

static void
become_idle(struct message *m)
{
	const struct conf *conf = m->q->w->conf;
	uint64_t ms = conf->queue.retry_first;
	uint64_t now = clock_mono_ms();
	uint32_t chance;

	for (unsigned i = 0; i < m->rounds && ms < conf->queue.retry_max; i++)
		ms *= 2;
	if (ms > conf->queue.retry_max)
		ms = conf->queue.retry_max;
	if (m->not_before_ms > now + ms)
		ms = m->not_before_ms - now;
	m->not_before_ms = 0;
	/* jitter of an eighth, so that a burst does not come back as one */
	io_random(&chance, sizeof(chance));
	ms += ms / 8 * (chance % 1024) / 1024;
	m->rounds++;
	m->steps = 0;
	m->due_ms = now + ms;
	LOG(QUEUE_DEFERRED, log_str(m->name), log_num(m->rounds),
	    log_num(ms / 1000));
	rest(m);
}

/* Its destination has too many waiting: it steps back, without a failure. */
static void
step_back(struct message *m)
{
	uint64_t ms = STEP_BACK_MS;
	uint32_t chance;

	/* the more there are, the longer each has waited: a crowd of a hundred
	 * thousand must not be read from the disk all the time */
	for (unsigned i = 0;
	     i < m->steps && ms < m->q->w->conf->queue.retry_first; i++)
		ms *= 2;
	m->steps++;
	io_random(&chance, sizeof(chance));
	ms += chance % ms;
	m->due_ms = clock_mono_ms() + ms;
	rest(m);
}

/* All attempts of a round have ended. */
static void
finish_round(struct message *m)
{
	if (!m->q->w->draining && notice_due(m)) {
		m->state = MESSAGE_BOUNCING;
		notice_start(m);
	} else if (envelope_todo(m->env) > 0) {
		become_idle(m);
	} else {
		LOG(QUEUE_DONE, log_str(m->name));
		errand_remove(m->q, m->file);
		message_end(m);
	}
}

/* Does a recipient wait for an attempt that nobody can make now? */
static bool
waits(const struct message *m)
{
	for (size_t i = 0; i < m->env->n_rcpts; i++)
		if (m->env->rcpts[i].word == ENVELOPE_TODO &&
		    !m->attempts[i].tried)
			return true;
	return false;
}

/*
 * Where there is no worker it waits; but not for longer than others. An old
 * one, of a host that was down or released from being held, gives the workers
 * time to come: nothing is given up without an attempt that could be made.
 */
static void
expire_later(struct message *m)
{
	uint64_t least = m->q->w->conf->queue.retry_first;
	uint64_t now = clock_real_us() / 1000;
	uint64_t end = m->env->arrived_us / 1000 + m->q->w->conf->queue.max_age;

	message_set_timer(m, end > now + least ? end - now : least);
}

/* Is there no worker that could attempt it? */
static bool
is_alone(const struct message *m, size_t rcpt)
{
	return m->env->rcpts[rcpt].word == ENVELOPE_TODO &&
	       !m->attempts[rcpt].tried && m->attempts[rcpt].agent == NULL &&
	       !agent_exists(m->q, envelope_is_remote(&m->env->rcpts[rcpt])
				       ? ROLE_REMOTE
				       : ROLE_LOCAL);
}

/* What waits for its turn at a worker that is there goes on waiting. */
static void
expire(struct message *m)
{
	static const struct why nobody = {
	    RC_TEMP, "4.3.2", "no delivery worker was there for it"};

	/* its turns are kept while there is somebody to give them */
	if (!agent_exists(m->q, ROLE_REMOTE))
		schedule_cancel(m);
	for (size_t i = 0; i < m->env->n_rcpts; i++)
		if (is_alone(m, i))
			message_skip(m, i, &nobody, 0);
	message_kick(m);
}

void
message_kick(struct message *m)
{
	bool stopped = m->held || m->changing;

	if (m->state != MESSAGE_ACTIVE)
		return;
	if (!stopped)
		attempt_all(m);
	else
		schedule_cancel(m);
	if (m->underway > 0)
		return;
	if (m->n_queued > 0) {
		expire_later(m);
		return;
	}
	if (!stopped || envelope_todo(m->env) == 0) {
		/* if it waits, the coming of an agent kicks again */
		if (!waits(m))
			finish_round(m);
		else if (m->crowded || idle_crowded(m->q))
			step_back(m);
		else
			expire_later(m);
	} else if (!m->changing) {
		rest(m);
	}
}

static void
work_write(void *arg)
{
	struct job *j = arg;

	j->rc = store_write(j->store, &j->write, &j->why);
}

/* The outcomes of before are known to the file only from now on. */
static void
written(struct message *m, struct job *j)
{
	struct why ok = {.rc = RC_OK};

	io_close(&m->fd);
	m->fd = j->write.fd;
	m->offset = j->env->offset;
	m->size = m->env->size = j->env->size;
	m->state = MESSAGE_ACTIVE;
	for (size_t i = 0; i < m->env->n_rcpts; i++) {
		m->env->rcpts[i].word_at = j->env->rcpts[i].word_at;
		if (m->env->rcpts[i].word != j->env->rcpts[i].word &&
		    envelope_todo(m->env) > 0)
			errand_word(m->q, m->fd, &m->env->rcpts[i]);
	}
	buf_fini(&m->trace);
	m->q->n_queued++;
	LOG(QUEUE_FILED, log_str(m->name), log_num(m->env->n_rcpts),
	    log_num(m->size));
	answer(m, &ok);
	message_kick(m);
}

static void
done_write(void *arg)
{
	struct job *j = arg;
	struct message *m = j->m;

	if (j->rc == RC_OK) {
		written(m, j);
	} else {
		LOG(QUEUE_ERROR, log_str(m->name), log_str(j->why.text));
		m->refused_file = true;
		m->state = MESSAGE_DIRECT;
		if (m->underway == 0 && envelope_todo(m->env) > 0) {
			answer(m, &j->why);
			message_free(m);
		} else if (m->underway == 0) {
			finish_direct(m);
		}
	}
	envelope_free(&j->env);
	io_close(&j->fd);
	buf_fini(&j->trace);
	free(j);
}

/* LF to CRLF: our own few lines */
static void
put_crlf(struct buf *b, struct span text)
{
	while (text.n > 0) {
		size_t n = span_find(text, '\n');

		buf_put_span(b, span_head(text, n));
		buf_puts(b, "\r\n");
		text = span_from(text, n + 1);
	}
}

void
message_enqueue(struct message *m)
{
	struct job *j = mem_alloc(sizeof(*j));

	m->state = MESSAGE_WRITING;
	event_del(m->timer);
	j->m = m;
	j->store = &m->q->store;
	/* a copy: outcomes may change the message's own meanwhile */
	j->env = envelope_copy(m->env);
	/* the memfd may be closed here while the thread still reads */
	j->fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 0);
	buf_init(&j->trace, 16384);
	put_crlf(&j->trace, buf_span(&m->trace));
	j->write.name = m->name;
	j->write.envelope = j->env;
	j->write.trace = buf_span(&j->trace);
	j->write.body = j->fd;
	j->write.size = m->size;
	pool_submit(m->q->pool, work_write, done_write, j);
}

static void
work_load(void *arg)
{
	struct job *j = arg;

	j->rc = store_read(j->folder, j->file, &j->env, &j->fd, &j->why);
	j->gone = j->rc != RC_OK && store_gone(j->folder, j->file);
}

/* A file that cannot be read now is tried again; a damaged one is kept; one
 * that somebody took away is no message any more. */
static void
not_loaded(struct message *m, struct job *j)
{
	struct qmgr *q = m->q;
	struct why why;

	if (j->gone) {
		/* somebody has taken it away: so it was meant */
		LOG(QUEUE_GONE, log_str(m->name));
		message_end(m);
		idle_relist(q); /* unless it has another name now */
		return;
	}
	if (j->rc == RC_PERM)
		LOG(QUEUE_DAMAGED, log_str(m->name), log_str(j->why.text));
	else
		LOG(QUEUE_ERROR, log_str(m->name), log_str(j->why.text));
	if (j->rc == RC_PERM &&
	    store_damaged(j->store, j->folder, j->file, &why) == RC_OK) {
		message_end(m);
		return;
	}
	m->due_ms = clock_mono_ms() + q->w->conf->queue.retry_first;
	rest(m);
}

static void
done_load(void *arg)
{
	struct job *j = arg;
	struct message *m = j->m;
	struct qmgr *q = m->q;

	q->n_loading--;
	if (j->rc != RC_OK) {
		not_loaded(m, j);
	} else {
		load(m, j->env, j->fd);
		m->held = j->env->held;
		m->offset = j->env->offset;
		m->size = j->env->size;
		m->state = MESSAGE_ACTIVE;
		/* it may have been attempted before we knew of it */
		for (size_t i = 0; i < m->env->n_rcpts; i++)
			m->attempts[i].again = true;
		message_kick(m);
	}
	free(j->file);
	free(j);
	idle_run(q);
}

int
message_folder(const struct message *m)
{
	return m->in_cur ? m->q->store.cur : m->q->store.new;
}

void
message_wake(struct message *m)
{
	struct job *j;

	if (m->state != MESSAGE_IDLE || m->held || m->changing)
		return;
	j = mem_alloc(sizeof(*j));
	event_del(m->timer); /* it may be woken before its time */
	m->state = MESSAGE_LOADING;
	m->q->n_loading++;
	j->m = m;
	j->store = &m->q->store;
	j->folder = message_folder(m);
	j->file = mem_dup(m->file);
	j->fd = -1;
	pool_submit(m->q->pool, work_load, done_load, j);
}

void
message_on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct message *m = arg;

	(void)fd;
	(void)what;
	if (m->state == MESSAGE_DIRECT)
		/* the attempts under way become the queue's */
		message_enqueue(m);
	else if (m->q->w->draining)
		return;
	else if (m->state == MESSAGE_ACTIVE && m->underway == 0)
		expire(m);
	else
		message_wake(m);
}

struct message *
message_recall(struct qmgr *q, const struct record *r)
{
	struct message *m = make(q, span_of(r->name));
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

/* Is there one of whom nobody knows whether it was done? */
static bool
any_unknown(const struct message *m)
{
	for (size_t i = 0; i < m->env->n_rcpts; i++)
		if (m->env->rcpts[i].word == ENVELOPE_TODO &&
		    !m->attempts[i].tried)
			return true;
	return false;
}

enum rc
message_change(struct message *m, struct why *why)
{
	if (m->changing)
		return why_set(why, RC_TEMP, "4.3.0",
		    "%s is being changed by somebody else", m->name);
	if (m->state != MESSAGE_ACTIVE && m->state != MESSAGE_IDLE)
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
		rest(m);
}

/* What is known of it when its outcomes are no longer in memory. */
static void
keep_reason(struct message *m, const struct why *why)
{
	free(m->reason);
	m->reason = span_dup(span_head(span_of(why->text), MESSAGE_REASON_MAX));
}

void
message_reply(
    struct message *m, size_t rcpt, struct span host, struct span reply)
{
	struct attempt *a = &m->attempts[rcpt];

	free(a->host);
	free(a->reply);
	a->host = host.n > 0 ? span_dup(span_head(host, HOST_MAX)) : NULL;
	a->reply = reply.n > 0 ? span_dup(span_head(reply, REPLY_MAX)) : NULL;
}

void
message_skip(
    struct message *m, size_t rcpt, const struct why *why, uint64_t until_ms)
{
	struct attempt *a = &m->attempts[rcpt];

	message_reply(m, rcpt, SPAN_NONE, SPAN_NONE);
	a->tried = true;
	a->why = *why;
	keep_reason(m, why);
	if (until_ms > m->not_before_ms)
		m->not_before_ms = until_ms;
}

struct message *
message_child(struct qmgr *q, struct span name, struct envelope *e, int fd)
{
	struct message *m = make(q, name);

	m->state = MESSAGE_ACTIVE;
	load(m, e, fd);
	m->held = e->held;
	m->offset = e->offset;
	m->size = e->size;
	q->n_queued++;
	LOG(QUEUE_FILED, log_str(m->name), log_num(e->n_rcpts),
	    log_num(m->size));
	return m;
}

void
message_noticed(
    struct message *m, const size_t *rcpts, size_t n, const struct why *why)
{
	m->state = MESSAGE_ACTIVE;
	if (why->rc != RC_OK) {
		/* nothing is lost: they are attempted again */
		LOG(QUEUE_ERROR, log_str(m->name), log_str(why->text));
		become_idle(m);
		return;
	}
	for (size_t i = 0; i < n; i++)
		m->env->rcpts[rcpts[i]].word = ENVELOPE_FAIL;
	m->q->n_bounced += n;
	message_kick(m);
}

/* An end that says nothing of the message: it is tried again, and finds its
 * own name if it was done. */
static bool
is_to_repeat(const struct message *m, size_t rcpt, const struct why *why)
{
	const struct attempt *a = &m->attempts[rcpt];

	/* its worker died; perhaps not by it */
	if (why->rc == RC_WAIT)
		return a->deaths < DEATHS_MAX;
	/* no host said so: we stop */
	return why->rc == RC_TEMP && m->q->w->draining && a->host == NULL &&
	       envelope_is_remote(&m->env->rcpts[rcpt]);
}

void
message_outcome(struct message *m, size_t rcpt, const struct why *why)
{
	struct attempt *a = &m->attempts[rcpt];
	struct envelope_rcpt *r = &m->env->rcpts[rcpt];

	a->agent = NULL;
	m->underway--;
	a->deaths += why->rc == RC_WAIT;
	if (is_to_repeat(m, rcpt, why)) {
		a->again = true;
	} else if (why->rc == RC_WAIT) {
		/* perhaps by it: the others have a right to their workers */
		a->again = a->tried = true;
		a->why = (struct why){
		    RC_TEMP, "4.3.0", "delivery workers died with it"};
		keep_reason(m, &a->why);
	} else {
		a->tried = true;
		a->why = *why;
		if (why->rc != RC_OK)
			keep_reason(m, why);
		LOG(QUEUE_OUTCOME, log_str(m->name), log_str(r->address),
		    log_str(envelope_is_remote(r) ? a->host : r->account),
		    log_str(why_rc_name(why->rc)), log_str(why->status),
		    log_str(why->text));
	}
	if (why->rc == RC_OK) {
		r->word = ENVELOPE_DONE;
		/* with the last one the file goes: no word is needed */
		if (m->state == MESSAGE_ACTIVE && envelope_todo(m->env) > 0)
			errand_word(m->q, m->fd, r);
	}
	if (m->underway > 0)
		return;
	if (m->state == MESSAGE_ACTIVE)
		message_kick(m);
	else if (m->state == MESSAGE_DIRECT && any_unknown(m) &&
		 !m->refused_file)
		message_enqueue(m);
	else if (m->state == MESSAGE_DIRECT)
		finish_direct(m);
}

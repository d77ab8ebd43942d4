/*
 * A message's attempts, and what follows from them: see message.h. A recipient
 * has at most one attempt under way; it ends by its outcome or by the death of
 * its worker, never by the clock.
 */
#include <stdlib.h>

#include "lib/addr/dsn.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/directory/action.h"
#include "lib/log/log.h"
#include "qmgr/agent.h"
#include "qmgr/errand.h"
#include "qmgr/history_event.h"
#include "qmgr/idle.h"
#include "qmgr/message_state.h"
#include "qmgr/notice.h"
#include "qmgr/schedule.h"
#include "lib/base/banned.h"

/* local recipients that share a flush: its cost is that of a few */
#define BATCH_LEAST  9

#define STEP_BACK_MS 5000
#define DEATHS_MAX   2   /* workers that may die with it, in a row */
#define HOST_MAX     300 /* bytes that are kept of what a host says */
#define REPLY_MAX    600

/* RFC 2852: the sender hears who has it now, if each is to be told, or if that
 * host knows nothing of the time. */
static bool
owes_by(const struct message *m, size_t rcpt)
{
	const struct envelope_rcpt *r = &m->env->rcpts[rcpt];
	const struct addr_by *by = &m->env->by;

	return by->mode != ADDR_BY_NONE && envelope_is_remote(r) &&
	       m->env->sender[0] != '\0' && r->notify != ADDR_DSN_NEVER &&
	       (by->trace || !m->attempts[rcpt].by);
}

/* It has the message. Who else tells its sender, where that is wanted? */
static void
succeed(struct message *m, size_t rcpt)
{
	struct envelope_rcpt *r = &m->env->rcpts[rcpt];

	r->word = (envelope_owes(m->env, r) && !m->attempts[rcpt].dsn) ||
			  owes_by(m, rcpt)
		      ? ENVELOPE_SENT
		      : ENVELOPE_DONE;
}

/* Recipients that have the message, by an attempt begun before we were. */
static void
settle(struct message *m)
{
	struct envelope_rcpt *r = m->env->rcpts;

	for (size_t i = 0; i < m->env->n_rcpts; i++) {
		if (!envelope_is_todo(&r[i]) || m->attempts[i].tried ||
		    !envelope_is_remote(&r[i]) ||
		    !agent_settled(m, i, &m->attempts[i].dsn))
			continue;
		LOG(QUEUE_OUTCOME, log_str(m->name), log_str(r[i].address),
		    log_str(""), log_str(why_rc_name(RC_OK)), log_str("2.0.0"),
		    log_str("told before it was loaded"));
		m->attempts[i].tried = true;
		m->attempts[i].why = (struct why){.rc = RC_OK};
		history_event_outcome(m, i, &m->attempts[i].why);
		succeed(m, i);
		if (envelope_open(m->env) > 0)
			errand_word(m, i);
	}
}

static bool
is_local_todo(const struct message *m, size_t rcpt)
{
	const struct attempt *a = &m->attempts[rcpt];
	const struct envelope_rcpt *r = &m->env->rcpts[rcpt];

	/* an action that begins while we stop would be ended in the middle */
	return envelope_is_todo(r) && message_is_free(a) &&
	       !envelope_is_remote(r) &&
	       !(m->q->w->draining && action_is(span_of(r->account)));
}

/* Start attempts for all here that need one and can have one. */
static void
attempt_local(struct message *m)
{
	size_t before = m->underway, n = 0;

	for (size_t i = 0; i < m->env->n_rcpts && n < BATCH_LEAST; i++)
		n += is_local_todo(m, i);
	if (n == 0)
		return;
	for (size_t i = 0; i < m->env->n_rcpts; i++) {
		if (!is_local_todo(m, i))
			continue;
		m->attempts[i].agent = agent_deliver(m, i, n == BATCH_LEAST);
		if (m->attempts[i].agent != NULL)
			m->underway++;
	}
	if (n == BATCH_LEAST && m->underway > before)
		agent_batch_end(m);
}

static void
attempt_all(struct message *m)
{
	attempt_local(m);
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

		if (!envelope_is_todo(&m->env->rcpts[i]))
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

void
message_finish_direct(struct message *m)
{
	const struct why *worst;
	struct why ok = {.rc = RC_OK};
	size_t n = failed(m, &worst);

	if (n == 0) {
		m->q->n_direct++;
		message_answer(m, &ok);
		message_free(m);
	} else if (n == m->env->n_rcpts && worst != NULL) {
		/* nobody has it: its outcome is the reply */
		struct why why = *worst;

		message_answer(m, &why);
		message_free(m);
	} else if (m->refused_file) {
		why_set(&ok, RC_TEMP, "4.3.1", "no room in the queue");
		message_answer(m, &ok);
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
	/* also where nobody may be asked by then: the sender is to know */
	ms = notice_before(m, ms);
	m->rounds++;
	m->steps = 0;
	m->due_ms = now + ms;
	LOG(QUEUE_DEFERRED, log_str(m->name), log_num(m->rounds),
	    log_num(ms / 1000));
	history_event_waits(m, ms);
	message_rest(m);
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
	m->due_ms = clock_mono_ms() + notice_before(m, ms);
	message_rest(m);
}

/* All attempts of a round have ended. */
static void
finish_round(struct message *m)
{
	if (!m->q->w->draining && notice_due(m)) {
		/* first the words there are: a notice overwrites them */
		m->wants_notice = !TAILQ_EMPTY(&m->errands);
		if (m->wants_notice)
			return;
		m->state = MESSAGE_BOUNCING;
		notice_start(m);
	} else if (envelope_open(m->env) > 0) {
		become_idle(m);
	} else {
		LOG(QUEUE_DONE, log_str(m->name));
		history_event_tell(m, HISTORY_DONE);
		errand_remove(m);
		message_end(m);
	}
}

/* Does a recipient wait for an attempt that nobody can make now? */
static bool
waits(const struct message *m)
{
	for (size_t i = 0; i < m->env->n_rcpts; i++)
		if (envelope_is_todo(&m->env->rcpts[i]) &&
		    !m->attempts[i].tried)
			return true;
	return false;
}

/* Is there a failure that would be forgotten with the rest of the round? */
static bool
any_failed(const struct message *m)
{
	for (size_t i = 0; i < m->env->n_rcpts; i++)
		if (envelope_is_todo(&m->env->rcpts[i]) && m->attempts[i].tried)
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
	uint64_t begun = envelope_begun_us(m->env);
	uint64_t end = begun / 1000 + m->q->w->conf->queue.max_age;

	message_set_timer(
	    m, notice_before(m, end > now + least ? end - now : least));
}

/* Is there no worker that could attempt it? */
static bool
is_alone(const struct message *m, size_t rcpt)
{
	return envelope_is_todo(&m->env->rcpts[rcpt]) &&
	       message_is_free(&m->attempts[rcpt]) &&
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

/* Whom it could not be brought to so far, nobody tries any more, for `why`. */
static void
give_up(struct message *m, const char *status, const char *text)
{
	char *last = m->reason == NULL ? NULL : mem_dup(m->reason);
	struct why why;

	schedule_cancel(m);
	for (size_t i = 0; i < m->env->n_rcpts; i++) {
		const struct attempt *a = &m->attempts[i];

		if (!envelope_is_todo(&m->env->rcpts[i]) || a->agent != NULL ||
		    a->filing || (a->tried && a->why.rc == RC_PERM))
			continue;
		why_set(&why, RC_PERM, status, "%s%s%s", text,
		    last == NULL ? "" : "; the last attempt: ",
		    last == NULL ? "" : last);
		message_skip(m, i, &why, 0);
	}
	free(last);
}

/* RFC 2852: it was to be delivered by now, or go back. */
static bool
is_overdue(const struct message *m, uint64_t now_us)
{
	return m->env->by.mode == ADDR_BY_RETURN &&
	       addr_by_over(&m->env->by, now_us);
}

/* RFC 4865: whoever wakes it before, it sleeps on. */
static void
wait_for_release(struct message *m, uint64_t now_us)
{
	uint64_t ms = (m->env->release_us - now_us) / 1000 + 1;

	m->due_ms = clock_mono_ms() + ms;
	free(m->reason);
	m->reason = mem_dup("it is to be sent later");
	message_rest(m);
}

void
message_kick(struct message *m)
{
	bool stopped = (m->held && !m->given_up) || m->changing;
	uint64_t now_us = clock_real_us(); /* one look: its time may come now */

	if (m->state != MESSAGE_ACTIVE)
		return;
	if (!stopped && !m->given_up && envelope_is_early(m->env, now_us)) {
		wait_for_release(m, now_us);
		return;
	}
	if (m->given_up && !stopped)
		give_up(m, "5.0.0", "given up by the administrator");
	else if (!stopped && is_overdue(m, now_us))
		give_up(m, "5.4.7",
		    "it could not be delivered by the time that was asked for");
	else if (!stopped)
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
		bool crowded = m->crowded || idle_crowded(m->q);

		/* if it waits, the coming of an agent kicks again. One that
		 * has to leave memory ends its round first: a notice is made,
		 * and who failed for now is not tried again at once */
		if (!waits(m) || (crowded && any_failed(m)))
			finish_round(m);
		else if (crowded)
			step_back(m);
		else
			expire_later(m);
	} else if (!m->changing) {
		message_rest(m);
	}
}

void
message_again(struct message *m)
{
	event_del(m->timer);
	m->state = MESSAGE_ACTIVE;
	for (size_t i = 0; i < m->env->n_rcpts; i++) {
		message_reply(m, i, NULL);
		m->attempts[i] = (struct attempt){.again = true};
	}
	message_kick(m);
}

void
message_saved(struct message *m, bool written)
{
	m->unwritten |= !written;
	if (m->wants_notice && TAILQ_EMPTY(&m->errands)) {
		m->wants_notice = false;
		/* unless it has been held meanwhile */
		if (m->state == MESSAGE_ACTIVE) {
			message_kick(m);
			return;
		}
	}
	if (m->state == MESSAGE_SAVING && TAILQ_EMPTY(&m->errands) &&
	    !m->changing)
		message_rest(m);
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
	else if (m->state == MESSAGE_SAVING &&
		 (m->held || m->changing || clock_mono_ms() < m->due_ms))
		errand_words(m);
	else
		message_wake(m);
}

/* Is there one of whom nobody knows whether it was done? */
static bool
any_unknown(const struct message *m)
{
	for (size_t i = 0; i < m->env->n_rcpts; i++)
		if (envelope_is_todo(&m->env->rcpts[i]) &&
		    !m->attempts[i].tried)
			return true;
	return false;
}

/* What is known of it when its outcomes are no longer in memory. */
static void
keep_reason(struct message *m, const struct why *why)
{
	free(m->reason);
	m->reason = span_dup(span_head(span_of(why->text), MESSAGE_REASON_MAX));
}

/* At most `max` bytes of it, owned by the caller; NULL of nothing. */
static char *
some_of(struct span s, size_t max)
{
	return s.n > 0 ? span_dup(span_head(s, max)) : NULL;
}

void
message_reply(struct message *m, size_t rcpt, const struct msg_relayed *said)
{
	static const struct msg_relayed nothing;
	struct attempt *a = &m->attempts[rcpt];

	if (said == NULL)
		said = &nothing;
	message_forget(a);
	a->host = some_of(said->host, HOST_MAX);
	a->tls = some_of(said->tls, HOST_MAX);
	a->reply = some_of(said->reply, REPLY_MAX);
}

void
message_skip(
    struct message *m, size_t rcpt, const struct why *why, uint64_t until_ms)
{
	struct attempt *a = &m->attempts[rcpt];

	message_reply(m, rcpt, NULL);
	a->tried = true;
	a->why = *why;
	keep_reason(m, why);
	history_event_outcome(m, rcpt, why);
	if (until_ms > m->not_before_ms)
		m->not_before_ms = until_ms;
}

void
message_noticed(struct message *m, const struct message_noticed *noticed,
    const struct why *why)
{
	m->state = MESSAGE_ACTIVE;
	if (why->rc != RC_OK) {
		/* nothing is lost: they are attempted again */
		LOG(QUEUE_ERROR, log_str(m->name), log_str(why->text));
		become_idle(m);
		return;
	}
	for (size_t i = 0; i < noticed->n; i++)
		m->env->rcpts[noticed->rcpts[i]].word = noticed->word;
	if (noticed->word == ENVELOPE_FAIL)
		m->q->n_bounced += noticed->n;
	message_kick(m);
}

/* An end that says nothing of the message: it is tried again, and finds its
 * own name if it was done. */
static bool
is_to_repeat(const struct message *m, size_t rcpt, const struct why *why)
{
	const struct attempt *a = &m->attempts[rcpt];
	const struct envelope_rcpt *r = &m->env->rcpts[rcpt];

	/* its worker died; perhaps not by it */
	if (why->rc == RC_WAIT)
		return a->deaths < DEATHS_MAX;
	/* no host said so, or perhaps no action: we stop */
	return why->rc == RC_TEMP && m->q->w->draining && a->host == NULL &&
	       (envelope_is_remote(r) || action_is(span_of(r->account)));
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
		history_event_outcome(m, rcpt, &a->why);
	} else {
		a->tried = true;
		a->why = *why;
		if (why->rc != RC_OK)
			keep_reason(m, why);
		LOG(QUEUE_OUTCOME, log_str(m->name), log_str(r->address),
		    log_str(envelope_is_remote(r) ? a->host : r->account),
		    log_str(why_rc_name(why->rc)), log_str(why->status),
		    log_str(why->text));
		history_event_outcome(m, rcpt, why);
	}
	a->filing = false;
	if (why->rc == RC_OK) {
		succeed(m, rcpt);
		/* with the last one the file goes: no word is needed */
		if (m->state == MESSAGE_ACTIVE && envelope_open(m->env) > 0)
			errand_word(m, rcpt);
	}
	if (m->underway > 0)
		return;
	if (m->state == MESSAGE_ACTIVE)
		message_kick(m);
	else if (m->state == MESSAGE_DIRECT && any_unknown(m) &&
		 !m->refused_file)
		message_enqueue(m);
	else if (m->state == MESSAGE_DIRECT)
		message_finish_direct(m);
}

/*
 * What is told to the history: see history_event.h. Fields of that name are
 * what stories are found by: id, from, login, to, account, msgid.
 */
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "qmgr/history.h"
#include "qmgr/history_event.h"
#include "lib/base/banned.h"

#define WORD_MAX_BYTES 64 /* of a word of smtpd's own */

/* A line being put together. */
struct telling {
	struct qmgr *q;
	uint64_t now_us;
	struct buf line;
};

static void
begin(
    struct telling *t, struct qmgr *q, enum history_event event, struct span id)
{
	t->q = q;
	t->now_us = clock_real_us();
	buf_init(&t->line, HISTORY_LINE_MAX);
	history_line_begin(&t->line, t->now_us, event);
	history_line_text(&t->line, "id", id);
}

static void
end(struct telling *t)
{
	history_line_end(&t->line);
	history_add(t->q, t->now_us, &t->line);
	buf_fini(&t->line);
}

static void
put(struct telling *t, const char *key, struct span value)
{
	history_line_text(&t->line, key, value);
}

/* Nothing is said of what is empty. */
static void
put_some(struct telling *t, const char *key, struct span value)
{
	if (value.n > 0)
		history_line_text(&t->line, key, value);
}

static void
put_word(struct telling *t, const char *key, struct span value)
{
	put_some(t, key, span_head(value, WORD_MAX_BYTES));
}

static void
tell_recipients(const struct message *m)
{
	struct telling t;

	for (size_t i = 0; i < m->env->n_rcpts; i++) {
		const struct envelope_rcpt *r = &m->env->rcpts[i];

		if (r->expanded)
			continue;
		begin(&t, m->q, HISTORY_RECIPIENT, span_of(m->name));
		put(&t, "to", span_of(r->address));
		put_some(&t, "account", span_of(r->account));
		end(&t);
	}
}

/* Of the MAIL command: RFC 6710 4.1 (3), RFC 4865, RFC 8689, RFC 2852. */
static void
put_asked(struct telling *t, const struct envelope *e)
{
	struct buf b;

	buf_init(&b, 64);
	if (e->priority != 0) {
		buf_putf(&b, "%d", e->priority);
		put(t, "priority", buf_span(&b));
	}
	buf_clear(&b);
	if (e->release_us != 0) {
		clock_put_rfc3339(&b, e->release_us);
		put(t, "release", buf_span(&b));
	}
	put_some(t, "need", span_of(envelope_need_text(e->need)));
	buf_clear(&b);
	addr_by_put(&b, &e->by);
	put_some(t, "by", buf_span(&b));
	buf_fini(&b);
}

void
history_event_received(const struct message *m, const struct msg_commit *c)
{
	struct telling t;

	if (m->q->history == NULL)
		return;
	begin(&t, m->q, HISTORY_RECEIVED, span_of(m->name));
	put(&t, "from", c->sender);
	put(&t, "client", c->client);
	put(&t, "helo", c->helo);
	put_word(&t, "service", c->service);
	put_word(&t, "proto", c->protocol);
	put_some(&t, "tls", c->tls);
	put_some(&t, "login", c->login);
	put_asked(&t, m->env);
	history_line_number(&t.line, "size", c->size);
	history_line_number(&t.line, "recipients", m->env->n_rcpts);
	put_some(&t, "msgid", c->message_id);
	end(&t);
	tell_recipients(m);
}

/* It is made of another message, which `key` names. */
static void
tell_child(const struct message *m, const char *key, const char *parent,
    struct span msgid)
{
	struct telling t;

	begin(&t, m->q, HISTORY_RECEIVED, span_of(m->name));
	put(&t, "from", span_of(m->env->sender));
	put(&t, key, span_of(parent));
	put(&t, "proto", span_of(m->env->protocol));
	history_line_number(&t.line, "size", m->env->size);
	history_line_number(&t.line, "recipients", m->env->n_rcpts);
	put_some(&t, "msgid", msgid);
	end(&t);
	tell_recipients(m);
}

void
history_event_notice(const struct message *m, const char *parent)
{
	struct buf id;

	if (m->q->history == NULL)
		return;
	buf_init(&id, HISTORY_VALUE_MAX);
	/* as bounce.c makes it */
	buf_putf(&id, "%s@%s", m->name, m->q->w->conf->hostname);
	tell_child(m, "parent", parent, buf_span(&id));
	buf_fini(&id);
}

void
history_event_forward(const struct message *m, const char *parent)
{
	/* its Message-ID is the parent's, which is not kept */
	if (m->q->history != NULL)
		tell_child(m, "origin", parent, SPAN_NONE);
}

void
history_event_reason(
    const struct message *m, enum history_event event, const char *text)
{
	struct telling t;

	if (m->q->history == NULL)
		return;
	begin(&t, m->q, event, span_of(m->name));
	put_some(&t, "text", span_of(text));
	end(&t);
}

void
history_event_tell(const struct message *m, enum history_event event)
{
	history_event_reason(m, event, "");
}

static enum history_event
event_of(const struct envelope_rcpt *r, const struct attempt *a,
    const struct why *why)
{
	if (why->rc == RC_PERM)
		return HISTORY_FAILED;
	if (why->rc != RC_OK)
		return HISTORY_DELAYED;
	if (a->filing)
		return HISTORY_FORWARDED;
	return envelope_is_remote(r) ? HISTORY_SENT : HISTORY_DELIVERED;
}

void
history_event_outcome(
    const struct message *m, size_t rcpt, const struct why *why)
{
	const struct envelope_rcpt *r = &m->env->rcpts[rcpt];
	const struct attempt *a = &m->attempts[rcpt];
	struct telling t;

	if (m->q->history == NULL)
		return;
	begin(&t, m->q, event_of(r, a, why), span_of(m->name));
	put(&t, "to", span_of(r->address));
	put_some(&t, "account", span_of(r->account));
	put_some(&t, "host", span_of(a->host));
	put_some(&t, "tls", span_of(a->tls));
	put_some(&t, "status", span_of(why->status));
	/* of a success there is nothing to say beside the host's words */
	if (why->rc != RC_OK || a->reply == NULL)
		put_some(&t, "text", span_of(why->text));
	put_some(&t, "reply", span_of(a->reply));
	end(&t);
}

void
history_event_waits(const struct message *m, uint64_t ms)
{
	struct telling t;

	if (m->q->history == NULL)
		return;
	begin(&t, m->q, HISTORY_WAITS, span_of(m->name));
	history_line_number(&t.line, "attempts", m->rounds);
	history_line_number(&t.line, "seconds", ms / 1000);
	end(&t);
}

void
history_event_answer(const struct message *m, const struct why *why)
{
	struct telling t;

	if (m->q->history == NULL || why->rc == RC_OK)
		return;
	begin(&t, m->q, HISTORY_REFUSED, span_of(m->name));
	put(&t, "at", SPAN_LIT("DATA"));
	put(&t, "status", span_of(why->status));
	put(&t, "reply", span_of(why->text));
	end(&t);
}

void
history_event_loss(struct qmgr *q, const struct history_event_loss *l)
{
	struct telling t;

	if (q->history == NULL)
		return;
	begin(&t, q, l->notice != NULL ? HISTORY_RETURNED : HISTORY_DROPPED,
	    span_of(l->id));
	put(&t, "to", span_of(l->address));
	put_some(&t, "notice", span_of(l->notice));
	put_some(&t, "status", span_of(l->status));
	put_some(&t, "text", span_of(l->text));
	end(&t);
}

void
history_event_told(struct qmgr *q, const struct history_event_loss *l)
{
	struct telling t;

	if (q->history == NULL)
		return;
	begin(&t, q, HISTORY_TOLD, span_of(l->id));
	put(&t, "to", span_of(l->address));
	put(&t, "notice", span_of(l->notice));
	put(&t, "text", span_of(l->text));
	end(&t);
}

void
history_event_not_taken(struct qmgr *q, struct span id,
    const struct msg_commit *c, const struct why *why)
{
	struct telling t;

	if (q->history == NULL)
		return;
	begin(&t, q, HISTORY_REFUSED, id);
	put(&t, "at", SPAN_LIT("DATA"));
	put(&t, "from", c->sender);
	put_some(&t, "client", c->client);
	put_some(&t, "helo", c->helo);
	put_word(&t, "service", c->service);
	put_some(&t, "login", c->login);
	history_line_number(&t.line, "recipients", c->recipients);
	history_line_number(&t.line, "size", c->size);
	put_some(&t, "msgid", c->message_id);
	put(&t, "status", span_of(why->status));
	put(&t, "reply", span_of(why->text));
	end(&t);
}

void
history_event_refused(struct qmgr *q, const struct msg_refused *r)
{
	/* not the session's: smtpd could name another's story */
	struct id id = id_new();
	struct telling t;

	if (q->history == NULL)
		return;
	begin(&t, q, HISTORY_REFUSED, id_span(&id));
	put_word(&t, "at", r->verb);
	put(&t, "from", r->sender);
	put_some(&t, "to", r->recipient);
	put_some(&t, "client", r->client);
	put_some(&t, "helo", r->helo);
	put_word(&t, "service", r->service);
	put_some(&t, "login", r->login);
	put_word(&t, "sid", r->sid);
	put(&t, "reply", r->reply);
	end(&t);
}

void
history_event_more(struct qmgr *q, uint64_t n)
{
	struct telling t;

	if (q->history == NULL)
		return;
	begin(&t, q, HISTORY_MORE, SPAN_NONE);
	history_line_number(&t.line, "refused", n);
	end(&t);
}

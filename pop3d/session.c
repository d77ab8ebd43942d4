/*
 * One logged-in connection: see session.h. Owns the stream and the maildrop.
 * One command at a time: while a thread works for it, or an answer is on its
 * way, no further input is read. It ends without an update in every case but
 * QUIT.
 */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "pop3d/cmd_send.h"
#include "pop3d/command.h"
#include "pop3d/reply.h"
#include "pop3d/session.h"
#include "lib/base/banned.h"

#define INPUT_MAX        16384
#define SESSION_LINE_MAX 512 /* RFC 2449 section 4 asks for 255 */
#define ERRORS_MAX       20

static void
arm(struct session *s)
{
	stream_deadline(s->stream, s->account->env.conf->pop3.timeout);
}

static void
session_free(struct session *s, const char *reason)
{
	struct account *account = s->account;

	LOG(POP3_END, log_text(id_span(&s->sid)), log_str(account->env.account),
	    log_num(s->retrieved), log_num(s->removed), log_str(reason));
	drop_close(&s->drop);
	cmd_send_free(s);
	stream_free(&s->stream);
	free(s);
	account_over(account);
}

void
session_close(struct session *s)
{
	s->state = SESSION_CLOSED;
	stream_pause(s->stream, false);
	stream_finish(s->stream);
}

void
session_error(struct session *s)
{
	if (s->state == SESSION_CLOSED || ++s->errors <= ERRORS_MAX)
		return;
	s->errors = 0; /* or this reply would count too */
	reply(s, REPLY_TOO_MANY_ERRORS, "");
	session_close(s);
}

void
session_ready(struct session *s)
{
	if (s->state == SESSION_CLOSED)
		return;
	s->state = SESSION_READY;
	s->more = NULL;
	arm(s);
	stream_pause(s->stream, false);
}

void
session_send(struct session *s, session_next *more)
{
	s->state = SESSION_SENDING;
	s->more = more;
	arm(s);
	stream_pause(s->stream, true);
}

static void
run(void *job)
{
	struct session *s = job;

	s->work(s);
}

static void
ran(void *job)
{
	struct session *s = job;

	s->busy = false;
	if (s->stream == NULL) {
		session_free(s, "connection lost");
		return;
	}
	arm(s);
	s->done(s);
}

void
session_start(struct session *s, session_work *work, session_next *done)
{
	s->busy = true;
	s->work = work;
	s->done = done;
	stream_deadline(s->stream, 0);
	stream_pause(s->stream, true);
	pool_submit(s->account->pool, run, ran, s);
}

static void
on_input(void *ctx)
{
	struct session *s = ctx;

	while (s->state == SESSION_READY) {
		struct span text;
		size_t used;
		enum line_kind kind =
		    line_next(&s->line, stream_input(s->stream), &text, &used);

		if (kind != LINE_NONE)
			arm(s);
		if (kind == LINE_WHOLE)
			command_dispatch(s, text);
		else if (kind == LINE_TOO_LONG)
			reply(s, REPLY_TOO_LONG, "");
		stream_consume(s->stream, used);
		if (kind == LINE_NONE)
			break;
	}
}

static void
on_drained(void *ctx)
{
	struct session *s = ctx;

	if (s->state == SESSION_SENDING && !s->busy && s->more != NULL)
		s->more(s);
}

static void
on_closed(void *ctx, const struct why *why)
{
	struct session *s = ctx;

	if (!s->busy) {
		session_free(s, why == NULL ? "closed" : why->text);
		return;
	}
	/* what a thread is at is finished, an update too */
	stream_free(&s->stream);
}

static const struct stream_ops ops = {
    .on_input = on_input, .on_drained = on_drained, .on_closed = on_closed};

static void
open_drop(struct session *s)
{
	s->rc =
	    drop_open(&s->drop, s->account->env.maildir, &s->in_use, &s->why);
}

/* RFC 1939 section 4: the answer to the log-in, which the front leaves to us */
static void
opened(struct session *s)
{
	struct buf b;

	if (s->rc == RC_OK) {
		buf_init(&b, 128);
		buf_putf(&b, "%zu messages (%llu octets)", s->drop.left,
		    (unsigned long long)s->drop.octets_left);
		reply(s, REPLY_OPENED, buf_cstr(&b));
		LOG(POP3_OPEN, log_text(id_span(&s->sid)),
		    log_str(s->account->env.account), log_num(s->drop.n),
		    log_num(s->drop.octets_left), log_num(s->drop.list.torn));
		buf_fini(&b);
		session_ready(s);
		return;
	}
	if (!s->in_use)
		LOG(SESSION_ERROR, log_str(s->account->env.account),
		    log_str("pop3"), log_str(s->why.text));
	reply(s, s->in_use ? REPLY_IN_USE : REPLY_NO_MAILBOX, "");
	session_close(s);
}

void
session_new(struct account *account, int fd)
{
	struct session *s = mem_alloc(sizeof(*s));

	s->account = account;
	s->sid = id_new();
	s->line.max = SESSION_LINE_MAX;
	drop_init(&s->drop);
	s->stream = stream_new(account->env.base, fd, INPUT_MAX, &ops, s);
	session_start(s, open_drop, opened);
}

/*
 * One logged-in connection: see session.h. One command at a time: while the
 * store thread works for it, or the client has not yet taken what was said, no
 * further input is looked at.
 */
#include <stdlib.h>

#include "imapd/command.h"
#include "imapd/session.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

#define INPUT_MAX   65536
#define COMMAND_MAX ((size_t)1 << 18) /* with its literals */
#define OUT_MAX     ((size_t)64 << 20)
#define OUT_KEEP    ((size_t)1 << 14) /* memory that is kept for the next */
#define WINDOW      ((size_t)1 << 19) /* bytes that wait in the stream */
#define LAST_MAX    ((size_t)4 << 20) /* a COPYUID of many ranges */
#define ERRORS_MAX  20
#define STALL_MS    300000 /* for the client to take what was said */

/*
 * A client that idles has to say DONE in time (RFC 2177): news that we tell it
 * are no sign that somebody hears them.
 */
static void
arm(struct session *s)
{
	uint64_t ms = s->account->env.conf->imap.timeout;
	uint64_t now = clock_mono_ms();

	if (s->waiting)
		ms = STALL_MS;
	else if (s->idling)
		ms = s->idle_ms > now ? s->idle_ms - now : 1;
	stream_deadline(s->stream, ms);
}

static void
session_free(struct session *s)
{
	struct account *account = s->account;

	stream_free(&s->stream);
	input_fini(&s->input);
	buf_fini(&s->out);
	buf_fini(&s->last);
	buf_fini(&s->chunk);
	account_over(account, s);
	free(s->selected);
	free(s);
}

static void
run(void *job)
{
	struct session *s = job;
	const struct store_box *box;

	s->step = s->work(s);
	box = s->view.box;
	free(s->selected);
	s->selected = box == NULL ? NULL : mem_dup(box->folder);
}

static void ran(void *job);

static void
start(struct session *s, session_work *work)
{
	s->busy = true;
	s->work = work;
	s->look = s->look || s->look_due;
	s->look_due = false;
	if (s->stream != NULL) {
		stream_deadline(s->stream, 0);
		stream_pause(s->stream, true);
	}
	pool_submit(s->account->pool, run, ran, s);
}

/* The mailbox is given back in the thread that owns it. */
static enum step
work_close(struct session *s)
{
	command_abandon(s);
	view_close(&s->view, &s->account->store);
	cache_flush(s->account->store.cache);
	return STEP_CLOSE;
}

static void
end(struct session *s, const char *reason)
{
	if (s->ending)
		return;
	LOG(IMAP_END, log_text(id_span(&s->sid)),
	    log_str(s->account->env.account), log_num(s->fetched),
	    log_str(reason));
	s->ending = true;
	stream_free(&s->stream);
	if (!s->busy)
		start(s, work_close);
}

static void
close_session(struct session *s)
{
	s->closing = true;
	stream_pause(s->stream, false);
	stream_finish(s->stream);
}

/* Hand on what was said; false: the rest waits for the client. */
static bool
flush_out(struct session *s)
{
	while (s->out_at < s->out.n) {
		size_t pending = stream_pending(s->stream);
		size_t room = pending < WINDOW ? WINDOW - pending : 0;
		struct span rest = span_from(buf_span(&s->out), s->out_at);

		if (room == 0) {
			s->waiting = true;
			arm(s);
			return false;
		}
		rest = span_head(rest, room);
		stream_write(s->stream, rest);
		s->out_at += rest.n;
	}
	s->out_at = 0;
	if (s->out.cap > OUT_KEEP)
		buf_fini(&s->out);
	else
		buf_clear(&s->out);
	return true;
}

static void
proceed(struct session *s)
{
	if (s->out.over) {
		/* part of it was left out: it must not look like all */
		LOG(SESSION_ERROR, log_str(s->account->env.account),
		    log_str("imap"), log_str("a reply is too large"));
		stream_write(s->stream,
		    SPAN_LIT("* BYE The reply would be too large\r\n"));
		close_session(s);
		return;
	}
	if (!flush_out(s))
		return;
	switch (s->step) {
	case STEP_MORE:
		start(s, command_more);
		return;
	case STEP_CLOSE:
		close_session(s);
		return;
	case STEP_IDLE:
		if (!s->idling)
			s->idle_ms = clock_mono_ms() +
				     s->account->env.conf->imap.timeout;
		s->idling = true;
		break;
	case STEP_DONE:
		break;
	}
	account_watch(s->account);
	arm(s);
	if (s->idling && s->poked) {
		s->poked = false;
		start(s, cmd_idle_news);
		return;
	}
	stream_pause(s->stream, false);
}

/* A literal's head came: the client waits, or sends it. */
static void
answer_literal(struct session *s, bool taken)
{
	if (!taken)
		input_refuse(&s->input);
	else if (s->input.sync)
		stream_write(s->stream, SPAN_LIT("+ OK\r\n"));
}

static void
count_errors(struct session *s)
{
	if (!s->bad)
		s->errors = 0;
	else if (++s->errors > ERRORS_MAX)
		s->step = STEP_CLOSE;
	s->bad = false;
}

static void
ran(void *job)
{
	struct session *s = job;
	struct session *other;

	s->busy = false;
	if (s->changed) {
		s->changed = false;
		TAILQ_FOREACH (other, &s->account->sessions, next)
			if (other != s)
				session_poke(other, false);
	}
	if (s->ending) {
		if (s->work == work_close)
			session_free(s);
		else
			start(s, work_close);
		return;
	}
	if (s->work == cmd_append_begin) {
		bool taken = s->append != NULL;

		if (taken)
			input_stream(&s->input);
		answer_literal(s, taken);
	}
	count_errors(s);
	if (s->step == STEP_CLOSE && s->errors > ERRORS_MAX)
		buf_puts(&s->out, "* BYE Too many errors\r\n");
	proceed(s);
}

/* A reply of the loop's own, to what never became a command. */
static void
refuse(struct session *s, enum reply id)
{
	struct parse p;
	struct span tag;

	parse_init(&p, buf_span(&s->input.text));
	s->tag[0] = '\0';
	if (parse_tag(&p, &tag) && parse_char(&p, ' '))
		(void)span_copy(tag, s->tag, sizeof(s->tag)); /* its bound */
	parse_fini(&p);
	(void)reply(s, id, "");
	buf_put_span(&s->out, buf_span(&s->last));
	s->step = STEP_DONE;
	count_errors(s);
	if (s->step == STEP_CLOSE)
		buf_puts(&s->out, "* BYE Too many errors\r\n");
}

static bool
is_append(struct span text)
{
	struct parse p;
	struct span tag;
	bool is;

	parse_init(&p, text);
	is = parse_tag(&p, &tag) && parse_char(&p, ' ') &&
	     parse_word(&p, SPAN_LIT("APPEND")) && cmd_append_is_message(&p);
	parse_fini(&p);
	return is;
}

static void
on_literal(struct session *s)
{
	/* MULTIAPPEND (RFC 3502) is not announced */
	if (s->append != NULL) {
		input_refuse(&s->input);
		start(s, cmd_append_refuse);
		return;
	}
	if (!s->idling && is_append(buf_span(&s->input.text))) {
		start(s, cmd_append_begin);
		return;
	}
	if (s->idling || !input_keep(&s->input)) {
		refuse(s, REPLY_TOO_LONG);
		input_refuse(&s->input);
		proceed(s);
		return;
	}
	answer_literal(s, true);
}

static void
on_command(struct session *s)
{
	bool append = s->append != NULL;

	if (s->idling) {
		s->idling = false;
		start(s, cmd_idle_end);
	} else {
		start(s, append ? cmd_append_end : command_run);
	}
}

static void
on_input(void *ctx)
{
	struct session *s = ctx;

	while (!s->busy && !s->closing && !s->waiting) {
		struct span data;
		size_t used;
		enum input_kind kind = input_next(
		    &s->input, stream_input(s->stream), &data, &used);

		if (kind == INPUT_DATA) {
			buf_clear(&s->chunk);
			buf_put_span(&s->chunk, data);
		}
		stream_consume(s->stream, used);
		if (kind == INPUT_LITERAL) {
			on_literal(s);
		} else if (kind == INPUT_DATA) {
			start(s, cmd_append_data);
		} else if (kind == INPUT_COMMAND) {
			on_command(s);
		} else if (kind == INPUT_TOO_LONG && s->append != NULL) {
			start(s, cmd_append_refuse);
		} else if (kind == INPUT_TOO_LONG) {
			refuse(s, REPLY_TOO_LONG);
			proceed(s);
		} else if (used == 0) {
			break;
		}
	}
}

static void
on_drained(void *ctx)
{
	struct session *s = ctx;

	if (!s->waiting || s->busy || s->closing)
		return;
	s->waiting = false;
	proceed(s);
}

/* RFC 9051 5.4. One who does not take what was said would not take that. */
static void
on_timeout(void *ctx)
{
	struct session *s = ctx;

	if (s->waiting) {
		end(s, "timed out");
		return;
	}
	s->timed_out = true;
	stream_write(
	    s->stream, SPAN_LIT("* BYE Nothing was heard for too long\r\n"));
	close_session(s);
}

static void
on_closed(void *ctx, const struct why *why)
{
	struct session *s = ctx;

	if (s->timed_out)
		end(s, "timed out");
	else
		end(s, why == NULL ? "closed" : why->text);
}

void
session_poke(struct session *s, bool look)
{
	if (s->ending || s->closing)
		return;
	/* others look at the folder's times with each command */
	s->look_due = s->look_due || (look && s->idling);
	if (s->idling && !s->busy && !s->waiting) {
		start(s, cmd_idle_news);
		return;
	}
	s->poked = true;
}

void
session_new(struct account *account, int fd)
{
	static const struct stream_ops ops = {.on_input = on_input,
	    .on_drained = on_drained,
	    .on_timeout = on_timeout,
	    .on_closed = on_closed};
	struct session *s = mem_alloc(sizeof(*s));

	s->account = account;
	s->sid = id_new();
	s->state = SESSION_AUTH;
	input_init(&s->input, COMMAND_MAX);
	buf_init(&s->out, OUT_MAX);
	buf_init(&s->last, LAST_MAX);
	buf_init(&s->chunk, INPUT_MAX);
	s->stream = stream_new(account->env.base, fd, INPUT_MAX, &ops, s);
	TAILQ_INSERT_TAIL(&account->sessions, s, next);
	account->n++;
	LOG(IMAP_OPEN, log_text(id_span(&s->sid)),
	    log_str(account->env.account));
	arm(s);
}

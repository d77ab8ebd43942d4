/*
 * DATA: RFC 5321 4.1.1.4; BDAT: RFC 3030. The 250 behind it (behind the last
 * chunk) is sent only when qmgr says that every recipient's copy is durable.
 */
#include "lib/base/num.h"
#include "lib/log/log.h"
#include "smtpd/command.h"
#include "smtpd/refusal.h"
#include "smtpd/reply.h"
#include "smtpd/rights.h"
#include "smtpd/txn.h"
#include "lib/base/banned.h"

enum state
cmd_data(struct session *s, struct span args)
{
	(void)args;
	if (!txn_open(s->txn)) {
		reply(s, REPLY_NO_MEMFD, SPAN_NONE);
		return s->state;
	}
	stream_deadline(s->stream, s->server->w->conf->smtpd.data_timeout);
	reply(s, REPLY_GO_AHEAD, SPAN_NONE);
	return ST_DATA;
}

/* What is here of the message: may it be taken? */
static bool
check(struct session *s)
{
	const struct txn *t = s->txn;
	struct buf b;

	if (t->dots.faults != 0) {
		reply(s, REPLY_BAD_FRAMING,
		    (t->dots.faults & DOTSTREAM_NUL) != 0 ? SPAN_LIT("NUL")
		    : (t->dots.faults & DOTSTREAM_BARE_LF) != 0
			? SPAN_LIT("bare LF")
			: SPAN_LIT("bare CR"));
		return false;
	}
	if (t->too_big) {
		buf_init(&b, 32);
		buf_putf(&b, "%llu", (unsigned long long)t->size_max);
		reply(s, REPLY_TOO_BIG, buf_span(&b));
		buf_fini(&b);
		return false;
	}
	if (t->no_room) {
		reply(s, REPLY_NO_MEMFD, SPAN_NONE);
		return false;
	}
	return true;
}

/* The octets are all here. True: qmgr will answer. */
static bool
finish(struct session *s)
{
	if (!check(s) || !rights_author_ok(s))
		return false;
	if (!txn_commit(s->txn, s)) {
		reply(s, REPLY_QUEUE_DOWN, SPAN_NONE);
		return false;
	}
	return true;
}

/* The replies to come are for each recipient, RFC 2033 4.2; or no more. */
static void
for_each(struct session *s, bool on)
{
	s->repeats = on && s->service == SERVICE_LMTP ? s->txn->n_taken : 0;
}

static void
end_message(struct session *s, const char *verb)
{
	bool taken;

	stream_deadline(s->stream, 0);
	refusal_watch(s, verb, SPAN_NONE);
	for_each(s, true);
	taken = finish(s);
	for_each(s, false);
	refusal_watch(s, NULL, SPAN_NONE);
	if (taken) {
		s->state = ST_COMMIT;
		stream_pause(s->stream, true);
	} else {
		txn_free(&s->txn);
		if (s->state != ST_CLOSED)
			session_resume(s, ST_GREETED);
	}
}

size_t
cmd_data_input(struct session *s, struct span in)
{
	size_t used = txn_feed(s->txn, in);

	if (!s->server->w->stopping)
		stream_deadline(
		    s->stream, s->server->w->conf->smtpd.data_timeout);
	if (s->txn->dots.state != DOTSTREAM_DONE)
		return used;
	end_message(s, "DATA");
	return used;
}

/* "86", "86 LAST" */
static bool
parse_bdat(struct span args, struct chunk *chunk)
{
	struct span size = span_cut(&args, ' ');

	args = span_trim(args);
	chunk->last = span_eq_ci(args, SPAN_LIT("LAST"));
	/* 20 digits and more: nobody has so many octets */
	return size.n <= 19 && num_u64_padded(size, &chunk->size) &&
	       (args.n == 0 || chunk->last);
}

/* All of a chunk is here, and was not refused. */
static void
end_chunk(struct session *s)
{
	struct buf b;

	if (s->chunk.last) {
		txn_end_chunks(s->txn);
		end_message(s, "BDAT");
		return;
	}
	refusal_watch(s, "BDAT", SPAN_NONE);
	if (check(s)) {
		buf_init(&b, 32);
		buf_putf(&b, "%llu", (unsigned long long)s->chunk.size);
		reply(s, REPLY_CHUNK_OK, buf_span(&b));
		buf_fini(&b);
		session_resume(s, ST_BDAT);
	} else {
		/* RFC 3030 2: what is pipelined behind it fails as well */
		txn_free(&s->txn);
		if (s->state != ST_CLOSED)
			session_resume(s, ST_GREETED);
	}
	refusal_watch(s, NULL, SPAN_NONE);
}

static void
end_refused(struct session *s)
{
	refusal_watch(s, "BDAT", SPAN_NONE);
	reply(s, REPLY_BAD_SEQUENCE, SPAN_NONE);
	refusal_watch(s, NULL, SPAN_NONE);
	if (s->state != ST_CLOSED)
		session_resume(s, s->chunk.back);
}

size_t
cmd_bdat_input(struct session *s, struct span in)
{
	struct chunk *c = &s->chunk;
	size_t used = c->left < in.n ? (size_t)c->left : in.n;

	if (!s->server->w->stopping)
		stream_deadline(
		    s->stream, s->server->w->conf->smtpd.data_timeout);
	if (!c->refused)
		txn_feed_chunk(s->txn, span_head(in, used));
	c->left -= used;
	if (c->left > 0)
		return used;
	if (c->refused)
		end_refused(s);
	else
		end_chunk(s);
	return used;
}

enum state
cmd_bdat(struct session *s, struct span args)
{
	struct chunk *c = &s->chunk;

	*c = (struct chunk){.back = s->state};
	if (!parse_bdat(args, c)) {
		/* where its octets end nobody knows: they are no commands */
		reply(s, REPLY_SYNTAX, SPAN_LIT("BDAT size [LAST]"));
		session_close(s);
		return ST_CLOSED;
	}
	c->left = c->size;
	c->refused = !s->esmtp || (s->state & (ST_RCPT | ST_BDAT)) == 0;
	if (s->state == ST_RCPT && !c->refused && !txn_open(s->txn))
		s->txn->no_room = true;
	s->state = ST_CHUNK;
	if (c->left == 0)
		(void)cmd_bdat_input(s, SPAN_NONE); /* there is none to use */
	return s->state;
}

void
cmd_data_committed(struct session *s, const struct msg_committed *msg)
{
	struct why why;
	struct buf b;

	for_each(s, true);
	if (msg == NULL) {
		reply(s, REPLY_QUEUE_DOWN, SPAN_NONE);
	} else if (msg->rc == RC_OK) {
		LOG(SMTP_ACCEPTED, log_text(id_span(&s->sid)),
		    log_text(msg->qid), log_str(s->txn->mail.sender),
		    log_num(s->txn->n_rcpts), log_num(s->txn->size));
		s->server->n_accepted++;
		s->junk = 0;
		reply(s, REPLY_ACCEPTED, msg->qid);
	} else {
		buf_init(&b, 1024);
		buf_put_span(&b, msg->text);
		why_set(&why, msg->rc == RC_PERM ? RC_PERM : RC_TEMP,
		    msg->rc == RC_PERM ? "5.3.0" : "4.3.0", "%s", buf_cstr(&b));
		(void)span_copy(msg->status, why.status, sizeof(why.status));
		reply_why(s, &why);
		buf_fini(&b);
	}
	for_each(s, false);
	txn_free(&s->txn);
	if (s->state != ST_CLOSED)
		session_resume(s, ST_GREETED);
}

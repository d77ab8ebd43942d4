/*
 * DATA: RFC 5321 4.1.1.4. The 250 behind it is sent only when qmgr says that
 * every recipient's copy is durable.
 */
#include "lib/log/log.h"
#include "smtpd/command.h"
#include "smtpd/refusal.h"
#include "smtpd/reply.h"
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

/* The octets are all here. True: qmgr will answer. */
static bool
finish(struct session *s)
{
	struct txn *t = s->txn;
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
	if (!txn_commit(t, s)) {
		reply(s, REPLY_QUEUE_DOWN, SPAN_NONE);
		return false;
	}
	return true;
}

size_t
cmd_data_input(struct session *s, struct span in)
{
	size_t used = txn_feed(s->txn, in);
	bool taken;

	if (!s->server->w->stopping)
		stream_deadline(
		    s->stream, s->server->w->conf->smtpd.data_timeout);
	if (s->txn->dots.state != DOTSTREAM_DONE)
		return used;
	stream_deadline(s->stream, 0);
	refusal_watch(s, "DATA", SPAN_NONE);
	taken = finish(s);
	refusal_watch(s, NULL, SPAN_NONE);
	if (taken) {
		s->state = ST_COMMIT;
		stream_pause(s->stream, true);
	} else {
		txn_free(&s->txn);
		if (s->state != ST_CLOSED)
			session_resume(s, ST_GREETED);
	}
	return used;
}

void
cmd_data_committed(struct session *s, const struct msg_committed *msg)
{
	struct why why;
	struct buf b;

	if (msg == NULL) {
		reply(s, REPLY_QUEUE_DOWN, SPAN_NONE);
	} else if (msg->rc == RC_OK) {
		LOG(SMTP_ACCEPTED, log_text(id_span(&s->sid)),
		    log_text(msg->qid), log_str(s->txn->mail.sender),
		    log_num(s->txn->n_rcpts), log_num(s->txn->size));
		s->server->n_accepted++;
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
	txn_free(&s->txn);
	if (s->state != ST_CLOSED)
		session_resume(s, ST_GREETED);
}

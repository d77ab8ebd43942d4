/*
 * MAIL, RCPT, RSET: RFC 5321 4.1.1.2, 4.1.1.3, 4.1.1.5; SIZE (RFC 1870),
 * BODY (RFC 6152), AUTH= (RFC 4954 section 5).
 */
#include "lib/addr/path.h"
#include "lib/base/num.h"
#include "smtpd/command.h"
#include "smtpd/reply.h"
#include "smtpd/txn.h"
#include "lib/base/banned.h"

#define MAILBOX_MAX 512

/* "FROM:<a@b> SIZE=1": the path into `out`, `args` becomes the parameters. */
static bool
take_path(struct session *s, struct span prefix, struct span *args,
    enum addr_form form, struct buf *out)
{
	struct why why;

	if (!span_starts_ci(*args, prefix)) {
		reply(s, REPLY_SYNTAX, prefix);
		return false;
	}
	/* a space before the path is wrong but common, and harmless */
	*args = span_trim(span_from(*args, prefix.n));
	if (addr_path(args, form, out, &why) != RC_OK) {
		reply_why(s, &why);
		return false;
	}
	if (args->n > 0 && args->p[0] != ' ') {
		reply(s, REPLY_SYNTAX, prefix);
		return false;
	}
	return true;
}

/* RFC 1870 section 3: up to 20 digits, more than any number here can hold. */
static bool
size_of(struct span value, uint64_t *size)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] < '0' || value.p[i] > '9')
			return false;
	if (value.n == 0 || value.n > 20)
		return false;
	if (!num_u64_padded(value, size))
		*size = UINT64_MAX;
	return true;
}

static void
refuse_size(struct session *s)
{
	struct buf b;

	buf_init(&b, 32);
	buf_putf(&b, "%llu",
	    (unsigned long long)s->server->w->conf->smtpd.max_message_size);
	reply(s, REPLY_TOO_BIG, buf_span(&b));
	buf_fini(&b);
}

static bool
mail_param(struct session *s, struct span param)
{
	struct span value = param, key = span_cut(&value, '=');
	uint64_t size;

	if (span_eq_ci(key, SPAN_LIT("SIZE")) && size_of(value, &size)) {
		if (size <= s->server->w->conf->smtpd.max_message_size)
			return true;
		refuse_size(s);
		return false;
	}
	if (span_eq_ci(key, SPAN_LIT("BODY")) &&
	    (span_eq_ci(value, SPAN_LIT("7BIT")) ||
		span_eq_ci(value, SPAN_LIT("8BITMIME"))))
		return true;
	/* taken where AUTH is offered, and not believed */
	if (span_eq_ci(key, SPAN_LIT("AUTH")) && value.n > 0 &&
	    session_is_submission(s))
		return true;
	reply(s, REPLY_BAD_PARAM, param);
	return false;
}

static bool
params_ok(struct session *s, struct span args, bool mail)
{
	while (args.p != NULL) {
		struct span param = span_cut(&args, ' ');

		if (param.n == 0)
			continue;
		if (!s->esmtp || !mail) {
			reply(s, REPLY_BAD_PARAM, param);
			return false;
		}
		if (!mail_param(s, param))
			return false;
	}
	return true;
}

enum state
cmd_mail(struct session *s, struct span args)
{
	struct server *server = s->server;
	enum state next = s->state;
	struct buf sender;

	buf_init(&sender, MAILBOX_MAX);
	if (server->w->draining) {
		reply(s, REPLY_CLOSING, span_of(server->w->conf->hostname));
		session_close(s);
	} else if (server->qmgr == NULL) {
		reply(s, REPLY_QUEUE_DOWN, SPAN_NONE);
	} else if (!server->queue_open) {
		reply(s, REPLY_QUEUE_REFUSES, span_of(server->queue_text));
	} else if (take_path(
		       s, SPAN_LIT("FROM:"), &args, ADDR_REVERSE, &sender) &&
		   params_ok(s, args, true)) {
		s->txn = txn_new(s, buf_span(&sender));
		reply(s, REPLY_SENDER_OK, SPAN_NONE);
		next = ST_MAIL;
	}
	buf_fini(&sender);
	return next;
}

static bool
rcpt_ok(struct session *s, struct span mailbox)
{
	switch (directory_find(s->server->directory, mailbox, NULL)) {
	case DIRECTORY_ACCOUNT:
	case DIRECTORY_ALIAS:
	case DIRECTORY_RELAY:
		return true;
	case DIRECTORY_UNKNOWN:
		reply(s, REPLY_NO_SUCH_USER, SPAN_NONE);
		return false;
	case DIRECTORY_ELSEWHERE:
		/* RFC 6409: only our own users may send to other hosts */
		if (session_is_user(s))
			return true;
		reply(s, REPLY_RELAY_DENIED, SPAN_NONE);
		return false;
	case DIRECTORY_BROKEN:
		reply(s, REPLY_DIRECTORY_BROKEN, SPAN_NONE);
		return false;
	case DIRECTORY_ERROR:
		reply(s, REPLY_DIRECTORY_DOWN, SPAN_NONE);
		return false;
	}
	return false;
}

enum state
cmd_rcpt(struct session *s, struct span args)
{
	enum state next = s->state;
	struct buf rcpt;

	buf_init(&rcpt, MAILBOX_MAX);
	if (s->txn->n_rcpts >= s->server->w->conf->smtpd.max_recipients) {
		reply(s, REPLY_TOO_MANY_RCPTS, SPAN_NONE);
	} else if (take_path(s, SPAN_LIT("TO:"), &args, ADDR_FORWARD, &rcpt) &&
		   params_ok(s, args, false) && rcpt_ok(s, buf_span(&rcpt))) {
		txn_add(s->txn, buf_span(&rcpt));
		reply(s, REPLY_RCPT_OK, SPAN_NONE);
		next = ST_RCPT;
	}
	buf_fini(&rcpt);
	return next;
}

enum state
cmd_rset(struct session *s, struct span args)
{
	(void)args;
	txn_free(&s->txn);
	reply(s, REPLY_OK, SPAN_NONE);
	return s->state == ST_NEW ? ST_NEW : ST_GREETED;
}

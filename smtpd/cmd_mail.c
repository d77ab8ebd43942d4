/*
 * MAIL, RCPT, RSET: RFC 5321 4.1.1.2, 4.1.1.3, 4.1.1.5; SIZE (RFC 1870),
 * BODY (RFC 6152), AUTH= (RFC 4954 section 5), RET, ENVID, NOTIFY and ORCPT
 * (RFC 3461); SMTPUTF8 (RFC 6531); HOLDFOR and HOLDUNTIL (RFC 4865); BY (RFC
 * 2852);
 * MT-PRIORITY (RFC 6710).
 */
#include "lib/addr/dsn.h"
#include "lib/addr/path.h"
#include "lib/base/clock.h"
#include "lib/base/num.h"
#include "smtpd/command.h"
#include "smtpd/reply.h"
#include "smtpd/rights.h"
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

/* One that may be given once (RFC 3461 4), into *out. */
static bool
take_xtext(struct session *s, struct span key, struct span value,
    bool (*check)(struct buf *b, struct span text), char **out)
{
	struct buf b;
	bool ok;

	buf_init(&b, ADDR_DSN_ORCPT_MAX);
	ok = *out == NULL && check(&b, value);
	if (ok)
		*out = span_dup(buf_span(&b));
	else
		reply(s, REPLY_SYNTAX, key);
	buf_fini(&b);
	return ok;
}

/* RFC 4865 4: one of them, once, and no later than is offered. */
static bool
take_hold(struct session *s, struct span key, struct span value,
    struct txn_mail *mail)
{
	uint64_t now = clock_real_us(), at = 0, n;
	bool ok = mail->release_us == 0;

	if (span_eq_ci(key, SPAN_LIT("HOLDFOR"))) {
		ok = ok && value.n <= 9 && num_u64(value, &n) && n > 0;
		at = ok ? now + n * 1000000 : 0;
	} else {
		ok = ok && clock_get_date_time(value, &at);
	}
	if (!ok) {
		reply(s, REPLY_SYNTAX,
		    SPAN_LIT("HOLDFOR=seconds or HOLDUNTIL=date-time"));
		return false;
	}
	if (at > now + s->server->w->conf->smtpd.max_hold * 1000) {
		reply(s, REPLY_HOLD_TOO_LONG, SPAN_NONE);
		return false;
	}
	/* what has passed is at once, but has been said */
	mail->release_us = at > now ? at : 1;
	return true;
}

/* RFC 6710 4.1 */
static bool
take_priority(struct session *s, struct span value, struct txn_mail *mail)
{
	bool below = span_at(value, 0) == '-';
	struct span digit = span_from(value, below ? 1 : 0);

	if (mail->has_priority || digit.n != 1 || digit.p[0] < '0' ||
	    digit.p[0] > '9') {
		reply(s, REPLY_SYNTAX, SPAN_LIT("MT-PRIORITY=-9 to 9"));
		return false;
	}
	mail->has_priority = true;
	mail->priority = (digit.p[0] - '0') * (below ? -1 : 1);
	return true;
}

/* RFC 2852 4, once. */
static bool
take_by(struct session *s, struct span value, struct txn_mail *mail)
{
	if (mail->by.mode == ADDR_BY_NONE &&
	    addr_by_ask(value, clock_real_us(), &mail->by))
		return true;
	reply(s, REPLY_SYNTAX, SPAN_LIT("BY=seconds;R or BY=seconds;N"));
	return false;
}

static bool
may_hold(const struct session *s)
{
	return session_is_user(s) && s->server->w->conf->smtpd.max_hold > 0;
}

static bool
mail_param(struct session *s, struct span param, struct txn_mail *mail)
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
	if (span_eq_ci(param, SPAN_LIT("SMTPUTF8"))) {
		mail->utf8 = true;
		return true;
	}
	/* RFC 8689 2: offered by TLS, and said by TLS */
	if (span_eq_ci(param, SPAN_LIT("REQUIRETLS")) &&
	    stream_tls(s->stream) != NULL) {
		mail->require_tls = true;
		return true;
	}
	if (span_eq_ci(key, SPAN_LIT("MT-PRIORITY")))
		return take_priority(s, value, mail);
	if (may_hold(s) && (span_eq_ci(key, SPAN_LIT("HOLDFOR")) ||
			       span_eq_ci(key, SPAN_LIT("HOLDUNTIL"))))
		return take_hold(s, key, value, mail);
	if (session_is_user(s) && span_eq_ci(key, SPAN_LIT("BY")))
		return take_by(s, value, mail);
	if (span_eq_ci(key, SPAN_LIT("ENVID")))
		return take_xtext(s, SPAN_LIT("ENVID=xtext"), value,
		    addr_dsn_envid, &mail->envid);
	if (span_eq_ci(key, SPAN_LIT("RET"))) {
		if (mail->ret == ADDR_DSN_RET_UNSAID &&
		    addr_dsn_ret(value, &mail->ret))
			return true;
		reply(s, REPLY_SYNTAX, SPAN_LIT("RET=FULL or RET=HDRS"));
		return false;
	}
	reply(s, REPLY_BAD_PARAM, param);
	return false;
}

static bool
rcpt_param(struct session *s, struct span param, struct txn_rcpt *rcpt)
{
	struct span value = param, key = span_cut(&value, '=');

	if (span_eq_ci(key, SPAN_LIT("ORCPT")))
		return take_xtext(s, SPAN_LIT("ORCPT=type;xtext"), value,
		    addr_dsn_orcpt, &rcpt->orcpt);
	if (span_eq_ci(key, SPAN_LIT("NOTIFY"))) {
		if (rcpt->notify == ADDR_DSN_UNSAID &&
		    addr_dsn_notify(value, &rcpt->notify))
			return true;
		reply(s, REPLY_SYNTAX,
		    SPAN_LIT("NOTIFY=NEVER or of SUCCESS,FAILURE,DELAY"));
		return false;
	}
	reply(s, REPLY_BAD_PARAM, param);
	return false;
}

/* Those of MAIL, or of RCPT: the other is NULL. */
static bool
params_ok(struct session *s, struct span args, struct txn_mail *mail,
    struct txn_rcpt *rcpt)
{
	while (args.p != NULL) {
		struct span param = span_cut(&args, ' ');

		if (param.n == 0)
			continue;
		if (!s->esmtp) {
			reply(s, REPLY_BAD_PARAM, param);
			return false;
		}
		if (mail != NULL ? !mail_param(s, param, mail)
				 : !rcpt_param(s, param, rcpt))
			return false;
	}
	return true;
}

/* RFC 6531 3.5: beyond ASCII only where SMTPUTF8 was said. */
static bool
beyond_ok(struct session *s, struct span said, bool utf8)
{
	if (utf8 || span_is_ascii(said))
		return true;
	reply(s, REPLY_NEED_SMTPUTF8, SPAN_NONE);
	return false;
}

/* What is not to be sent before a time cannot be wanted earlier. */
static bool
times_ok(struct session *s, const struct txn_mail *mail)
{
	if (mail->by.mode == ADDR_BY_NONE ||
	    mail->by.until_us > mail->release_us)
		return true;
	reply(s, REPLY_SYNTAX, SPAN_LIT("BY after HOLDFOR or HOLDUNTIL"));
	return false;
}

static bool
mail_ok(struct session *s, struct span args, struct txn_mail *mail)
{
	struct span said = args;
	struct buf sender;
	bool ok;

	buf_init(&sender, MAILBOX_MAX);
	ok = take_path(s, SPAN_LIT("FROM:"), &args, ADDR_REVERSE, &sender) &&
	     params_ok(s, args, mail, NULL) && times_ok(s, mail) &&
	     beyond_ok(s, span_head(said, said.n - args.n), mail->utf8) &&
	     rights_sender_ok(s, buf_span(&sender));
	mail->sender = span_dup(buf_span(&sender));
	buf_fini(&sender);
	return ok;
}

/* RFC 6710 4.1: nobody is raised who may not be, and it is said. */
static void
say_sender_ok(struct session *s, struct txn_mail *mail)
{
	int most = session_is_user(s)
		       ? (int)s->server->w->conf->smtpd.max_priority
		       : 0;
	char text[2] = {(char)('0' + most), '\0'};

	if (mail->priority > most) {
		mail->priority = most;
		reply(s, REPLY_PRIORITY_LOWERED, span_of(text));
	} else {
		reply(s, REPLY_SENDER_OK, SPAN_NONE);
	}
}

enum state
cmd_mail(struct session *s, struct span args)
{
	struct server *server = s->server;
	struct txn_mail mail = {0};
	enum state next = s->state;

	if (server->w->draining) {
		reply(s, REPLY_CLOSING, span_of(server->w->conf->hostname));
		session_close(s);
	} else if (server->qmgr == NULL) {
		reply(s, REPLY_QUEUE_DOWN, SPAN_NONE);
	} else if (!server->queue_open) {
		reply(s, REPLY_QUEUE_REFUSES, span_of(server->queue_text));
	} else if (mail_ok(s, args, &mail)) {
		say_sender_ok(s, &mail);
		s->txn = txn_new(s, &mail);
		next = ST_MAIL;
	}
	txn_mail_fini(&mail);
	return next;
}

static bool
known(struct session *s, struct span mailbox)
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

static bool
rcpt_ok(struct session *s, struct span args, struct txn_rcpt *rcpt)
{
	struct span said = args;
	struct buf address;
	bool ok;

	buf_init(&address, MAILBOX_MAX);
	ok = take_path(s, SPAN_LIT("TO:"), &args, ADDR_FORWARD, &address) &&
	     beyond_ok(s, said, s->txn->mail.utf8) &&
	     params_ok(s, args, NULL, rcpt) && known(s, buf_span(&address));
	rcpt->address = span_dup(buf_span(&address));
	buf_fini(&address);
	return ok;
}

/* LMTP owes a reply to each command, also where one is named again. */
static bool
too_many(const struct session *s)
{
	size_t n =
	    s->service == SERVICE_LMTP ? s->txn->n_taken : s->txn->n_rcpts;

	return n >= s->server->w->conf->smtpd.max_recipients;
}

enum state
cmd_rcpt(struct session *s, struct span args)
{
	struct txn_rcpt rcpt = {0};
	enum state next = s->state;

	if (too_many(s)) {
		reply(s, REPLY_TOO_MANY_RCPTS, SPAN_NONE);
	} else if (rcpt_ok(s, args, &rcpt)) {
		txn_add(s->txn, &rcpt);
		s->txn->n_taken++;
		reply(s, REPLY_RCPT_OK, SPAN_NONE);
		next = ST_RCPT;
	}
	txn_rcpt_fini(&rcpt);
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

/*
 * VRFY and EXPN: RFC 5321 3.5, 4.1.1.6, 4.1.1.7. Who may know is the
 * configuration's to say; with all others it is tried at RCPT, where trying
 * has a price. With SMTPUTF8 (RFC 6531 3.7.4.2) beyond ASCII, too.
 */
#include "lib/addr/path.h"
#include "lib/directory/action.h"
#include "smtpd/command.h"
#include "smtpd/reply.h"
#include "lib/base/banned.h"

#define MAILBOX_MAX 512
#define TARGETS_MAX 65536 /* bytes that EXPN lists */

static bool
may_know(const struct session *s, int audience)
{
	return audience == CONF_AUDIENCE_ALL ||
	       (audience == CONF_AUDIENCE_USERS && session_is_user(s));
}

/* What was said, without "SMTPUTF8" at its end. */
static struct span
without_param(struct span args, bool *utf8)
{
	size_t at = span_rfind(args, ' ');

	*utf8 = at < args.n &&
		span_eq_ci(span_from(args, at + 1), SPAN_LIT("SMTPUTF8"));
	return *utf8 ? span_trim(span_head(args, at)) : args;
}

/* May these addresses be told to who has not said SMTPUTF8? */
static bool
may_tell(struct session *s, struct span addresses, bool utf8)
{
	if (utf8 || span_is_ascii(addresses))
		return true;
	reply(s, REPLY_NEED_SMTPUTF8, SPAN_NONE);
	return false;
}

/* "user", "user@domain" or "<user@domain>"; canonical. */
static bool
take_mailbox(
    struct session *s, struct span verb, struct span args, struct buf *mailbox)
{
	const struct conf *conf = s->server->w->conf;
	struct buf said;
	bool ok;

	if (args.n >= 2 && args.p[0] == '<' && args.p[args.n - 1] == '>')
		args = span_make(args.p + 1, args.n - 2);
	buf_init(&said, MAILBOX_MAX);
	buf_put_span(&said, args);
	if (span_find(args, '@') == args.n)
		buf_putf(&said, "@%s", conf->domains.v[0]);
	ok = args.n > 0 && !said.over &&
	     addr_mailbox(buf_span(&said), mailbox, NULL) == RC_OK;
	buf_clear(&said);
	buf_putf(&said, SPAN_FMT " user or address", SPAN_ARG(verb));
	if (!ok)
		reply(s, REPLY_SYNTAX, buf_span(&said));
	buf_fini(&said);
	return ok;
}

/* What is no answer, or not ours to give. */
static void
say_other(struct session *s, enum directory_kind kind)
{
	if (kind == DIRECTORY_UNKNOWN)
		reply(s, REPLY_NO_SUCH_USER, SPAN_NONE);
	else if (kind == DIRECTORY_BROKEN)
		reply(s, REPLY_DIRECTORY_BROKEN, SPAN_NONE);
	else if (kind == DIRECTORY_ERROR)
		reply(s, REPLY_DIRECTORY_DOWN, SPAN_NONE);
	else
		reply(s, REPLY_VRFY, SPAN_NONE);
}

/* Each line but the last goes on. What programs and files there are is nobody's
 * to know: they are `mailbox` itself. */
static void
list(struct session *s, struct span mailbox, struct span targets)
{
	struct buf b;

	buf_init(&b, MAILBOX_MAX + 16);
	while (targets.n > 0) {
		struct span one = span_cut(&targets, '\n');

		buf_clear(&b);
		buf_puts(&b, "2.1.5 <");
		buf_put_span(&b, action_is(one) ? mailbox : one);
		buf_putc(&b, '>');
		reply_line(s, 250, targets.n == 0, buf_span(&b));
	}
	buf_fini(&b);
}

enum state
cmd_vrfy(struct session *s, struct span args)
{
	enum directory_kind kind;
	struct buf mailbox;
	bool utf8;

	args = without_param(args, &utf8);
	if (args.n == 0) {
		reply(s, REPLY_SYNTAX, SPAN_LIT("VRFY user or address"));
		return s->state;
	}
	if (!may_know(s, s->server->w->conf->smtpd.vrfy)) {
		reply(s, REPLY_VRFY, SPAN_NONE);
		return s->state;
	}
	buf_init(&mailbox, MAILBOX_MAX);
	if (take_mailbox(s, SPAN_LIT("VRFY"), args, &mailbox) &&
	    may_tell(s, buf_span(&mailbox), utf8)) {
		kind = directory_find(
		    s->server->directory, buf_span(&mailbox), NULL);
		if (kind == DIRECTORY_ACCOUNT || kind == DIRECTORY_ALIAS)
			list(s, buf_span(&mailbox), buf_span(&mailbox));
		else
			say_other(s, kind);
	}
	buf_fini(&mailbox);
	return s->state;
}

enum state
cmd_expn(struct session *s, struct span args)
{
	enum directory_kind kind;
	struct buf mailbox, targets;
	bool utf8;

	args = without_param(args, &utf8);
	if (!may_know(s, s->server->w->conf->smtpd.expn)) {
		reply(s, REPLY_NOT_DONE, SPAN_NONE);
		return s->state;
	}
	buf_init(&mailbox, MAILBOX_MAX);
	buf_init(&targets, TARGETS_MAX);
	if (take_mailbox(s, SPAN_LIT("EXPN"), args, &mailbox) &&
	    may_tell(s, buf_span(&mailbox), utf8)) {
		kind = directory_find(
		    s->server->directory, buf_span(&mailbox), &targets);
		if (kind == DIRECTORY_ACCOUNT)
			list(s, buf_span(&mailbox), buf_span(&mailbox));
		else if (kind != DIRECTORY_ALIAS || targets.n == 0)
			say_other(s, kind);
		else if (may_tell(s, buf_span(&targets), utf8))
			list(s, buf_span(&mailbox), buf_span(&targets));
	}
	buf_fini(&mailbox);
	buf_fini(&targets);
	return s->state;
}

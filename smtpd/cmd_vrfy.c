/*
 * VRFY and EXPN: RFC 5321 3.5, 4.1.1.6, 4.1.1.7. Who may know is the
 * configuration's to say; with all others it is tried at RCPT, where trying
 * has a price.
 */
#include "lib/addr/path.h"
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

enum state
cmd_vrfy(struct session *s, struct span args)
{
	enum directory_kind kind;
	struct buf mailbox;

	if (args.n == 0) {
		reply(s, REPLY_SYNTAX, SPAN_LIT("VRFY user or address"));
		return s->state;
	}
	if (!may_know(s, s->server->w->conf->smtpd.vrfy)) {
		reply(s, REPLY_VRFY, SPAN_NONE);
		return s->state;
	}
	buf_init(&mailbox, MAILBOX_MAX);
	if (take_mailbox(s, SPAN_LIT("VRFY"), args, &mailbox)) {
		kind = directory_find(
		    s->server->directory, buf_span(&mailbox), NULL);
		if (kind == DIRECTORY_ACCOUNT || kind == DIRECTORY_ALIAS)
			reply(s, REPLY_VERIFIED, buf_span(&mailbox));
		else
			say_other(s, kind);
	}
	buf_fini(&mailbox);
	return s->state;
}

/* Each line but the last goes on. */
static void
list(struct session *s, struct span targets)
{
	struct buf b;

	buf_init(&b, MAILBOX_MAX + 16);
	while (targets.n > 0) {
		struct span one = span_cut(&targets, '\n');

		buf_clear(&b);
		buf_puts(&b, "2.1.5 <");
		buf_put_span(&b, one);
		buf_putc(&b, '>');
		reply_line(s, 250, targets.n == 0, buf_span(&b));
	}
	buf_fini(&b);
}

enum state
cmd_expn(struct session *s, struct span args)
{
	enum directory_kind kind;
	struct buf mailbox, targets;

	if (!may_know(s, s->server->w->conf->smtpd.expn)) {
		reply(s, REPLY_NOT_DONE, SPAN_NONE);
		return s->state;
	}
	buf_init(&mailbox, MAILBOX_MAX);
	buf_init(&targets, TARGETS_MAX);
	if (take_mailbox(s, SPAN_LIT("EXPN"), args, &mailbox)) {
		kind = directory_find(
		    s->server->directory, buf_span(&mailbox), &targets);
		if (kind == DIRECTORY_ALIAS && targets.n > 0)
			list(s, buf_span(&targets));
		else if (kind == DIRECTORY_ACCOUNT)
			reply(s, REPLY_VERIFIED, buf_span(&mailbox));
		else
			say_other(s, kind);
	}
	buf_fini(&mailbox);
	buf_fini(&targets);
	return s->state;
}

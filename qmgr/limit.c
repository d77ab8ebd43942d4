/*
 * Limits of those who send: see limit.h.
 */
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/log/log.h"
#include "lib/users/user.h"
#include "qmgr/allowance.h"
#include "qmgr/letter.h"
#include "qmgr/limit.h"
#include "lib/base/banned.h"

#define TEXT_MAX 8192

/* To the account itself: a user of the system has no domain in the login. */
static void
put_address(struct buf *b, const struct conf *conf, struct span login)
{
	buf_put_span(b, login);
	if (user_is(login) && conf->users.domains.n > 0)
		buf_putf(b, "@%s", conf->users.domains.v[0]);
}

static void
tell(struct qmgr *q, const struct msg_commit *c, const char *id)
{
	const struct conf *conf = q->w->conf;
	struct letter l = {
	    .subject = "Too many recipients in an hour", .about = id};
	struct buf text, to;

	buf_init(&text, TEXT_MAX);
	buf_init(&to, TEXT_MAX);
	put_address(&to, conf, c->login);
	buf_putf(&text,
	    "This is the mail server %s.\n\n"
	    "The login " SPAN_FMT " wants to send mail to more than %llu\n"
	    "recipients within an hour, which is not allowed here. What is too "
	    "much is\n"
	    "refused: mail programs say so, or try again by themselves when "
	    "the hour is\n"
	    "over. The first message that was refused came from\n\n"
	    "    " SPAN_FMT "\n\n"
	    "and had the queue ID %s.\n\n"
	    "If nobody meant to send that much, somebody else may know the "
	    "password:\n"
	    "change it.\n\n"
	    "For the postmaster: the limit is limits.login_recipients.\n"
	    "steadctl trace tells what was sent.\n",
	    conf->hostname, SPAN_ARG(c->login),
	    (unsigned long long)conf->limits.login_recipients,
	    SPAN_ARG(c->client), id);
	l.text = buf_span(&text);
	l.to = buf_cstr(&to);
	letter_send(q, &l);
	l.to = "postmaster";
	letter_send(q, &l);
	buf_fini(&to);
	buf_fini(&text);
}

enum rc
limit_check(
    struct qmgr *q, const struct msg_commit *c, const char *id, struct why *why)
{
	uint64_t max = q->w->conf->limits.login_recipients;
	struct allowance_ask ask = {c->login, c->recipients, max};
	enum allowance_answer answer;
	bool first;

	if (c->login.n == 0 || max == 0)
		return RC_OK;
	if (q->allowance == NULL)
		q->allowance = allowance_new();
	answer = allowance_take(q->allowance, &ask, clock_mono_ms(), &first);
	if (answer == ALLOWANCE_GIVEN)
		return RC_OK;
	if (first) {
		LOG(QUEUE_LIMIT, log_text(c->login), log_text(c->client),
		    log_num(c->recipients), log_num(max));
		tell(q, c, id);
	}
	if (answer == ALLOWANCE_NEVER)
		return why_set(why, RC_PERM, "5.7.1",
		    "more recipients than a login may have in an hour (%llu)",
		    (unsigned long long)max);
	return why_set(why, RC_TEMP, "4.7.1",
	    "this login has sent to as many recipients as it may in an hour "
	    "(%llu), try again later",
	    (unsigned long long)max);
}

/*
 * EHLO, HELO (RFC 5321 4.1.1.1), LHLO (RFC 2033 4.1) and STARTTLS (RFC 3207).
 */
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/sasl/offer.h"
#include "smtpd/command.h"
#include "smtpd/reply.h"
#include "smtpd/txn.h"
#include "lib/base/banned.h"

#define HELO_MAX 255

/* What is said stands in Received fields and logs: one word of text. */
static bool
helo_ok(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == '(' ||
		    name.p[i] == ')' || name.p[i] == '"' || name.p[i] == '\\' ||
		    name.p[i] == '<' || name.p[i] == '>' || name.p[i] == ';')
			return false;
	return name.n > 0 && name.n <= HELO_MAX;
}

static bool
greet(struct session *s, struct span verb, struct span name)
{
	/* RFC 2033 4.1: each protocol has its own */
	if (span_eq(verb, SPAN_LIT("LHLO")) != (s->service == SERVICE_LMTP)) {
		reply(s, REPLY_UNKNOWN, SPAN_NONE);
		return false;
	}
	if (!helo_ok(name)) {
		struct buf b;

		buf_init(&b, 32);
		buf_putf(&b, SPAN_FMT " hostname", SPAN_ARG(verb));
		reply(s, REPLY_SYNTAX, buf_span(&b));
		buf_fini(&b);
		return false;
	}
	txn_free(&s->txn);
	free(s->helo);
	s->helo = span_dup(name);
	s->esmtp = !span_eq(verb, SPAN_LIT("HELO"));
	return true;
}

enum state
cmd_helo(struct session *s, struct span args)
{
	if (!greet(s, SPAN_LIT("HELO"), args))
		return s->state;
	reply_line(s, 250, true, span_of(s->server->w->conf->hostname));
	return ST_GREETED;
}

static void
put_auth(struct session *s)
{
	struct buf b;

	buf_init(&b, 256);
	buf_puts(&b, "AUTH PLAIN LOGIN");
	sasl_offer_put(&b, s->server->w->conf, stream_tls(s->stream), " ");
	reply_line(s, 250, false, buf_span(&b));
	buf_fini(&b);
}

/* RFC 4865 4: the longest wait, and what that is by the clock. */
static void
put_hold(struct session *s)
{
	uint64_t ms = s->server->w->conf->smtpd.max_hold;
	struct buf b;

	/* also before a log-in, behind which few clients ask again */
	if ((!session_is_submission(s) && !session_is_user(s)) || ms == 0)
		return;
	buf_init(&b, 128);
	buf_putf(&b, "FUTURERELEASE %llu ", (unsigned long long)(ms / 1000));
	clock_put_rfc3339(&b, clock_real_us() + ms * 1000);
	reply_line(s, 250, false, buf_span(&b));
	buf_fini(&b);
}

static void
offer(struct session *s)
{
	const struct conf *conf = s->server->w->conf;
	struct buf b;

	buf_init(&b, 128);
	buf_putf(
	    &b, "SIZE %llu", (unsigned long long)conf->smtpd.max_message_size);
	reply_line(s, 250, false, span_of(conf->hostname));
	reply_line(s, 250, false, SPAN_LIT("PIPELINING"));
	reply_line(s, 250, false, buf_span(&b));
	reply_line(s, 250, false, SPAN_LIT("8BITMIME"));
	reply_line(s, 250, false, SPAN_LIT("SMTPUTF8"));
	reply_line(s, 250, false, SPAN_LIT("MT-PRIORITY"));
	put_hold(s);
	/* also before a log-in, as the line before */
	if (session_is_submission(s) || session_is_user(s))
		reply_line(s, 250, false, SPAN_LIT("DELIVERBY"));
	reply_line(s, 250, false, SPAN_LIT("DSN"));
	reply_line(s, 250, false, SPAN_LIT("CHUNKING"));
	buf_clear(&b);
	buf_putf(&b, "LIMITS RCPTMAX=%llu",
	    (unsigned long long)conf->smtpd.max_recipients);
	reply_line(s, 250, false, buf_span(&b));
	/* nobody is between the two ends of a Unix socket */
	if (s->server->tls != NULL && s->service != SERVICE_LOCAL &&
	    stream_tls(s->stream) == NULL)
		reply_line(s, 250, false, SPAN_LIT("STARTTLS"));
	if (stream_tls(s->stream) != NULL)
		reply_line(s, 250, false, SPAN_LIT("REQUIRETLS"));
	if (session_may_auth(s))
		put_auth(s);
	if (s->may_xclient)
		reply_line(s, 250, false,
		    SPAN_LIT("XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR "
			     "DESTPORT"));
	reply_line(s, 250, true, SPAN_LIT("ENHANCEDSTATUSCODES"));
	buf_fini(&b);
}

enum state
cmd_ehlo(struct session *s, struct span args)
{
	if (!greet(s, SPAN_LIT("EHLO"), args))
		return s->state;
	offer(s);
	return ST_GREETED;
}

enum state
cmd_lhlo(struct session *s, struct span args)
{
	if (!greet(s, SPAN_LIT("LHLO"), args))
		return s->state;
	offer(s);
	return ST_GREETED;
}

enum state
cmd_starttls(struct session *s, struct span args)
{
	(void)args;
	if (stream_tls(s->stream) != NULL) {
		reply(s, REPLY_TLS_ALREADY, SPAN_NONE);
		return s->state;
	}
	if (s->server->tls == NULL || s->service == SERVICE_LOCAL) {
		reply(s, REPLY_NOT_DONE, SPAN_NONE);
		return s->state;
	}
	reply(s, REPLY_READY_FOR_TLS, SPAN_NONE);
	stream_start_tls(s->stream, s->server->tls);
	/* RFC 3207 4.2: all that was learned in clear is forgotten */
	free(s->helo);
	session_log_out(s);
	s->helo = NULL;
	s->esmtp = false;
	return ST_NEW;
}

/*
 * IMAP before log-in, as a table for lib/front: see front.h. Commands are
 * wiped when they are used up, since each may hold a password.
 */
#include "imapd/capability.h"
#include "imapd/front_cmd.h"
#include "imapd/front_reply.h"
#include "lib/base/secret.h"
#include "lib/base/banned.h"

#define INPUT_MAX   65536
#define COMMAND_MAX 16384 /* with literals; AUTHENTICATE's 12288 are in it */
#define TEXT_MAX    1024

static uint64_t
max_sessions(const struct conf *conf)
{
	return conf->imap.max_sessions;
}

static uint64_t
max_of_client(const struct conf *conf)
{
	return conf->limits.imap;
}

static uint64_t
login_timeout(const struct conf *conf)
{
	return conf->imap.login_timeout;
}

static void
init(struct front *f)
{
	input_init(&((struct imap *)f)->in, COMMAND_MAX);
}

static void
fini(struct front *f)
{
	struct input *in = &((struct imap *)f)->in;

	secret_wipe(in->text.p, in->text.cap);
	input_fini(in);
}

void
front_capabilities(const struct imap *p, struct buf *b)
{
	const struct front *f = &p->front;
	unsigned when = CAPABILITY_FRONT;

	if (front_may_start_tls(f))
		when |= CAPABILITY_TLS;
	if (!front_may_login(f))
		when |= CAPABILITY_NO_LOGIN;
	capability_put(b, when);
	if (front_may_login(f))
		front_sasl_put(f, b, " AUTH=");
}

/* RFC 3501 7.1: with its capabilities, which saves a client the question */
static void
greet(struct imap *p, struct span hostname)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	buf_puts(&b, "[CAPABILITY ");
	front_capabilities(p, &b);
	buf_putf(&b, "] " SPAN_FMT " ready", SPAN_ARG(hostname));
	front_reply(p, FRONT_REPLY_GREETING, buf_span(&b));
	buf_fini(&b);
}

static void
welcome(struct imap *p)
{
	struct buf b;

	buf_init(&b, TEXT_MAX);
	capability_put(&b, CAPABILITY_SESSION);
	front_reply(p, FRONT_REPLY_LOGGED_IN, buf_span(&b));
	buf_fini(&b);
}

static void
say(struct front *f, enum front_word word, struct span text)
{
	static const enum front_reply replies[] = {
	    [FRONT_STOPPING] = FRONT_REPLY_STOPPING,
	    [FRONT_TOO_MANY] = FRONT_REPLY_TOO_MANY,
	    [FRONT_TOO_MANY_OF_CLIENT] = FRONT_REPLY_TOO_MANY_OF_CLIENT,
	    [FRONT_TOO_OFTEN] = FRONT_REPLY_TOO_OFTEN,
	    [FRONT_TOO_MANY_ERRORS] = FRONT_REPLY_TOO_MANY_ERRORS,
	    [FRONT_TOO_MANY_FAILURES] = FRONT_REPLY_TOO_MANY_FAILURES,
	    [FRONT_TIMED_OUT] = FRONT_REPLY_TIMED_OUT,
	    [FRONT_AUTH_DOWN] = FRONT_REPLY_AUTH_DOWN,
	    [FRONT_AUTH_TEMP] = FRONT_REPLY_AUTH_TEMP,
	    [FRONT_AUTH_FAILED] = FRONT_REPLY_AUTH_FAILED,
	};
	struct imap *p = (struct imap *)f;

	if (word == FRONT_GREETING) {
		greet(p, text);
		return;
	}
	if (word == FRONT_LOGGED_IN) {
		welcome(p);
		return;
	}
	/* the command is answered too */
	if (word == FRONT_TOO_MANY_FAILURES)
		front_reply(p, FRONT_REPLY_AUTH_FAILED,
		    SPAN_LIT("Authentication failed"));
	if (f->phase != FRONT_CLOSED)
		front_reply(p, replies[word], text);
}

/* Take or refuse what a literal's head announces. */
static void
take_head(struct imap *p)
{
	bool refused = p->front.sasl != FRONT_SASL_NONE;

	if (refused) {
		front_sasl_cancel(&p->front);
		front_reply(p, FRONT_REPLY_BAD_BASE64, SPAN_NONE);
	} else if (!front_cmd_literal(p, buf_span(&p->in.text))) {
		refused = true;
	} else if (!input_keep(&p->in)) {
		front_reply(p, FRONT_REPLY_TOO_LONG, SPAN_NONE);
		refused = true;
	}
	if (refused)
		input_refuse(&p->in);
	else if (p->in.sync)
		stream_write(p->front.client, SPAN_LIT("+ Go on\r\n"));
}

static void
take_command(struct imap *p)
{
	struct span text = buf_span(&p->in.text);

	if (p->front.sasl != FRONT_SASL_NONE)
		front_auth_answer(p, text);
	else
		front_cmd_dispatch(p, text);
	secret_wipe(p->in.text.p, p->in.text.cap);
}

static void
too_long(struct imap *p)
{
	if (p->front.sasl == FRONT_SASL_NONE)
		front_cmd_tag(p, buf_span(&p->in.text));
	front_sasl_cancel(&p->front);
	front_reply(p, FRONT_REPLY_TOO_LONG, SPAN_NONE);
}

static bool
command(struct front *f)
{
	struct imap *p = (struct imap *)f;
	struct span data, in = stream_input(f->client);
	size_t used;
	enum input_kind kind = input_next(&p->in, in, &data, &used);

	/* the text is a copy: before STARTTLS throws away the rest */
	stream_consume_secret(f->client, used);
	switch (kind) {
	case INPUT_NONE:
	case INPUT_DATA: /* nothing is streamed before log-in */
		break;
	case INPUT_COMMAND:
		take_command(p);
		break;
	case INPUT_LITERAL:
		take_head(p);
		break;
	case INPUT_TOO_LONG:
		too_long(p);
		break;
	}
	return kind != INPUT_NONE || used > 0;
}

const struct front_ops front_ops = {.service = "imap",
    .tls_service = "imaps",
    .size = sizeof(struct imap),
    .input_max = INPUT_MAX,
    .connect = EV_IMAP_CONNECT,
    .tls = EV_IMAP_TLS,
    .login = EV_IMAP_LOGIN,
    .close = EV_IMAP_CLOSE,
    .max_sessions = max_sessions,
    .max_of_client = max_of_client,
    .login_timeout = login_timeout,
    .init = init,
    .fini = fini,
    .say = say,
    .command = command};

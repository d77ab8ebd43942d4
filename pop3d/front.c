/*
 * POP3 before log-in, as a table for lib/front: see front.h. Lines are wiped
 * when they are used up, since each may hold a password.
 */
#include <stdlib.h>

#include "pop3d/front.h"
#include "pop3d/front_cmd.h"
#include "pop3d/front_reply.h"
#include "lib/base/banned.h"

#define INPUT_MAX  65536
#define FRONT_LINE 12288 /* RFC 4954's, which is what clients have for AUTH */

static uint64_t
max_sessions(const struct conf *conf)
{
	return conf->pop3.max_sessions;
}

static uint64_t
max_of_client(const struct conf *conf)
{
	return conf->limits.pop3;
}

static uint64_t
login_timeout(const struct conf *conf)
{
	return conf->pop3.login_timeout;
}

static void
init(struct front *f)
{
	struct pop3 *p = (struct pop3 *)f;

	p->state = POP3_GREETED;
	p->line.max = FRONT_LINE;
}

static void
fini(struct front *f)
{
	free(((struct pop3 *)f)->user);
}

static void
say(struct front *f, enum front_word word, struct span text)
{
	static const enum front_reply replies[] = {
	    [FRONT_GREETING] = FRONT_REPLY_GREETING,
	    [FRONT_STOPPING] = FRONT_REPLY_STOPPING,
	    [FRONT_TOO_MANY] = FRONT_REPLY_TOO_MANY,
	    [FRONT_TOO_MANY_OF_CLIENT] = FRONT_REPLY_TOO_MANY_OF_CLIENT,
	    [FRONT_TOO_OFTEN] = FRONT_REPLY_TOO_OFTEN,
	    [FRONT_TOO_MANY_ERRORS] = FRONT_REPLY_TOO_MANY_ERRORS,
	    [FRONT_TOO_MANY_FAILURES] = FRONT_REPLY_TOO_MANY_FAILURES,
	    [FRONT_AUTH_DOWN] = FRONT_REPLY_AUTH_DOWN,
	    [FRONT_AUTH_TEMP] = FRONT_REPLY_AUTH_TEMP,
	    [FRONT_AUTH_FAILED] = FRONT_REPLY_AUTH_FAILED,
	};

	/* RFC 1939 section 3: the time-out comes without a word; and the answer
	 * to the log-in is the session's, which knows the maildrop */
	if (word == FRONT_TIMED_OUT || word == FRONT_LOGGED_IN)
		return;
	front_reply((struct pop3 *)f, replies[word], text);
}

static void
too_long(struct pop3 *p)
{
	front_sasl_cancel(&p->front);
	front_reply(p, FRONT_REPLY_TOO_LONG, SPAN_NONE);
}

static bool
command(struct front *f)
{
	struct pop3 *p = (struct pop3 *)f;
	struct span text, in = stream_input(f->client);
	size_t used;
	enum line_kind kind = line_next(&p->line, in, &text, &used);

	if (kind == LINE_TOO_LONG)
		too_long(p);
	else if (kind == LINE_WHOLE && f->sasl != FRONT_SASL_NONE)
		front_cmd_sasl(p, text);
	else if (kind == LINE_WHOLE)
		front_cmd_dispatch(p, text);
	/* after STLS what was there is gone already */
	if (stream_input(f->client).n >= used)
		stream_consume_secret(f->client, used);
	return kind != LINE_NONE;
}

const struct front_ops front_ops = {.service = "pop3",
    .tls_service = "pop3s",
    .size = sizeof(struct pop3),
    .input_max = INPUT_MAX,
    .connect = EV_POP3_CONNECT,
    .tls = EV_POP3_TLS,
    .login = EV_POP3_LOGIN,
    .close = EV_POP3_CLOSE,
    .max_sessions = max_sessions,
    .max_of_client = max_of_client,
    .login_timeout = login_timeout,
    .init = init,
    .fini = fini,
    .say = say,
    .command = command};

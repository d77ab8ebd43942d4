/*
 * The log-in: the password goes to authd in one message, with the session's
 * end of a socket pair, or the messages of a mechanism go there one by one.
 * Nothing of them is kept.
 */
#include <sys/socket.h>

#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/secret.h"
#include "lib/front/front.h"
#include "lib/sasl/offer.h"
#include "lib/base/banned.h"

#define FAILURES_MAX 5
#define ANSWER_MAX   8192
#define TOO_MANY     "Too many connections of this login, try later"

/* Where the session is to come; what goes to authd, or -1. */
static int
session_pair(struct front *f)
{
	int pair[2];

	if (f->server->authd == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		pair) < 0)
		return -1;
	f->session_fd = pair[0];
	return pair[1];
}

/* The question is sent, or could not be; `end` is the session's (taken). */
static void
asked(struct front *f, bool sent, int end)
{
	io_close(&end); /* the message has a copy */
	if (!sent) {
		io_close(&f->session_fd);
		f->auth_id = 0;
		f->server->ops->say(f, FRONT_AUTH_DOWN, SPAN_NONE);
		return;
	}
	f->phase = FRONT_ASKED;
	stream_pause(f->client, true);
}

void
front_ask(struct front *f, struct span authzid, struct span login,
    struct span password)
{
	struct front_server *server = f->server;
	struct msg_auth ask = {.id = ++server->next_id,
	    .service = span_of(server->ops->service),
	    .client = span_of(f->address),
	    .tls = stream_tls(f->client) != NULL,
	    .authzid = authzid,
	    .login = login,
	    .password = password,
	    .session = session_pair(f)};

	f->auth_id = ask.id;
	asked(f, ask.session >= 0 && proto_send_auth(server->authd, &ask),
	    ask.session);
}

static void
ask_first(struct front *f, struct span answer)
{
	unsigned char binding[SASL_BINDING_SIZE];
	struct front_server *server = f->server;
	SSL *ssl = stream_tls(f->client);
	struct msg_sasl_start ask = {.id = ++server->next_id,
	    .service = span_of(server->ops->service),
	    .client = span_of(f->address),
	    .mechanism = span_of(f->mechanism),
	    .plus = sasl_offers_plus(server->w->conf, ssl),
	    .binding = sasl_binding(ssl, binding),
	    .data = answer,
	    .session = session_pair(f)};

	f->auth_id = ask.id;
	asked(f, ask.session >= 0 && proto_send_sasl_start(server->authd, &ask),
	    ask.session);
}

static void
ask_next(struct front *f, struct span answer)
{
	struct ipc_link *authd = f->server->authd;

	asked(f,
	    authd != NULL && proto_send_sasl_answer(authd,
				 &(struct msg_sasl_answer){f->auth_id, answer}),
	    -1);
}

/* [authzid] NUL login NUL password */
static bool
ask_plain(struct front *f, struct span answer)
{
	struct span authzid = span_cut(&answer, '\0');
	struct span login = span_cut(&answer, '\0');

	if (login.n == 0 || answer.n == 0 || span_find(answer, '\0') < answer.n)
		return false;
	front_ask(f, authzid, login, answer);
	return true;
}

bool
front_sasl_begin(struct front *f, struct span mechanism)
{
	if (span_eq_ci(mechanism, SPAN_LIT("PLAIN")))
		f->sasl = FRONT_SASL_PLAIN;
	else if (sasl_is_offered(
		     f->server->w->conf, stream_tls(f->client), mechanism) &&
		 span_copy(mechanism, f->mechanism, sizeof(f->mechanism)))
		f->sasl = FRONT_SASL_FIRST;
	return f->sasl != FRONT_SASL_NONE;
}

void
front_sasl_put(const struct front *f, struct buf *b, const char *before)
{
	buf_putf(b, "%sPLAIN", before);
	sasl_offer_put(b, f->server->w->conf, stream_tls(f->client), before);
}

void
front_sasl_cancel(struct front *f)
{
	if (f->sasl == FRONT_SASL_NEXT) {
		if (f->server->authd != NULL)
			(void)proto_send_sasl_cancel(f->server->authd,
			    &(struct msg_sasl_cancel){f->auth_id});
		f->auth_id = 0;
		io_close(&f->session_fd);
	}
	f->sasl = FRONT_SASL_NONE;
}

enum front_sasl_fault
front_sasl_answer(struct front *f, struct span line)
{
	enum front_sasl_fault fault = FRONT_SASL_OK;
	enum front_sasl step = f->sasl;
	struct buf b;

	buf_init(&b, ANSWER_MAX);
	if (span_eq(line, SPAN_LIT("*")))
		fault = FRONT_SASL_CANCELLED;
	else if (!enc_unbase64(&b, line))
		fault = FRONT_SASL_BAD_BASE64;
	if (fault != FRONT_SASL_OK) {
		front_sasl_cancel(f);
	} else {
		f->sasl = FRONT_SASL_NONE;
		if (step == FRONT_SASL_FIRST)
			ask_first(f, buf_span(&b));
		else if (step == FRONT_SASL_NEXT)
			ask_next(f, buf_span(&b));
		else if (!ask_plain(f, buf_span(&b)))
			fault = FRONT_SASL_BAD_FORM;
	}
	secret_wipe(b.p, b.cap);
	buf_fini(&b);
	return fault;
}

void
front_challenge(struct front *f, const struct msg_sasl_challenge *msg)
{
	struct buf b;

	buf_init(&b, IPC_FRAME_MAX * 2);
	buf_puts(&b, "+ ");
	enc_base64(&b, msg->data);
	buf_puts(&b, "\r\n");
	stream_write(f->client, buf_span(&b));
	buf_fini(&b);
	f->sasl = FRONT_SASL_NEXT;
	f->phase = FRONT_TALK;
	stream_pause(f->client, false);
}

static void
refused(struct front *f, const struct msg_auth_result *msg)
{
	const struct front_ops *ops = f->server->ops;

	io_close(&f->session_fd);
	f->sasl = FRONT_SASL_NONE;
	f->phase = FRONT_TALK;
	if (msg == NULL)
		ops->say(f, FRONT_AUTH_DOWN, SPAN_NONE);
	else if (msg->rc != RC_PERM)
		ops->say(f, FRONT_AUTH_TEMP, msg->text);
	else if (++f->failures < FAILURES_MAX)
		ops->say(f, FRONT_AUTH_FAILED, msg->text);
	else
		ops->say(f, FRONT_TOO_MANY_FAILURES, SPAN_NONE);
	if (f->failures >= FAILURES_MAX && f->phase != FRONT_CLOSED)
		front_close(f);
	if (f->phase != FRONT_CLOSED)
		stream_pause(f->client, false);
}

void
front_answer(struct front *f, const struct msg_auth_result *msg)
{
	const struct front_ops *ops = f->server->ops;
	int fd = f->session_fd;

	f->auth_id = 0;
	if (msg == NULL || msg->rc != RC_OK) {
		refused(f, msg);
		return;
	}
	if (gate_login(&f->server->gate, span_of(f->address), msg->login,
		&f->login_ticket) != CENSUS_WELCOME) {
		refused(f, &(struct msg_auth_result){
			       .rc = RC_TEMP, .text = SPAN_LIT(TOO_MANY)});
		return;
	}
	LOG_EVENT(ops->login, log_text(id_span(&f->sid)), log_text(msg->login),
	    log_str(f->address));
	f->server->n_logins++;
	f->session_fd = -1;
	ops->say(f, FRONT_LOGGED_IN, SPAN_NONE);
	front_pipe_start(f, fd);
}

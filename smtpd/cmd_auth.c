/*
 * AUTH: RFC 4954 with PLAIN (RFC 4616) and LOGIN, of which the password goes to
 * authd in one message and is wiped here; and those mechanisms whose messages
 * only authd understands.
 */
#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/log/log.h"
#include "lib/sasl/offer.h"
#include "smtpd/command.h"
#include "smtpd/reply.h"
#include "lib/base/banned.h"

#define ANSWER_MAX 8192

struct auth {
	enum {
		AUTH_PLAIN,
		AUTH_LOGIN_NAME,
		AUTH_LOGIN_PASSWORD,
		AUTH_SASL_FIRST,
		AUTH_SASL_NEXT /* authd waits for it */
	} step;
	struct secret name;   /* LOGIN: the first answer */
	struct buf mechanism; /* SASL */
	uint64_t exchange;    /* its number in AUTH_SASL_NEXT */
	bool lost;            /* authd has gone, and with it the exchange */
};

void
cmd_auth_free(struct session *s)
{
	struct auth *a = s->auth;

	if (a == NULL)
		return;
	if (a->step == AUTH_SASL_NEXT && !a->lost && s->server->authd != NULL)
		(void)proto_send_sasl_cancel(
		    s->server->authd, &(struct msg_sasl_cancel){a->exchange});
	secret_fini(&a->name);
	buf_fini(&a->mechanism);
	free(a);
	s->auth = NULL;
}

void
cmd_auth_lost(struct session *s)
{
	if (s->auth != NULL)
		s->auth->lost = true;
}

/* Until it answers nothing more of the client is read. */
static enum state
asked(struct session *s, uint64_t id)
{
	s->auth_id = id;
	stream_deadline(s->stream, 0);
	stream_pause(s->stream, true);
	return ST_AUTH;
}

static enum state
ask_authd(struct session *s, struct span authzid, struct span login,
    struct span password)
{
	struct server *server = s->server;
	struct msg_auth ask = {.id = ++server->next_id,
	    .service = SPAN_LIT("smtp"),
	    .client = span_of(s->client),
	    .tls = stream_tls(s->stream) != NULL,
	    .authzid = authzid,
	    .login = login,
	    .password = password,
	    .session = -1};

	if (server->authd == NULL || !proto_send_auth(server->authd, &ask)) {
		reply(s, REPLY_AUTH_DOWN, SPAN_NONE);
		return ST_GREETED;
	}
	return asked(s, ask.id);
}

static enum state
sasl_first(struct session *s, struct span answer)
{
	unsigned char binding[SASL_BINDING_SIZE];
	struct server *server = s->server;
	SSL *ssl = stream_tls(s->stream);
	struct msg_sasl_start m = {.id = ++server->next_id,
	    .service = SPAN_LIT("smtp"),
	    .client = span_of(s->client),
	    .mechanism = buf_span(&s->auth->mechanism),
	    .plus = sasl_offers_plus(server->w->conf, ssl),
	    .binding = sasl_binding(ssl, binding),
	    .data = answer,
	    .session = -1};

	if (server->authd == NULL ||
	    !proto_send_sasl_start(server->authd, &m)) {
		reply(s, REPLY_AUTH_DOWN, SPAN_NONE);
		return ST_GREETED;
	}
	return asked(s, m.id);
}

static enum state
sasl_next(struct session *s, struct span answer)
{
	struct auth *a = s->auth;
	struct msg_sasl_answer m = {a->exchange, answer};

	a->step = AUTH_SASL_FIRST; /* it is not ours to cancel now */
	if (a->lost || s->server->authd == NULL ||
	    !proto_send_sasl_answer(s->server->authd, &m)) {
		reply(s, REPLY_AUTH_DOWN, SPAN_NONE);
		return ST_GREETED;
	}
	return asked(s, m.id);
}

/* [authzid] NUL authcid NUL passwd */
static enum state
plain(struct session *s, struct span answer)
{
	struct span authzid = span_cut(&answer, '\0');
	struct span login = span_cut(&answer, '\0');

	if (login.n == 0 || answer.n == 0 ||
	    span_find(answer, '\0') < answer.n) {
		reply(s, REPLY_SYNTAX,
		    SPAN_LIT("[authzid] NUL login NUL "
			     "password, in base64"));
		return ST_GREETED;
	}
	return ask_authd(s, authzid, login, answer);
}

static enum state
challenge(struct session *s, struct span text)
{
	struct buf b;

	buf_init(&b, 128);
	enc_base64(&b, text);
	reply(s, REPLY_CHALLENGE, buf_span(&b));
	buf_fini(&b);
	return ST_AUTH;
}

/* One decoded answer of the client. */
static enum state
step(struct session *s, struct span answer)
{
	struct auth *a = s->auth;
	enum state next = ST_AUTH;

	switch (a->step) {
	case AUTH_PLAIN:
		next = plain(s, answer);
		break;
	case AUTH_LOGIN_NAME:
		a->name = secret_of(answer);
		a->step = AUTH_LOGIN_PASSWORD;
		/* Outlook wants these words and no others */
		return challenge(s, SPAN_LIT("Password:"));
	case AUTH_LOGIN_PASSWORD:
		next = ask_authd(
		    s, SPAN_LIT(""), span_make(a->name.p, a->name.n), answer);
		break;
	case AUTH_SASL_FIRST:
		next = sasl_first(s, answer);
		break;
	case AUTH_SASL_NEXT:
		next = sasl_next(s, answer);
		break;
	}
	cmd_auth_free(s);
	return next;
}

enum state
cmd_auth_answer(struct session *s, struct span line)
{
	enum state next = ST_GREETED;
	struct buf b;

	buf_init(&b, ANSWER_MAX);
	if (span_eq(line, SPAN_LIT("*")))
		reply(s, REPLY_AUTH_CANCELLED, SPAN_NONE);
	/* RFC 4954 section 4: "=" is an empty initial response */
	else if (!span_eq(line, SPAN_LIT("=")) && !enc_unbase64(&b, line))
		reply(s, REPLY_BAD_BASE64, SPAN_NONE);
	else
		next = step(s, buf_span(&b));
	if (next != ST_AUTH)
		cmd_auth_free(s);
	secret_wipe(b.p, b.cap);
	buf_fini(&b);
	return next;
}

enum state
cmd_auth(struct session *s, struct span args)
{
	struct span initial = args, mechanism = span_cut(&initial, ' ');
	bool is_sasl, is_plain = span_eq_ci(mechanism, SPAN_LIT("PLAIN"));

	if (!session_is_submission(s) || !s->esmtp) {
		reply(s, REPLY_NOT_DONE, SPAN_NONE);
		return s->state;
	}
	if (s->login != NULL) {
		reply(s, REPLY_AUTH_ALREADY, SPAN_NONE);
		return s->state;
	}
	if (!session_may_auth(s)) {
		reply(s, REPLY_NEED_TLS, SPAN_NONE);
		return s->state;
	}
	is_sasl = sasl_is_offered(
	    s->server->w->conf, stream_tls(s->stream), mechanism);
	if (!is_sasl && !is_plain &&
	    !span_eq_ci(mechanism, SPAN_LIT("LOGIN"))) {
		reply(s, REPLY_BAD_MECHANISM, SPAN_NONE);
		return s->state;
	}
	s->auth = mem_alloc(sizeof(*s->auth));
	s->auth->step = is_sasl    ? AUTH_SASL_FIRST
			: is_plain ? AUTH_PLAIN
				   : AUTH_LOGIN_NAME;
	buf_init(&s->auth->mechanism, mechanism.n);
	buf_put_span(&s->auth->mechanism, mechanism);
	if (initial.n > 0)
		return cmd_auth_answer(s, initial);
	return challenge(
	    s, is_sasl || is_plain ? SPAN_LIT("") : SPAN_LIT("Username:"));
}

void
cmd_auth_challenge(struct session *s, const struct msg_sasl_challenge *msg)
{
	s->auth_id = 0;
	if (s->state == ST_CLOSED)
		return;
	s->auth = mem_alloc(sizeof(*s->auth));
	s->auth->step = AUTH_SASL_NEXT;
	s->auth->exchange = msg->id;
	(void)challenge(s, msg->data);
	session_resume(s, ST_AUTH);
}

void
cmd_auth_result(struct session *s, const struct msg_auth_result *msg)
{
	struct why why;
	struct buf b;

	s->auth_id = 0;
	if (msg == NULL) {
		reply(s, REPLY_AUTH_DOWN, SPAN_NONE);
	} else if (msg->rc == RC_OK &&
		   gate_login(&s->server->gate, span_of(s->client), msg->login,
		       &s->login_ticket) != CENSUS_WELCOME) {
		reply(s, REPLY_LOGIN_CONNECTIONS, SPAN_NONE);
	} else if (msg->rc == RC_OK) {
		s->login = span_dup(msg->login);
		LOG(SMTP_LOGIN, log_text(id_span(&s->sid)), log_str(s->login),
		    log_str(s->client));
		reply(s, REPLY_AUTH_OK, SPAN_NONE);
	} else {
		buf_init(&b, 1024);
		buf_put_span(&b, msg->text);
		why_set(&why, msg->rc == RC_PERM ? RC_PERM : RC_TEMP,
		    msg->rc == RC_PERM ? "5.7.8" : "4.7.0", "%s", buf_cstr(&b));
		reply_why(s, &why);
		buf_fini(&b);
	}
	if (s->state != ST_CLOSED)
		session_resume(s, ST_GREETED);
}

/*
 * The log-in: USER and PASS (RFC 1939 section 7), AUTH PLAIN (RFC 5034, RFC
 * 4616). The password goes to authd in one message, with the session's end of
 * a socket pair, and is wiped here.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/log/log.h"
#include "pop3d/front_cmd.h"
#include "pop3d/front_reply.h"
#include "lib/base/banned.h"

#define ANSWER_MAX   8192
#define FAILURES_MAX 5

static enum front_state
ask_authd(struct front *f, struct span authzid, struct span login,
    struct span password)
{
	struct front_server *server = f->server;
	struct msg_auth ask = {.id = ++server->next_id,
	    .service = SPAN_LIT("pop3"),
	    .client = span_of(f->address),
	    .tls = stream_tls(f->client) != NULL,
	    .authzid = authzid,
	    .login = login,
	    .password = password};
	int pair[2];
	bool sent;

	if (server->authd == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		front_reply(f, FRONT_REPLY_AUTH_DOWN, SPAN_NONE);
		return FRONT_GREETED;
	}
	ask.session = pair[1];
	sent = proto_send_auth(server->authd, &ask);
	io_close(&pair[1]); /* the message has a copy */
	if (!sent) {
		io_close(&pair[0]);
		front_reply(f, FRONT_REPLY_AUTH_DOWN, SPAN_NONE);
		return FRONT_GREETED;
	}
	f->session_fd = pair[0];
	f->auth_id = ask.id;
	stream_pause(f->client, true);
	return FRONT_ASKED;
}

enum front_state
front_auth_user(struct front *f, struct span args)
{
	if (args.n == 0) {
		front_reply(f, FRONT_REPLY_SYNTAX, SPAN_LIT("USER name"));
		return FRONT_GREETED;
	}
	free(f->user);
	f->user = span_dup(args);
	/* whether there is such a user is not told before the password */
	front_reply(f, FRONT_REPLY_USER_OK, SPAN_NONE);
	return FRONT_USER;
}

enum front_state
front_auth_pass(struct front *f, struct span args)
{
	/* RFC 1939 section 7: spaces are part of the password */
	if (args.n == 0) {
		front_reply(f, FRONT_REPLY_SYNTAX, SPAN_LIT("PASS password"));
		return FRONT_GREETED;
	}
	return ask_authd(f, SPAN_LIT(""), span_of(f->user), args);
}

/* [authzid] NUL authcid NUL passwd */
static enum front_state
plain(struct front *f, struct span answer)
{
	struct span authzid = span_cut(&answer, '\0');
	struct span login = span_cut(&answer, '\0');

	if (login.n == 0 || answer.n == 0 ||
	    span_find(answer, '\0') < answer.n) {
		front_reply(f, FRONT_REPLY_SYNTAX,
		    SPAN_LIT("[authzid] NUL login NUL password, in base64"));
		return FRONT_GREETED;
	}
	return ask_authd(f, authzid, login, answer);
}

enum front_state
front_auth_answer(struct front *f, struct span line)
{
	enum front_state next = FRONT_GREETED;
	struct buf b;

	buf_init(&b, ANSWER_MAX);
	if (span_eq(line, SPAN_LIT("*")))
		front_reply(f, FRONT_REPLY_CANCELLED, SPAN_NONE);
	else if (!enc_unbase64(&b, line))
		front_reply(f, FRONT_REPLY_BAD_BASE64, SPAN_NONE);
	else
		next = plain(f, buf_span(&b));
	secret_wipe(b.p, b.cap);
	buf_fini(&b);
	return next;
}

enum front_state
front_auth_sasl(struct front *f, struct span args)
{
	struct span initial = span_trim(args);
	struct span mechanism = span_cut(&initial, ' ');

	if (mechanism.n == 0) {
		/* not in RFC 5034, but asked by clients that know no CAPA */
		front_reply(f, FRONT_REPLY_MECHANISMS, SPAN_NONE);
		stream_write(f->client, SPAN_LIT("PLAIN\r\n.\r\n"));
		return f->state;
	}
	if (!span_eq_ci(mechanism, SPAN_LIT("PLAIN"))) {
		front_reply(f, FRONT_REPLY_BAD_MECHANISM, SPAN_NONE);
		return f->state;
	}
	if (initial.n > 0)
		return front_auth_answer(f, initial);
	stream_write(f->client, SPAN_LIT("+ \r\n"));
	return FRONT_SASL;
}

static void
refused(struct front *f, const struct msg_auth_result *msg)
{
	io_close(&f->session_fd);
	f->state = FRONT_GREETED;
	if (msg == NULL)
		front_reply(f, FRONT_REPLY_AUTH_DOWN, SPAN_NONE);
	else if (msg->rc != RC_PERM)
		front_reply(f, FRONT_REPLY_AUTH_TEMP, msg->text);
	else if (++f->failures < FAILURES_MAX)
		front_reply(f, FRONT_REPLY_AUTH_FAILED, msg->text);
	else
		front_reply(f, FRONT_REPLY_TOO_MANY_FAILURES, SPAN_NONE);
	if (f->failures >= FAILURES_MAX && f->state != FRONT_CLOSED)
		front_close(f);
	if (f->state != FRONT_CLOSED)
		stream_pause(f->client, false);
}

void
front_auth_result(struct front *f, const struct msg_auth_result *msg)
{
	int fd = f->session_fd;

	f->auth_id = 0;
	free(f->user);
	f->user = NULL;
	if (msg == NULL || msg->rc != RC_OK) {
		refused(f, msg);
		return;
	}
	LOG(POP3_LOGIN, log_text(id_span(&f->sid)), log_text(msg->login),
	    log_str(f->address));
	f->server->n_logins++;
	f->session_fd = -1;
	front_pipe_start(f, fd);
}

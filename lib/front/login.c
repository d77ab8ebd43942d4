/*
 * The log-in: the password goes to authd in one message, with the session's
 * end of a socket pair. Nothing of it is kept.
 */
#include <sys/socket.h>

#include "lib/base/io.h"
#include "lib/front/front.h"
#include "lib/base/banned.h"

#define FAILURES_MAX 5

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
	    .password = password};
	int pair[2];
	bool sent;

	if (server->authd == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		pair) < 0) {
		server->ops->say(f, FRONT_AUTH_DOWN, SPAN_NONE);
		return;
	}
	ask.session = pair[1];
	sent = proto_send_auth(server->authd, &ask);
	io_close(&pair[1]); /* the message has a copy */
	if (!sent) {
		io_close(&pair[0]);
		server->ops->say(f, FRONT_AUTH_DOWN, SPAN_NONE);
		return;
	}
	f->session_fd = pair[0];
	f->auth_id = ask.id;
	f->phase = FRONT_ASKED;
	stream_pause(f->client, true);
}

bool
front_ask_plain(struct front *f, struct span answer)
{
	struct span authzid = span_cut(&answer, '\0');
	struct span login = span_cut(&answer, '\0');

	if (login.n == 0 || answer.n == 0 || span_find(answer, '\0') < answer.n)
		return false;
	front_ask(f, authzid, login, answer);
	return true;
}

static void
refused(struct front *f, const struct msg_auth_result *msg)
{
	const struct front_ops *ops = f->server->ops;

	io_close(&f->session_fd);
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
	LOG_EVENT(ops->login, log_text(id_span(&f->sid)), log_text(msg->login),
	    log_str(f->address));
	f->server->n_logins++;
	f->session_fd = -1;
	ops->say(f, FRONT_LOGGED_IN, SPAN_NONE);
	front_pipe_start(f, fd);
}

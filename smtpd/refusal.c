/*
 * Refusals that the history hears of: see refusal.h. A queue manager that does
 * not keep up is told later how many there were.
 */
#include "lib/base/mem.h"
#include "smtpd/refusal.h"
#include "smtpd/txn.h"
#include "lib/base/banned.h"

#define UNTOLD_S  5  /* until those are told that could not be at once */
#define RCPTS_MAX 10 /* named one by one when a whole message is refused */
#define PATH_KEPT 320
#define TEXT_KEPT 512

void
refusal_watch(struct session *s, const char *verb, struct span args)
{
	s->verb = verb;
	s->args = args;
}

/* "FROM:<a@b> SIZE=1", or whatever the client wrote instead. */
static void
put_path(struct buf *b, struct span args)
{
	struct span path = span_from(args, span_find(args, '<') + 1);
	size_t n = span_find(path, '>');

	if (n == path.n)
		path = span_trim(span_from(args, span_find(args, ':') + 1));
	else
		path = span_head(path, n);
	path = span_head(path, PATH_KEPT);
	/* a link takes no control characters */
	for (size_t i = 0; i < path.n; i++) {
		int c = span_at(path, i);

		buf_putc(b, c < ' ' || c == 0x7f ? '?' : path.p[i]);
	}
}

static void
set_timer(struct server *server, event_callback_fn on_timer)
{
	struct timeval tv = {UNTOLD_S, 0};

	if (server->untold_timer == NULL)
		server->untold_timer =
		    evtimer_new(server->w->base, on_timer, server);
	if (server->untold_timer == NULL)
		bug("evtimer_new");
	evtimer_add(server->untold_timer, &tv);
}

/* True: qmgr has it, and has heard of all before it. */
static bool
give(struct server *server, const struct msg_refused *r)
{
	struct msg_refused one = *r;

	one.untold = server->untold;
	if (server->qmgr == NULL || !ipc_link_flushed(server->qmgr) ||
	    !proto_send_refused(server->qmgr, &one))
		return false;
	server->untold = 0;
	return true;
}

/* Perhaps the last one was among them: nothing else would tell. */
static void
on_untold(evutil_socket_t fd, short what, void *arg)
{
	struct server *server = arg;

	(void)fd;
	(void)what;
	if (server->untold > 0 && !give(server, &(struct msg_refused){0}))
		set_timer(server, on_untold);
}

static void
send_one(struct session *s, const struct msg_refused *r)
{
	struct server *server = s->server;

	if (give(server, r))
		return;
	if (server->untold == 0)
		set_timer(server, on_untold);
	server->untold += server->untold < UINT32_MAX;
}

/* The whole message: to each of those whom it was for. */
static void
send_all(struct session *s, struct msg_refused *r)
{
	const struct txn *t = s->txn;

	r->sender = span_of(t->mail.sender);
	for (size_t i = 0; i < t->n_rcpts && i < RCPTS_MAX; i++) {
		r->recipient = span_of(t->rcpts[i].address);
		send_one(s, r);
	}
}

void
refusal_tell(struct session *s, unsigned code, struct span text)
{
	struct buf client, path, said;
	struct msg_refused r = {.sid = id_span(&s->sid),
	    .helo = span_of(s->helo),
	    .service = span_of(session_service(s)),
	    .login = span_of(s->login),
	    .verb = span_of(s->verb)};

	if (s->verb == NULL)
		return;
	buf_init(&client, 128);
	buf_init(&path, PATH_KEPT);
	buf_init(&said, TEXT_KEPT + 16);
	session_put_client(s, &client);
	put_path(&path, s->args);
	buf_putf(&said, "%u ", code);
	buf_put_span(&said, span_head(text, TEXT_KEPT));
	r.client = buf_span(&client);
	r.reply = buf_span(&said);
	if (s->txn == NULL) {
		r.sender = buf_span(&path);
		send_one(s, &r);
	} else if (strcmp(s->verb, "DATA") == 0) {
		send_all(s, &r);
	} else {
		r.sender = span_of(s->txn->mail.sender);
		r.recipient = buf_span(&path);
		send_one(s, &r);
	}
	buf_fini(&client);
	buf_fini(&path);
	buf_fini(&said);
	/* a command is refused once: what ends the session is no other */
	s->verb = NULL;
}

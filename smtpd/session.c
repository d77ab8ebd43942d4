/*
 * One SMTP connection: see session.h. Owns the stream and the transaction.
 * The input is lines in most states, octets in ST_DATA and ST_CHUNK.
 */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/base/network.h"
#include "lib/ev/peer.h"
#include "lib/log/log.h"
#include "lib/tls/burst.h"
#include "lib/worker/workers.h"
#include "smtpd/command.h"
#include "smtpd/reply.h"
#include "smtpd/session.h"
#include "smtpd/txn.h"
#include "lib/base/banned.h"

/* for the rest of a message when all stops; master waits longer */
#define STOP_DATA_MS 20000
#define INPUT_MAX    65536
/* RFC 4954 section 4.3.1: the longest line that has to be taken */
#define SESSION_LINE_MAX 12288
/* one user's programs shall not take all sessions from the others */
#define LOCAL_PER_UID_MAX 100

void
session_error(struct session *s)
{
	if (s->state == ST_CLOSED ||
	    ++s->errors <= s->server->w->conf->smtpd.max_errors)
		return;
	s->errors = 0; /* or this reply would count too */
	s->repeats = 0;
	s->state = ST_CLOSED;
	reply(s, REPLY_TOO_MANY_ERRORS, SPAN_NONE);
	stream_finish(s->stream);
}

void
session_close(struct session *s)
{
	s->state = ST_CLOSED;
	stream_pause(s->stream, false);
	stream_finish(s->stream);
}

void
session_resume(struct session *s, enum state state)
{
	s->state = state;
	if (s->server->w->stopping) {
		session_drain(s);
		return;
	}
	stream_deadline(s->stream, s->server->w->conf->smtpd.timeout);
	stream_pause(s->stream, false);
}

void
session_drain(struct session *s)
{
	/* what is under way may end: session_resume comes here then */
	if (s->state == ST_DATA || s->state == ST_CHUNK)
		stream_deadline(s->stream, STOP_DATA_MS);
	if ((s->state & (ST_ANY | ST_AUTH)) == 0 || s->auth_id != 0)
		return;
	reply(s, REPLY_CLOSING, span_of(s->server->w->conf->hostname));
	session_close(s);
}

bool
session_is_submission(const struct session *s)
{
	return s->service == SERVICE_SUBMISSION ||
	       s->service == SERVICE_SUBMISSIONS;
}

bool
session_is_user(const struct session *s)
{
	return s->login != NULL || s->service == SERVICE_LOCAL;
}

bool
session_may_auth(const struct session *s)
{
	return session_is_submission(s) && s->login == NULL &&
	       (stream_tls(s->stream) != NULL ||
		   s->server->w->conf->auth.allow_plaintext);
}

const char *
session_service(const struct session *s)
{
	static const char *const names[] = {
	    "smtp", "submission", "submissions", "lmtp", WORKER_LOCAL_SERVICE};

	return names[s->service];
}

void
session_put_client(const struct session *s, struct buf *b)
{
	/* RFC 5321 4.1.3: an IPv6 address literal carries its tag */
	if (span_starts(span_of(s->client), SPAN_LIT("uid:")))
		buf_puts(b, s->client);
	else
		buf_putf(b, "[%s%s]",
		    strchr(s->client, ':') != NULL ? "IPv6:" : "", s->client);
}

const char *
session_protocol(const struct session *s)
{
	/* behind the word: nothing, TLS, log-in, both */
	static const char *const words[][4] = {
	    {"ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"},
	    {"LMTP", "LMTPS", "LMTPA", "LMTPSA"},
	    {"UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"},
	    {"UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"},
	};
	bool utf8 = s->txn != NULL && s->txn->mail.utf8;
	unsigned row =
	    (s->service == SERVICE_LMTP ? 1U : 0U) | (utf8 ? 2U : 0U);
	unsigned how = (stream_tls(s->stream) != NULL ? 1U : 0U) |
		       (s->login != NULL ? 2U : 0U);

	return s->esmtp ? words[row][how] : "SMTP";
}

static void
take_line(struct session *s, struct span line)
{
	stream_deadline(s->stream, s->server->w->conf->smtpd.timeout);
	if (s->state == ST_AUTH) {
		enum state next = cmd_auth_answer(s, line);

		if (s->state != ST_CLOSED)
			s->state = next;
		return;
	}
	command_dispatch(s, line);
}

/* True: a line was taken or thrown away, there may be more. */
static bool
next_line(struct session *s)
{
	struct span text;
	size_t used;

	switch (line_next(&s->line, stream_input(s->stream), &text, &used)) {
	case LINE_WHOLE:
		s->behind = stream_input(s->stream).n > used;
		take_line(s, text);
		/* after STARTTLS what was there is gone already */
		if (stream_input(s->stream).n >= used)
			stream_consume_secret(s->stream, used);
		return true;
	case LINE_TOO_LONG:
		stream_consume_secret(s->stream, used);
		if (s->state == ST_AUTH) {
			cmd_auth_free(s);
			s->state = ST_GREETED;
		}
		reply(s, REPLY_LINE_TOO_LONG, SPAN_NONE);
		return true;
	case LINE_NONE:
		stream_consume_secret(s->stream, used);
		return false;
	}
	return false;
}

/* Octets of a message. False: there are none. */
static bool
next_octets(struct session *s)
{
	struct span in = stream_input(s->stream);
	size_t used;

	if (in.n == 0)
		return false;
	if (s->state == ST_DATA)
		used = cmd_data_input(s, in);
	else
		used = cmd_bdat_input(s, in);
	stream_consume(s->stream, used);
	return true;
}

static void
on_input(void *ctx)
{
	struct session *s = ctx;
	bool more;

	for (;;) {
		if (s->state == ST_CLOSED || s->state == ST_COMMIT ||
		    s->auth_id != 0)
			return;
		if (s->state == ST_DATA || s->state == ST_CHUNK)
			more = next_octets(s);
		else
			more = next_line(s);
		if (!more)
			return;
	}
}

/* RFC 5321 4.2: who serves, and that it speaks ESMTP; RFC 2033 4.1 */
static void
say_hello(struct session *s)
{
	struct buf b;

	buf_init(&b, 512);
	buf_putf(&b, "%s %s", s->server->w->conf->hostname,
	    s->service == SERVICE_LMTP ? "LMTP" : "ESMTP");
	reply_line(s, 220, true, buf_span(&b));
	buf_fini(&b);
}

static void
on_secured(void *ctx)
{
	struct session *s = ctx;
	SSL *ssl = stream_tls(s->stream);

	LOG(SMTP_TLS, log_text(id_span(&s->sid)), log_str(SSL_get_version(ssl)),
	    log_str(SSL_get_cipher_name(ssl)));
	tls_burst_note(s->server->w->base);
	stream_deadline(s->stream, s->server->w->conf->smtpd.timeout);
	if (s->service == SERVICE_SUBMISSIONS)
		say_hello(s);
}

static void
on_closed(void *ctx, const struct why *why)
{
	struct session *s = ctx;

	LOG(SMTP_CLOSE, log_text(id_span(&s->sid)),
	    log_str(why == NULL ? "closed" : why->text));
	session_free(s);
}

static const struct stream_ops ops = {
    .on_input = on_input, .on_secured = on_secured, .on_closed = on_closed};

static bool
too_many(const struct session *s)
{
	const struct server *server = s->server;
	const struct session *other;
	unsigned n = 0;

	if (server->n_sessions > server->w->conf->smtpd.max_sessions)
		return true;
	if (s->service != SERVICE_LOCAL)
		return false;
	TAILQ_FOREACH (other, &server->sessions, next)
		n += other->service == SERVICE_LOCAL && other->uid == s->uid;
	return n > LOCAL_PER_UID_MAX;
}

/* Is it turned away, and with which words? */
static bool
is_unwelcome(struct session *s, enum reply *words)
{
	enum census_answer answer = CENSUS_WELCOME;

	if (s->service != SERVICE_LOCAL)
		answer = gate_enter(
		    &s->server->gate, span_of(s->client), &s->ticket);
	*words = answer == CENSUS_TOO_MANY    ? REPLY_CLIENT_CONNECTIONS
		 : answer == CENSUS_TOO_OFTEN ? REPLY_CLIENT_RATE
					      : REPLY_TOO_MANY;
	return answer != CENSUS_WELCOME || too_many(s);
}

static void
greet(struct session *s)
{
	const struct server *server = s->server;
	enum reply words;

	if (is_unwelcome(s, &words)) {
		/* a handshake to say so would cost what is short */
		if (s->service == SERVICE_SUBMISSIONS)
			LOG(SMTP_REFUSED, log_text(id_span(&s->sid)),
			    log_num(421), log_str("too many connections"));
		else
			reply(s, words, SPAN_NONE);
		session_close(s);
	} else if (server->w->stopping) {
		session_drain(s);
	} else if (s->service != SERVICE_SUBMISSIONS) {
		say_hello(s);
	} else if (server->tls == NULL) {
		session_close(s);
	} else {
		stream_start_tls(s->stream, server->tls);
	}
}

static char *
name_client(struct session *s, int fd, const char *address)
{
	char *name = address != NULL ? mem_dup(address) : peer_address(fd);
	struct buf b;

	/* of a Unix socket the kernel knows more */
	s->uid = address == NULL && span_eq(span_of(name), SPAN_LIT("unknown"))
		     ? peer_uid(fd)
		     : UINT32_MAX;
	if (s->uid == UINT32_MAX && s->service != SERVICE_LOCAL)
		return name;
	free(name);
	buf_init(&b, 32);
	buf_putf(&b, "uid:%u", s->uid);
	name = span_dup(buf_span(&b));
	buf_fini(&b);
	return name;
}

static bool
may_xclient(const struct session *s)
{
	const struct conf_list *list = &s->server->w->conf->smtpd.xclient;
	uint8_t ip[16];

	return list->n > 0 && network_address(span_of(s->client), ip) &&
	       network_any(list->v, list->n, ip);
}

void
session_new(
    struct server *server, enum service service, int fd, const char *address)
{
	struct session *s = mem_alloc(sizeof(*s));

	s->server = server;
	s->service = service;
	s->state = ST_NEW;
	s->sid = id_new();
	s->client = name_client(s, fd, address);
	s->may_xclient = may_xclient(s);
	s->line.max = SESSION_LINE_MAX;
	s->stream = stream_new(server->w->base, fd, INPUT_MAX, &ops, s);
	TAILQ_INSERT_TAIL(&server->sessions, s, next);
	server->n_sessions++;
	LOG(SMTP_CONNECT, log_text(id_span(&s->sid)), log_str(s->client),
	    log_str(session_service(s)));
	stream_deadline(s->stream, server->w->conf->smtpd.timeout);
	greet(s);
}

void
session_log_out(struct session *s)
{
	gate_leave(&s->server->gate, &s->login_ticket);
	free(s->login);
	s->login = NULL;
}

void
session_again(struct session *s, const char *address, const char *login)
{
	enum reply words;

	/* from here on it is the client who speaks, through a proxy that may
	 * pass on whatever it says */
	s->may_xclient = false;
	txn_free(&s->txn);
	free(s->helo);
	session_log_out(s);
	s->helo = NULL;
	s->login = login == NULL ? NULL : mem_dup(login);
	s->esmtp = false;
	if (address != NULL) {
		gate_leave(&s->server->gate, &s->ticket);
		free(s->client);
		s->client = mem_dup(address);
	}
	LOG(SMTP_XCLIENT, log_text(id_span(&s->sid)), log_str(s->client),
	    log_str(s->login == NULL ? "" : s->login));
	if (address != NULL && is_unwelcome(s, &words)) {
		reply(s, words, SPAN_NONE);
		session_close(s);
		return;
	}
	say_hello(s);
}

void
session_settle(struct server *server)
{
	if (server->w->draining && server->n_sessions == 0 &&
	    server->door.n == 0)
		worker_done(server->w);
}

void
session_free(struct session *s)
{
	struct server *server = s->server;

	TAILQ_REMOVE(&server->sessions, s, next);
	server->n_sessions--;
	gate_leave(&server->gate, &s->ticket);
	stream_free(&s->stream);
	txn_free(&s->txn);
	cmd_auth_free(s);
	free(s->client);
	free(s->helo);
	session_log_out(s);
	free(s);
	session_settle(server);
}

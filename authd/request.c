/*
 * AUTH: see request.h. What is told of a failure, and how long a hash takes,
 * is the same for a wrong password and for a login that does not exist.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "authd/client.h"
#include "authd/request.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

#define LOGIN_MAX  254 /* RFC 5321 4.5.3.1.3 */
#define SESSION_MS 20000
/* so many failures of one link wait to be told; more are told at once */
#define DELAYED_MAX (AUTHD_OUTSTANDING_MAX / 2)

/* in the order of names[] */
enum service {
	SERVICE_SMTP, /* needs no session */
	SERVICE_POP3,
	SERVICE_IMAP, /* its sessions are told of changes */
	SERVICE_NONE
};
static const char *const names[] = {"smtp", "pop3", "imap", "?"};

struct request {
	TAILQ_ENTRY(request) next;
	struct authd *a;
	struct client *client; /* NULL: has gone */
	uint64_t id;
	enum service service;
	char *login;  /* in lower case; then as in the file */
	char *peer;   /* address */
	char *stored; /* hash that it is checked against, or NULL */
	struct digest digest;
	int session; /* or -1 */
	uint64_t session_id;
	bool hashing; /* its `done` will come */
	struct event *timer;
};

static void
request_free(struct request *r)
{
	struct authd *a = r->a;

	TAILQ_REMOVE(&a->requests, r, next);
	client_discharge(r->client);
	event_free(r->timer);
	io_close(&r->session);
	if (r->stored != NULL)
		secret_wipe(r->stored, strlen(r->stored));
	free(r->stored);
	free(r->login);
	free(r->peer);
	free(r);
	authd_settle(a);
}

/* Tell, and be done. */
static void
answer(struct request *r, enum rc rc, const char *status, const char *text)
{
	struct msg_auth_result m = {.id = r->id,
	    .rc = (uint8_t)rc,
	    .login = rc == RC_OK ? span_of(r->login) : SPAN_LIT(""),
	    .status = span_of(status),
	    .text = span_of(text)};

	/* a closed link needs no answer: on_closed comes */
	if (r->client != NULL)
		(void)proto_send_auth_result(r->client->link, &m);
	request_free(r);
}

static void
answer_temp(struct request *r, const char *reason)
{
	LOG(AUTH_TEMP, log_str(r->login), log_str(r->peer),
	    log_str(names[r->service]), log_str(reason));
	/* details are for the log: who asks is not known */
	answer(r, RC_TEMP, "4.7.0", "Temporary authentication failure");
}

static void
set_timer(struct request *r, uint64_t ms)
{
	struct timeval tv = {(time_t)(ms / 1000), (int)(ms % 1000) * 1000};

	evtimer_add(r->timer, &tv);
}

static size_t
count_delayed(const struct authd *a, const struct client *c)
{
	const struct request *r;
	size_t n = 0;

	TAILQ_FOREACH (r, &a->requests, next)
		n += r->client == c && evtimer_pending(r->timer, NULL);
	return n;
}

static void
tell_failure(struct request *r)
{
	answer(r, RC_PERM, "5.7.8", "Authentication credentials invalid");
}

static void
fail(struct request *r)
{
	struct authd *a = r->a;
	uint64_t ms = throttle_failed(
	    a->throttle, span_of(r->peer), span_of(r->login), clock_mono_ms());

	a->failed++;
	LOG(AUTH_FAILED, log_str(r->login), log_str(r->peer),
	    log_str(names[r->service]), log_num(ms));
	io_close(&r->session);
	if (r->client == NULL || count_delayed(a, r->client) >= DELAYED_MAX)
		tell_failure(r);
	else
		set_timer(r, ms);
}

/* Of a failure the delay is over, or spawn does not answer. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct request *r = arg;

	(void)fd;
	(void)what;
	if (r->session_id != 0)
		answer_temp(r, "spawn does not answer");
	else
		tell_failure(r);
}

/*
 * The end of a link to `watch` that goes to the session; -1 when there is
 * none to be had, which keeps nobody from logging in.
 */
static int
open_watch(struct request *r)
{
	struct msg_watch_open m = {.account = span_of(r->login)};
	int pair[2];

	if (r->service != SERVICE_IMAP || r->a->watch == NULL ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair) < 0)
		return -1;
	m.socket = pair[1];
	if (!proto_send_watch_open(r->a->watch, &m))
		io_close(&pair[0]);
	io_close(&pair[1]); /* the message has a copy */
	return pair[0];
}

static void
succeed(struct request *r, const struct accounts_entry *e, bool remembered)
{
	struct authd *a = r->a;
	struct msg_session_open m = {
	    .service = span_of(names[r->service]), .socket = r->session};
	bool sent;

	free(r->login);
	r->login = mem_dup(e->login);
	a->ok++;
	LOG(AUTH_OK, log_str(r->login), log_str(r->peer),
	    log_str(names[r->service]), log_num(remembered));
	if (r->service == SERVICE_SMTP || r->client == NULL) {
		answer(r, RC_OK, "2.7.0", "Authentication successful");
		return;
	}
	m.id = r->session_id = ++a->last_id;
	m.account = span_of(r->login);
	m.watch = open_watch(r);
	sent = a->spawn != NULL && proto_send_session_open(a->spawn, &m);
	io_close(&m.watch);
	if (!sent) {
		answer_temp(r, "no link to spawn");
		return;
	}
	io_close(&r->session);
	set_timer(r, SESSION_MS);
}

static void
on_hashed(void *ctx, bool ok, struct span hash)
{
	struct request *r = ctx;
	struct authd *a = r->a;
	const struct accounts_entry *e;
	struct why why;

	(void)hash;
	r->hashing = false;
	if (ok && accounts_refresh(a->accounts, &why) != RC_OK) {
		answer_temp(r, why.text);
		return;
	}
	e = ok ? accounts_find(a->accounts, span_of(r->login)) : NULL;
	/* it may have been changed in the meantime */
	if (e == NULL || !span_eq(e->hash, span_of(r->stored))) {
		fail(r);
		return;
	}
	memory_put(a->memory, &r->digest, authd_tag(a, span_of(r->login)),
	    clock_mono_ms());
	succeed(r, e, false);
}

/* The account that may be logged in to, or NULL. RFC 4616 section 2: who acts
 * for another needs a right to, and nobody has one. */
static const struct accounts_entry *
candidate(const struct request *r, const struct msg_auth *m)
{
	const struct accounts_entry *e =
	    accounts_find(r->a->accounts, span_of(r->login));
	char *authzid = accounts_key(m->authzid);
	bool same =
	    m->authzid.n == 0 ||
	    span_eq(span_make(authzid, m->authzid.n), span_of(r->login));

	free(authzid);
	return same && e != NULL && hash_usable(e->hash) ? e : NULL;
}

/* A hash like those of real accounts, the same each time for one login. */
static struct span
decoy(const struct request *r)
{
	return accounts_decoy(
	    r->a->accounts, authd_tag(r->a, span_of(r->login)));
}

static void
check(struct request *r, const struct msg_auth *m)
{
	struct authd *a = r->a;
	const struct accounts_entry *e = candidate(r, m);
	struct hash_job job = {.act = e != NULL ? HASH_CHECK : HASH_DECOY,
	    .done = on_hashed,
	    .ctx = r};
	struct why why;

	if (e != NULL) {
		r->stored = span_dup(e->hash);
		/* the stored hash begins with its scheme */
		r->digest = digest_of(&a->key,
		    (const struct span[]){
			span_of(r->login), m->password, e->hash},
		    3);
		if (memory_has(a->memory, &r->digest, clock_mono_ms())) {
			succeed(r, e, true);
			return;
		}
	}
	job.stored = e != NULL ? e->hash : decoy(r);
	job.password = secret_of(m->password);
	if (hash_submit(a->hasher, &job, &why) != RC_WAIT)
		answer_temp(r, why.text);
	else
		r->hashing = true;
}

static struct request *
request_new(struct client *c, struct msg_auth *m)
{
	struct request *r = mem_alloc(sizeof(*r));

	r->a = c->a;
	r->client = c;
	r->id = m->id;
	r->login = accounts_key(span_head(m->login, LOGIN_MAX));
	r->peer = span_dup(m->client);
	r->session = m->session;
	m->session = -1;
	r->service = SERVICE_SMTP;
	while (r->service < SERVICE_NONE &&
	       !span_eq(m->service, span_of(names[r->service])))
		r->service++;
	r->timer = evtimer_new(c->a->w->base, on_timer, r);
	if (r->timer == NULL)
		bug("evtimer_new");
	TAILQ_INSERT_TAIL(&c->a->requests, r, next);
	return r;
}

static bool
well_formed(const struct msg_auth *m)
{
	return m->login.n > 0 && m->login.n <= LOGIN_MAX &&
	       span_find(m->login, '\0') == m->login.n &&
	       m->authzid.n <= LOGIN_MAX && hash_password_ok(m->password);
}

void
request_on_auth(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct client *c = ctx;
	struct msg_auth *m = &msg->auth;
	struct request *r = request_new(c, m);
	struct why why;

	(void)link;
	if (!client_charge(c)) {
		answer_temp(r, "too many logins of one link wait");
	} else if (r->service == SERVICE_NONE ||
		   (r->service != SERVICE_SMTP && r->session < 0)) {
		answer_temp(r, "not a service, or no session with it");
	} else if (accounts_refresh(c->a->accounts, &why) != RC_OK) {
		answer_temp(r, why.text);
	} else if (!well_formed(m)) {
		fail(r); /* says nothing of any account */
	} else {
		check(r, m);
	}
}

void
request_orphan(struct authd *a, const struct client *c)
{
	struct request *r, *after;

	for (r = TAILQ_FIRST(&a->requests); r != NULL; r = after) {
		after = TAILQ_NEXT(r, next);
		if (r->client != c)
			continue;
		r->client = NULL;
		if (!r->hashing)
			request_free(r);
	}
}

static void
on_session_opened(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct authd *a = ctx;
	struct request *r;

	(void)link;
	TAILQ_FOREACH (r, &a->requests, next)
		if (r->session_id != 0 &&
		    r->session_id == msg->session_opened.id)
			break;
	if (r == NULL)
		return; /* the client has gone, or would not wait */
	if (msg->session_opened.rc == RC_OK)
		answer(r, RC_OK, "2.7.0", "Authentication successful");
	else
		answer_temp(r, "spawn opens no session");
}

static ipc_handler *const spawn_handlers[MSG_COUNT] = {
    [MSG_SESSION_OPENED] = on_session_opened,
};

static void
on_spawn_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct authd *a = ctx;
	struct request *r, *after;

	worker_link_closed(a->w, link, why);
	ipc_link_free(&a->spawn);
	for (r = TAILQ_FIRST(&a->requests); r != NULL; r = after) {
		after = TAILQ_NEXT(r, next);
		if (r->session_id != 0)
			answer_temp(r, "the link to spawn has ended");
	}
}

void
request_spawn(struct authd *a, int fd)
{
	if (a->spawn != NULL)
		on_spawn_closed(a, a->spawn, NULL);
	a->spawn = worker_link_new(
	    a->w, ROLE_SPAWN, fd, spawn_handlers, on_spawn_closed, a);
}

static ipc_handler *const watch_handlers[MSG_COUNT] = {NULL};

static void
on_watch_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct authd *a = ctx;

	worker_link_closed(a->w, link, why);
	ipc_link_free(&a->watch);
}

void
request_watch(struct authd *a, int fd)
{
	if (a->watch != NULL)
		on_watch_closed(a, a->watch, NULL);
	a->watch = worker_link_new(
	    a->w, ROLE_WATCH, fd, watch_handlers, on_watch_closed, a);
}

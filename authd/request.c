/*
 * AUTH: see request.h. What is told of a failure, and how long a hash takes,
 * is the same for a wrong password and for a login that does not exist.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "authd/request_state.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/users/user.h"
#include "lib/base/banned.h"

#define SESSION_MS 20000
/* so many failures of one link wait to be told; more are told at once */
#define DELAYED_MAX (AUTHD_OUTSTANDING_MAX / 2)

void
request_free(struct request *r)
{
	struct authd *a = r->a;

	TAILQ_REMOVE(&a->requests, r, next);
	if (r->waiting && r->client != NULL)
		client_waited(r->client);
	else
		client_discharge(r->client);
	event_free(r->timer);
	pam_cancel(&r->pam);
	if (r->scram != NULL)
		scram_fini(r->scram);
	free(r->scram);
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

void
request_temp(struct request *r, const char *reason)
{
	LOG(AUTH_TEMP, log_str(r->login), log_str(r->peer),
	    log_str(service_name(r->service)), log_str(reason));
	/* details are for the log: who asks is not known */
	answer(r, RC_TEMP, "4.7.0", "Temporary authentication failure");
}

void
request_timer(struct request *r, uint64_t ms)
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
		n += r->client == c && r->delayed;
	return n;
}

static void
tell_failure(struct request *r)
{
	answer(r, RC_PERM, "5.7.8", "Authentication credentials invalid");
}

void
request_fail(struct request *r)
{
	struct authd *a = r->a;
	uint64_t now_ms = clock_mono_ms(), took_ms = now_ms - r->began_ms;
	uint64_t ms = throttle_failed(
	    a->throttle, span_of(r->peer), span_of(r->login), now_ms);

	a->failed++;
	LOG(AUTH_FAILED, log_str(r->login), log_str(r->peer),
	    log_str(service_name(r->service)), log_num(ms));
	io_close(&r->session);
	if (r->client == NULL || count_delayed(a, r->client) >= DELAYED_MAX) {
		tell_failure(r);
	} else {
		r->delayed = true;
		/* counted from the question, so that it does not show how long
		 * the check took: PAM is quicker with users there are not */
		request_timer(r, ms > took_ms ? ms - took_ms : 0);
	}
}

/* Of a failure the delay is over, or no session is made. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct request *r = arg;

	(void)fd;
	(void)what;
	if (r->scram != NULL)
		request_scram_late(r);
	else if (r->session_id != 0)
		request_temp(r, "no session is made in time");
	else
		tell_failure(r);
}

/* `watch` for all virtual accounts, or a process of the user's own. */
static bool
send_watch(struct request *r, int fd)
{
	struct authd *a = r->a;
	struct msg_session_open own = {.id = ++a->last_id,
	    .service = SPAN_LIT("watch"),
	    .account = span_of(r->login),
	    .socket = fd,
	    .watch = -1};
	struct msg_watch_open m = {span_of(r->login), fd};

	if (r->user)
		return a->users != NULL &&
		       proto_send_session_open(a->users, &own);
	return a->watch != NULL && proto_send_watch_open(a->watch, &m);
}

/*
 * The end of a link to who watches that goes to the session; -1 when there is
 * none to be had, which keeps nobody from logging in.
 */
static int
open_watch(struct request *r)
{
	int pair[2];

	if (r->service != SERVICE_IMAP ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, pair) < 0)
		return -1;
	if (!send_watch(r, pair[1]))
		io_close(&pair[0]);
	io_close(&pair[1]); /* the message has a copy */
	return pair[0];
}

/* Who makes the account's sessions, or NULL. */
static struct ipc_link *
parent(const struct request *r)
{
	return r->user ? r->a->users : r->a->spawn;
}

void
request_succeed(struct request *r, const char *how)
{
	struct authd *a = r->a;
	struct msg_session_open m = {
	    .service = span_of(service_name(r->service)), .socket = r->session};
	bool sent;

	a->ok++;
	LOG(AUTH_OK, log_str(r->login), log_str(r->peer),
	    log_str(service_name(r->service)), log_str(how));
	if (r->service == SERVICE_SMTP || r->client == NULL) {
		answer(r, RC_OK, "2.7.0", "Authentication successful");
		return;
	}
	m.id = r->session_id = ++a->last_id;
	m.account = span_of(r->login);
	m.watch = open_watch(r);
	sent = parent(r) != NULL && proto_send_session_open(parent(r), &m);
	io_close(&m.watch);
	if (!sent) {
		request_temp(r, "no link to who makes sessions");
		return;
	}
	io_close(&r->session);
	request_timer(r, SESSION_MS);
}

void
request_login_exact(struct request *r, struct span login)
{
	char *copy = span_dup(login);

	free(r->login);
	r->login = copy;
}

static void
on_hashed(void *ctx, bool ok, const struct accounts_secret *made)
{
	struct request *r = ctx;
	struct authd *a = r->a;
	const struct accounts_entry *e;
	struct why why;

	(void)made;
	r->hashing = false;
	if (ok && accounts_refresh(a->accounts, &why) != RC_OK) {
		request_temp(r, why.text);
		return;
	}
	e = ok ? accounts_find(a->accounts, span_of(r->login)) : NULL;
	/* it may have been changed in the meantime */
	if (e == NULL || !span_eq(e->secret.hash, span_of(r->stored))) {
		request_fail(r);
		return;
	}
	memory_put(a->memory, &r->digest, authd_tag(a, span_of(r->login)),
	    clock_mono_ms());
	request_login_exact(r, span_of(e->login));
	request_succeed(r, "password");
}

static void
on_pam(void *ctx, const struct why *why)
{
	struct request *r = ctx;

	r->pam = NULL;
	if (why->rc == RC_OK)
		request_succeed(r, "password");
	else if (why->rc == RC_PERM)
		request_fail(r);
	else
		request_temp(r, why->text);
}

/* RFC 4616 section 2: who acts for another needs a right to, and nobody has
 * one. */
bool
request_is_own(const struct request *r, struct span authzid)
{
	char *key = accounts_key(authzid);
	bool same =
	    authzid.n == 0 || (span_find(authzid, '\0') == authzid.n &&
				  span_eq(span_of(key), span_of(r->login)));

	free(key);
	return same;
}

/* The account that may be logged in to, or NULL. */
static const struct accounts_entry *
candidate(const struct request *r, const struct msg_auth *m)
{
	const struct accounts_entry *e =
	    accounts_find(r->a->accounts, span_of(r->login));

	return e != NULL && hash_usable(e->secret.hash) &&
		       request_is_own(r, m->authzid)
		   ? e
		   : NULL;
}

/* Has an address of this user's a line of its own, which may be a lock? */
static bool
has_line(const struct authd *a, struct span name)
{
	const struct conf_list *domains = &a->w->conf->users.domains;
	bool found = false;

	for (size_t i = 0; name.n > 0 && i < domains->n && !found; i++) {
		struct buf b;

		buf_init(&b, 2 * REQUEST_LOGIN_MAX + 2);
		buf_put_span(&b, name);
		found = buf_putf(&b, "@%s", domains->v[i]) &&
			accounts_find(a->accounts, buf_span(&b)) != NULL;
		buf_fini(&b);
	}
	return found;
}

/* The user of the system whom the login means, or empty. */
static struct span
user(const struct request *r, const struct msg_auth *m)
{
	struct span name;

	if (accounts_find(r->a->accounts, span_of(r->login)) != NULL ||
	    !request_is_own(r, m->authzid))
		return SPAN_NONE;
	name = user_of_login(r->a->w->conf, span_of(r->login));
	return has_line(r->a, name) ? SPAN_NONE : name;
}

/*
 * Whether there is such a user, PAM has to say, in the time that it takes for
 * all. Success is not remembered: nobody tells us when a password changes.
 */
static void
check_user(struct request *r, struct span name, const struct msg_auth *m)
{
	struct pam_question q = {.service = span_of(service_name(r->service)),
	    .client = span_of(r->peer),
	    .password = m->password,
	    .done = on_pam,
	    .ctx = r};
	struct why why;

	request_login_exact(r, name);
	r->user = true;
	q.user = span_of(r->login);
	if (pam_ask(r->a, &q, &r->pam, &why) != RC_WAIT)
		request_temp(r, why.text);
}

/* A hash like those of real accounts, the same each time for one login. */
static struct span
decoy(const struct request *r)
{
	return accounts_decoy(
	    r->a->accounts, authd_tag(r->a, span_of(r->login)));
}

/*
 * Is it an application password of the account's, for this service? Then the
 * request is done. One for another service is as wrong as any, and takes the
 * time that any takes.
 */
static bool
try_app(struct request *r, const struct accounts_entry *e, struct span password)
{
	const struct accounts *accounts = r->a->accounts;
	struct app app, fits = {.services = 0};
	struct buf how;
	size_t at = 0;

	while (accounts_app(accounts, e, &at, &app))
		if (app_fits(&app, password))
			fits = app;
	if (fits.services == 0)
		return false;
	if ((fits.services & 1U << r->service) == 0) {
		LOG(AUTH_ODD, log_str(r->login), log_str(r->peer),
		    log_str(service_name(r->service)),
		    log_str("application password of another service"));
		return false;
	}
	request_login_exact(r, span_of(e->login));
	buf_init(&how, sizeof("app:") + APP_NAME_MAX);
	buf_putf(&how, "app:%s", fits.name);
	request_succeed(r, buf_cstr(&how));
	buf_fini(&how);
	return true;
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

	if (e != NULL && try_app(r, e, m->password))
		return;
	if (e != NULL) {
		r->stored = span_dup(e->secret.hash);
		/* the stored hash begins with its scheme */
		r->digest = digest_of(&a->key,
		    (const struct span[]){
			span_of(r->login), m->password, e->secret.hash},
		    3);
		if (memory_has(a->memory, &r->digest, clock_mono_ms())) {
			request_login_exact(r, span_of(e->login));
			request_succeed(r, "remembered");
			return;
		}
	}
	job.stored = e != NULL ? e->secret.hash : decoy(r);
	job.password = secret_of(m->password);
	if (hash_submit(a->hasher, &job, &why) != RC_WAIT)
		request_temp(r, why.text);
	else
		r->hashing = true;
}

void
request_login(struct request *r, struct span login)
{
	free(r->login);
	r->login = accounts_key(span_head(login, REQUEST_LOGIN_MAX));
}

struct request *
request_new(struct client *c, const struct request_ask *ask)
{
	struct request *r = mem_alloc(sizeof(*r));
	struct why why;

	r->a = c->a;
	r->client = c;
	r->id = ask->id;
	r->began_ms = clock_mono_ms();
	request_login(r, ask->login);
	r->peer = span_dup(ask->client);
	r->session = ask->session;
	r->service = service_of(ask->service);
	r->timer = evtimer_new(c->a->w->base, on_timer, r);
	if (r->timer == NULL)
		bug("evtimer_new");
	TAILQ_INSERT_TAIL(&c->a->requests, r, next);
	if (!client_charge(c))
		request_temp(r, "too many logins of one link wait");
	else if (r->service == SERVICE_NONE ||
		 (r->service != SERVICE_SMTP && r->session < 0))
		request_temp(r, "not a service, or no session with it");
	else if (accounts_refresh(c->a->accounts, &why) != RC_OK)
		request_temp(r, why.text);
	else
		return r;
	return NULL;
}

static bool
well_formed(const struct msg_auth *m)
{
	return m->login.n > 0 && m->login.n <= REQUEST_LOGIN_MAX &&
	       span_find(m->login, '\0') == m->login.n &&
	       m->authzid.n <= REQUEST_LOGIN_MAX &&
	       hash_password_ok(m->password);
}

void
request_on_auth(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct msg_auth *m = &msg->auth;
	struct request *r = request_new(ctx, &(struct request_ask){.id = m->id,
						 .service = m->service,
						 .client = m->client,
						 .login = m->login,
						 .session = m->session});

	(void)link;
	m->session = -1;
	if (r == NULL)
		return;
	if (!well_formed(m)) {
		request_fail(r); /* says nothing of any account */
	} else if (user(r, m).n > 0) {
		check_user(r, user(r, m), m);
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
		request_temp(r, "no session can be made");
}

static ipc_handler *const parent_handlers[MSG_COUNT] = {
    [MSG_SESSION_OPENED] = on_session_opened,
};

static struct ipc_link **
parent_link(struct authd *a, enum role peer)
{
	return peer == ROLE_USERS ? &a->users : &a->spawn;
}

static void
on_parent_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct authd *a = ctx;
	enum role peer = (enum role)ipc_link_peer(link);
	struct request *r, *after;

	worker_link_closed(a->w, link, why);
	ipc_link_free(parent_link(a, peer));
	for (r = TAILQ_FIRST(&a->requests); r != NULL; r = after) {
		after = TAILQ_NEXT(r, next);
		if (r->session_id != 0 && r->user == (peer == ROLE_USERS))
			request_temp(r, "the link to who makes sessions ended");
	}
}

void
request_parent(struct authd *a, enum role peer, int fd)
{
	struct ipc_link **link = parent_link(a, peer);

	if (*link != NULL)
		on_parent_closed(a, *link, NULL);
	*link = worker_link_new(
	    a->w, peer, fd, parent_handlers, on_parent_closed, a);
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

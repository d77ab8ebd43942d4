/*
 * The process of one account: see account.h. The loop owns the connections and
 * the link to the watch, one thread the mailboxes.
 */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "imapd/session.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/mime/charset.h"
#include "lib/proto/proto.h"
#include "lib/base/banned.h"

/* how often an idling client's mailbox is looked at, by the clock: without the
 * watch, and with it, which may have missed something */
#define TICK_S         10
#define TICK_WATCHED_S 120

static void
set_tick(struct account *a)
{
	struct timeval tv = {a->watch != NULL ? TICK_WATCHED_S : TICK_S, 0};

	event_add(a->tick, &tv);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct account *a = arg;
	struct session *s;

	(void)fd;
	(void)what;
	TAILQ_FOREACH (s, &a->sessions, next)
		session_poke(s, true);
	if (a->n > 0)
		set_tick(a);
}

void *
imapd_account_open(const struct service_env *env, struct why *why)
{
	struct account *a = mem_alloc(sizeof(*a));
	struct db_boot boot = env->boot;

	/* its configuration is out of the sandbox's reach, and not needed */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	TAILQ_INIT(&a->sessions);
	a->env = *env;
	a->env.account = mem_dup(env->account);
	a->env.maildir = mem_dup(env->maildir);
	if (store_open(&a->store, a->env.maildir, boot.id, why) != RC_OK) {
		free(a);
		return NULL;
	}
	a->store.cache = cache_new(env->index, &boot);
	a->pool = pool_new(env->base, 1);
	a->tick = evtimer_new(env->base, on_tick, a);
	if (a->tick == NULL)
		bug("evtimer_new");
	return a;
}

void
imapd_account_close(void *state)
{
	struct account *a = state;

	/* nobody is connected, so the thread is at rest */
	store_close(&a->store);
	cache_free(&a->store.cache);
}

static void
on_changed(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct account *a = ctx;
	struct session *s;

	(void)link;
	TAILQ_FOREACH (s, &a->sessions, next)
		if (s->watched != NULL &&
		    span_eq(span_of(s->watched), msg->watch_changed.name))
			session_poke(s, true);
}

/* The watch is gone, until somebody logs in: by the clock, then. */
static void
on_watch_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct account *a = ctx;
	struct session *s;

	(void)why;
	ipc_link_free(&link);
	a->watch = NULL;
	TAILQ_FOREACH (s, &a->sessions, next) {
		free(s->watched);
		s->watched = NULL;
	}
	set_tick(a);
}

static void
take_watch(struct account *a, int fd)
{
	static ipc_handler *const handlers[MSG_COUNT] = {
	    [MSG_WATCH_CHANGED] = on_changed,
	};

	if (fd < 0 || a->watch != NULL) {
		io_close(&fd);
		return;
	}
	a->watch = ipc_link_new(&(struct ipc_link_args){.base = a->env.base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_watch_closed,
	    .ctx = a,
	    .fd = fd,
	    .self = ROLE_SESSION,
	    .peer = ROLE_WATCH,
	    .phase = IPC_RUN});
	account_watch(a);
}

void
imapd_account_take(void *state, int fd, int watch)
{
	struct account *a = state;

	session_new(a, fd);
	take_watch(a, watch);
	set_tick(a);
}

size_t
imapd_account_connections(const void *state)
{
	const struct account *a = state;

	return a->n;
}

static bool
is_watched(const struct account *a, const char *folder)
{
	const struct session *s;

	TAILQ_FOREACH (s, &a->sessions, next)
		if (s->watched != NULL && strcmp(s->watched, folder) == 0)
			return true;
	return false;
}

static void
unwatch(struct account *a, struct session *s)
{
	char *old = s->watched;

	s->watched = NULL;
	/* a link that fails here says so to on_watch_closed */
	if (old != NULL && a->watch != NULL && !is_watched(a, old))
		(void)proto_send_watch_remove(
		    a->watch, &(struct msg_watch_remove){span_of(old)});
	free(old);
}

/* It looks at another mailbox than the watch was told. */
static bool
watch_differs(const struct session *s)
{
	if (s->selected == NULL || s->watched == NULL)
		return s->selected != s->watched;
	return strcmp(s->selected, s->watched) != 0;
}

void
account_watch(struct account *a)
{
	struct session *s;

	TAILQ_FOREACH (s, &a->sessions, next) {
		bool known;

		/* while the thread is at work `selected` is its own */
		if (s->busy || a->watch == NULL || !watch_differs(s))
			continue;
		unwatch(a, s);
		if (s->selected == NULL)
			continue;
		known = is_watched(a, s->selected);
		s->watched = mem_dup(s->selected);
		if (!known)
			(void)proto_send_watch_add(a->watch,
			    &(struct msg_watch_add){span_of(s->watched)});
	}
}

void
account_over(struct account *a, struct session *s)
{
	unwatch(a, s);
	TAILQ_REMOVE(&a->sessions, s, next);
	if (--a->n == 0) {
		event_del(a->tick);
		if (a->env.on_idle != NULL)
			a->env.on_idle(a->env.ctx);
	}
}

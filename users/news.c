/*
 * One user's watch: see news.h.
 */
#include <stdlib.h>

#include "imapd/watch.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "users/news.h"
#include "lib/base/banned.h"

struct news {
	struct service_env env;
	struct watch watch;
};

static void
on_free(void *ctx)
{
	struct news *n = ctx;

	if (n->watch.n_clients == 0)
		n->env.on_idle(n->env.ctx);
}

void *
news_open(const struct service_env *env, struct why *why)
{
	struct news *n = mem_alloc(sizeof(*n));

	n->env = *env;
	n->env.account = mem_dup(env->account);
	n->watch.base = env->base;
	n->watch.mail = -1;
	n->watch.maildir = mem_dup(env->maildir);
	n->watch.on_free = on_free;
	n->watch.ctx = n;
	/* it is the process's end if not: nothing is released */
	return watch_start(&n->watch, why) == RC_OK ? n : NULL;
}

void
news_take(void *state, int fd, int watch)
{
	struct news *n = state;

	io_close(&watch);
	watch_open(&n->watch, span_of(n->env.account), fd);
	/* there were too many */
	on_free(n);
}

size_t
news_connections(const void *state)
{
	return ((const struct news *)state)->watch.n_clients;
}

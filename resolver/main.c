/*
 * mailstead-resolver: the DNS for the other workers. Owns the links and the
 * end of the process; it holds no files and speaks to name servers only.
 *
 * Draining: until its askers have closed their links, or nothing is asked any
 * more for a while: each asker gets a channel to the new generation.
 */
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/worker/worker.h"
#include "resolver/question.h"
#include "lib/base/banned.h"

/* a UDP socket for each look-up under way */
#define FILES_MAX     2048
#define DRAIN_SERVE_S 2

struct asker {
	TAILQ_ENTRY(asker) next;
	struct question_desk desk;
};
TAILQ_HEAD(asker_list, asker);

static struct {
	struct worker *w;
	struct dns *dns;
	struct asker_list askers;
	struct event *drain;
	uint64_t asked;
	bool served; /* long enough while draining */
} resolver;

static size_t
open_questions(void)
{
	const struct asker *a;
	size_t n = 0;

	TAILQ_FOREACH (a, &resolver.askers, next)
		n += a->desk.n;
	return n;
}

static void
end_if_drained(void *ctx)
{
	const struct asker *a;
	struct worker *w = ctx;

	if (!w->draining)
		return;
	if (TAILQ_EMPTY(&resolver.askers)) {
		worker_done(w);
		return;
	}
	if (!resolver.served || open_questions() > 0)
		return;
	TAILQ_FOREACH (a, &resolver.askers, next)
		if (!ipc_link_flushed(a->desk.link))
			return;
	worker_done(w);
}

static void
on_ask(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct asker *a = ctx;

	(void)link;
	resolver.asked++;
	question_start(&a->desk, &msg->dns_ask);
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_DNS_ASK] = on_ask,
};

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct asker *a = ctx;

	worker_link_closed(resolver.w, link, why);
	question_forget(&a->desk);
	TAILQ_REMOVE(&resolver.askers, a, next);
	ipc_link_free(&link);
	free(a);
	end_if_drained(resolver.w);
}

static void
on_link(struct worker *w, enum role peer, int fd)
{
	struct asker *a;

	if (peer != ROLE_REMOTE) {
		io_close(&fd);
		return;
	}
	a = mem_alloc(sizeof(*a));
	a->desk = (struct question_desk){.dns = resolver.dns,
	    .base = w->base,
	    .timeout_ms = w->conf->resolver.timeout,
	    .on_end = end_if_drained,
	    .ctx = w};
	TAILQ_INIT(&a->desk.open);
	a->desk.link = worker_link_new(w, peer, fd, handlers, on_closed, a);
	TAILQ_INSERT_TAIL(&resolver.askers, a, next);
}

static void
on_open(struct worker *w)
{
	struct why why;

	resolver.w = w;
	resolver.dns = dns_new(w->base, w->conf, &why);
	if (resolver.dns == NULL)
		worker_fatal(w, &why);
}

static void
on_drain_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	resolver.served = true;
	/* flushed, or answered, meanwhile? */
	event_add(resolver.drain, &(struct timeval){0, 100000});
	end_if_drained(arg);
}

static void
on_drain(struct worker *w)
{
	if (resolver.drain == NULL) {
		resolver.drain = evtimer_new(w->base, on_drain_timer, w);
		if (resolver.drain == NULL)
			bug("evtimer_new");
		event_add(resolver.drain, &(struct timeval){DRAIN_SERVE_S, 0});
	}
	end_if_drained(w);
}

static void
on_status(struct worker *w, struct buf *b)
{
	(void)w;
	buf_putf(b, "questions=%zu asked=%llu dnssec=%s", open_questions(),
	    (unsigned long long)resolver.asked,
	    dns_validates(resolver.dns) ? "yes" : "no");
}

int
main(int argc, char **argv)
{
	static const struct worker_ops ops = {.role = ROLE_RESOLVER,
	    .on_open = on_open,
	    .on_link = on_link,
	    .on_drain = on_drain,
	    .on_status = on_status,
	    .files_max = FILES_MAX};

	TAILQ_INIT(&resolver.askers);
	return worker_main(&ops, argc, argv);
}

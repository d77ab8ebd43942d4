/*
 * mailstead-remote: brings mail to other hosts. Owns the links to qmgr and to
 * the resolver, and the end of the process.
 *
 * When the suite stops, what is not past its dot is ended at once, since a slow
 * host could hold up the stop for minutes.
 */
#include <openssl/err.h>
#include <unistd.h>

#include "delivery/drain.h"
#include "delivery/relay.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/tls/client.h"
#include "lib/worker/worker.h"
#include "lib/base/banned.h"

#define READ_THREADS 4
/* a job has its file, a copy of it while it is read, and a connection */
#define FILES_MAX 8192
/* the resolver has a limit of its own, which is below this one */
#define RESOLVE_MS 360000

static struct {
	struct worker *w;
	struct relay_desk desk;
	struct drain drain;
} remote;

static bool
is_idle(void)
{
	return TAILQ_EMPTY(&remote.desk.jobs);
}

static void
on_end(void *ctx)
{
	(void)ctx;
	drain_check(&remote.drain);
}

static void
on_qmgr_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	worker_link_closed(ctx, link, why);
	ipc_link_free(&link);
	relay_desk_lost(&remote.desk);
	/* what runs goes on: only its own end ends an attempt */
	drain_check(&remote.drain);
}

/* qmgr does not keep to what was agreed: as with a message of no sense. */
static void
reject(struct ipc_link *link)
{
	struct why why;

	why_set(&why, RC_PERM, "5.3.0", "a job that makes no sense");
	on_qmgr_closed(remote.w, link, &why);
}

static void
on_rcpt(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	if (!relay_on_rcpt(&remote.desk, &msg->relay_rcpt))
		reject(link);
}

static void
on_relay(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	if (!relay_on_relay(&remote.desk, &msg->relay))
		reject(link);
}

static ipc_handler *const qmgr_handlers[MSG_COUNT] = {
    [MSG_RELAY_RCPT] = on_rcpt,
    [MSG_RELAY] = on_relay,
};

static void
on_address(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	relay_on_address(&remote.desk, &msg->dns_address);
}

static void
on_tlsa(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	relay_on_tlsa(&remote.desk, &msg->dns_tlsa);
}

static void
on_dns_end(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	relay_on_dns_end(&remote.desk, &msg->dns_end);
}

static ipc_handler *const resolver_handlers[MSG_COUNT] = {
    [MSG_DNS_TLSA] = on_tlsa,
    [MSG_DNS_ADDRESS] = on_address,
    [MSG_DNS_END] = on_dns_end,
};

static void
on_resolver_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	worker_link_closed(ctx, link, why);
	ipc_link_free(&link);
	relay_desk_resolver(&remote.desk, NULL);
}

static void
on_link(struct worker *w, enum role peer, int fd)
{
	struct relay_desk *desk = &remote.desk;

	if (peer == ROLE_QMGR) {
		/* a job of the qmgr before, read from now on, would be under
		 * way without the new one's knowledge */
		ipc_link_free(&desk->qmgr);
		relay_desk_greet(desk, worker_link_new(w, peer, fd,
					   qmgr_handlers, on_qmgr_closed, w));
		drain_greeted(&remote.drain);
	} else if (peer == ROLE_RESOLVER) {
		ipc_link_free(&desk->resolver);
		relay_desk_resolver(
		    desk, worker_link_new(w, peer, fd, resolver_handlers,
			      on_resolver_closed, w));
	} else
		io_close(&fd);
}

static void
on_open(struct worker *w)
{
	const char *file = w->conf->smtp_client.authorities;
	struct why why;

	remote.w = w;
	if (access(file, R_OK) < 0) {
		/* then nothing can be verified, and says so when it has to */
		LOG(RELAY_NO_FILE, log_str("smtp_client.authorities"),
		    log_str(file));
		file = "";
	}
	remote.desk.env.tls = tls_client_new(file, &why);
	if (remote.desk.env.tls == NULL)
		worker_fatal(w, &why);
	/* else the first failure would load them, where there are no files */
	ERR_load_crypto_strings();
}

static void
on_start(struct worker *w)
{
	struct relay_desk *desk = &remote.desk;

	desk->env.base = w->base;
	desk->env.hostname = w->conf->hostname;
	desk->env.connect_ms = w->conf->smtp_client.connect_timeout;
	desk->env.wait_max_ms = w->conf->smtp_client.max_wait;
	desk->per_hop = w->conf->smtp_client.connections;
	desk->reuse_ms = w->conf->smtp_client.reuse;
	desk->resolve_ms = RESOLVE_MS;
	desk->on_end = on_end;
	relay_desk_init(desk);
	remote.drain =
	    (struct drain){.w = w, .qmgr = &desk->qmgr, .is_idle = is_idle};
	desk->pool = pool_new(w->base, READ_THREADS);
}

static void
on_drain(struct worker *w)
{
	if (w->stopping)
		relay_desk_stop(&remote.desk);
	drain_begin(&remote.drain);
}

static void
on_status(struct worker *w, struct buf *b)
{
	const struct relay_desk *desk = &remote.desk;
	size_t jobs = 0, conns = 0;

	(void)w;
	relay_desk_count(desk, &jobs, &conns);
	buf_putf(b, "jobs=%zu connections=%zu sent=%llu failed=%llu", jobs,
	    conns, (unsigned long long)desk->sent,
	    (unsigned long long)desk->failed);
}

int
main(int argc, char **argv)
{
	static const struct worker_ops ops = {.role = ROLE_REMOTE,
	    .on_open = on_open,
	    .on_start = on_start,
	    .on_link = on_link,
	    .on_drain = on_drain,
	    .on_status = on_status,
	    .files_max = FILES_MAX};

	return worker_main(&ops, argc, argv);
}

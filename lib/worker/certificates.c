/*
 * Certificates of a worker: see certificates.h. Owns the descriptors until the
 * last of a set has come, and the place of the process's context.
 */
#include <time.h>

#include "lib/base/io.h"
#include "lib/log/log.h"
#include "lib/tls/server.h"
#include "lib/tls/tickets.h"
#include "lib/worker/certificates.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

static struct {
	SSL_CTX **slot;
	struct tls_pair pairs[WORKER_PAIRS_MAX];
	size_t n; /* that have come of a set */
} own;

void
certificates_serve(SSL_CTX **slot)
{
	own.slot = slot;
}

static void
forget(void)
{
	while (own.n > 0) {
		own.n--;
		io_close(&own.pairs[own.n].certificate);
		io_close(&own.pairs[own.n].key);
	}
}

static void
on_certificate(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct msg_certificate *m = &msg->certificate;
	struct worker *w = ctx;
	struct tls_server_args args = {
	    .pairs = own.pairs, .oldest = (unsigned)w->conf->tls.min_version};
	struct why why;

	(void)link;
	/* the first of a set ends one that was broken off */
	if (m->index == 0)
		forget();
	if (m->index != own.n || own.n == WORKER_PAIRS_MAX)
		return;
	own.pairs[own.n++] = (struct tls_pair){m->certificate, m->key};
	m->certificate = m->key = -1;
	if (own.n < m->count)
		return;
	args.n = own.n;
	if (tls_server_renew(own.slot, &args, &why) != RC_OK)
		worker_fatal(w, &why);
	forget();
}

static void
on_tickets(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	/* the next context would have them anyway: this one takes them up */
	if (tls_tickets_set(msg->tickets.keys) && *own.slot != NULL)
		tls_tickets_use(*own.slot);
}

ipc_handler *const certificates_handlers[MSG_COUNT] = {
    [MSG_CERTIFICATE] = on_certificate,
    [MSG_TICKETS] = on_tickets,
};

void
certificates_status(struct buf *b)
{
	char date[16];
	struct tm tm;
	time_t until;

	if (*own.slot == NULL) {
		buf_puts(b, "tls=no ");
		return;
	}
	until = (time_t)tls_server_until(*own.slot);
	if (gmtime_r(&until, &tm) == NULL ||
	    strftime(date, sizeof(date), "%Y-%m-%d", &tm) == 0)
		date[0] = '\0';
	buf_putf(b, "tls=yes tls_until=%s ", date);
}

/*
 * libunbound: see dns.h. It is configured by one text in a memory file, since
 * its calls for single options know no zones, and in that text options stand
 * before zones. A first question about a name that it answers by itself makes
 * it read its files and build its modules, while there still are files.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/conf/endpoint.h"
#include "lib/log/log.h"
#include "resolver/dns.h"
#include "lib/base/banned.h"

#define TEXT_MAX 1048576
#define CLASS_IN 1
#define SECURE   2
#define BOGUS    1

struct dns {
	struct ub_ctx *ctx;
	bool validates;
};

bool
dns_validates(const struct dns *dns)
{
	return dns->validates;
}

/* Is there such a file? Said when it is missing. */
static bool
have_file(const char *option, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool have = fd >= 0;

	if (!have)
		LOG(RESOLVER_NO_FILE, log_str(option), log_str(path));
	io_close(&fd);
	return have;
}

/* A path is text of the configuration: no quote or line end is in it. */
static bool
put_file(struct buf *b, const char *key, const char *option, const char *path)
{
	if (strpbrk(path, "\"\r\n") != NULL || !have_file(option, path))
		return false;
	(void)buf_putf(b, "  %s: \"%s\"\n", key, path);
	return true;
}

static void
put_options(struct dns *dns, const struct conf *conf, struct buf *b)
{
	bool local = conf->resolver.mode == CONF_RESOLVER_FORWARD ||
		     conf->resolver.stub.n > 0;

	/* strangers' zones cannot send us to our own ports unless the
	 * administrator's servers may be there */
	(void)buf_putf(b,
	    "server:\n"
	    "  use-syslog: no\n"
	    "  verbosity: 0\n"
	    "  do-daemonize: no\n"
	    "  outgoing-range: 512\n"
	    "  num-queries-per-thread: 1024\n"
	    "  msg-cache-size: 8m\n"
	    "  rrset-cache-size: 16m\n"
	    "  do-not-query-localhost: %s\n",
	    local ? "no" : "yes");
	(void)put_file(
	    b, "root-hints", "resolver.root_hints", conf->resolver.root_hints);
	dns->validates =
	    conf->resolver.dnssec &&
	    put_file(b, "trust-anchor-file", "resolver.trust_anchor",
		conf->resolver.trust_anchor);
	(void)buf_putf(b, "  module-config: \"%siterator\"\n",
	    dns->validates ? "validator " : "");
}

/*
 * libunbound answers test. and the reverse zones of private addresses by
 * itself; where a stub stands in or below one it must not.
 */
static void
put_nodefault(struct buf *b, struct span zone)
{
	while (zone.n > 0) {
		(void)buf_putf(b, "  local-zone: \"" SPAN_FMT ".\" nodefault\n",
		    SPAN_ARG(zone));
		(void)span_cut(&zone, '.'); /* the label is not needed */
	}
}

static void
put_server(struct buf *b, const char *key, struct span text)
{
	struct conf_endpoint e;

	if (!conf_endpoint_parse(text, &e) || e.host[0] == '\0')
		bug("a server's address that the configuration let pass");
	(void)buf_putf(b, "  %s: %s@%u\n", key, e.host, (unsigned)e.port);
}

static void
put_zones(const struct conf *conf, struct buf *b)
{
	const struct conf_list *stub = &conf->resolver.stub;
	const struct conf_list *forward = &conf->resolver.forward;

	for (size_t i = 0; i < stub->n; i++) {
		struct span server = span_of(stub->v[i]);

		put_nodefault(b, span_cut(&server, '='));
	}
	for (size_t i = 0; i < stub->n; i++) {
		struct span server = span_of(stub->v[i]);
		struct span zone = span_cut(&server, '=');

		(void)buf_putf(b, "stub-zone:\n  name: \"" SPAN_FMT ".\"\n",
		    SPAN_ARG(zone));
		put_server(b, "stub-addr", server);
	}
	if (conf->resolver.mode != CONF_RESOLVER_FORWARD || forward->n == 0)
		return;
	(void)buf_puts(b, "forward-zone:\n  name: \".\"\n");
	for (size_t i = 0; i < forward->n; i++)
		put_server(b, "forward-addr", span_of(forward->v[i]));
}

static enum rc
configure(struct dns *dns, const struct conf *conf, struct why *why)
{
	int fd = io_memfd("resolver"), err;
	enum rc rc = RC_OK;
	char path[64];
	struct buf b;

	buf_init(&b, TEXT_MAX);
	put_options(dns, conf, &b);
	put_zones(conf, &b);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* fits */
	if (fd < 0 || b.over || !io_write_all(fd, b.p, b.n))
		rc = why_sys(why, RC_TEMP, "4.3.0", "libunbound's settings");
	else if ((err = ub_ctx_config(dns->ctx, path)) != 0)
		rc = why_set(why, RC_PERM, "5.3.5", "libunbound's settings: %s",
		    ub_strerror(err));
	else if (conf->resolver.mode == CONF_RESOLVER_FORWARD &&
		 conf->resolver.forward.n == 0 &&
		 (err = ub_ctx_resolvconf(dns->ctx, NULL)) != 0)
		rc = why_set(why, RC_PERM, "5.3.5",
		    "resolver.forward is empty, and /etc/resolv.conf: %s",
		    ub_strerror(err));
	io_close(&fd);
	buf_fini(&b);
	return rc;
}

/* libunbound says what its callbacks take */
/* NOLINTBEGIN(readability-function-size) */
static void
on_first(void *arg, int rcode, void *packet, int len, int sec, char *bogus,
    int limited)
{
	(void)rcode;
	(void)packet;
	(void)len;
	(void)sec;
	(void)bogus;
	(void)limited;
	*(bool *)arg = true;
}

static void
on_answer(void *arg, int rcode, void *packet, int len, int sec, char *bogus,
    int limited)
{
	struct dns_question *q = arg;
	struct packet p;

	(void)bogus;
	(void)limited;
	q->running = false;
	q->id = 0;
	/* secure is tested first: a bogus answer has data, too */
	if (sec == BOGUS)
		q->done(q->ctx, NULL, false, "DNSSEC says that it is wrong");
	else if (packet == NULL || len <= 0)
		q->done(q->ctx, NULL, false,
		    rcode == 0 ? "no answer" : "the servers fail");
	else if (!packet_read(span_make(packet, (size_t)len), span_of(q->name),
		     q->type, &p))
		q->done(q->ctx, NULL, false, "the answer makes no sense");
	else if (p.rcode != PACKET_NOERROR && p.rcode != PACKET_NXDOMAIN)
		q->done(q->ctx, NULL, false, "the servers fail");
	else
		q->done(q->ctx, &p, sec == SECURE, NULL);
}
/* NOLINTEND(readability-function-size) */

struct dns *
dns_new(struct event_base *base, const struct conf *conf, struct why *why)
{
	struct dns *dns = mem_alloc(sizeof(*dns));
	bool answered = false;
	int err;

	dns->ctx = ub_ctx_create_event(base);
	if (dns->ctx == NULL) {
		why_set(why, RC_TEMP, "4.3.0", "libunbound cannot be set up");
		goto fail;
	}
	if (configure(dns, conf, why) != RC_OK)
		goto fail;
	err = ub_resolve_event(dns->ctx, "localhost", PACKET_A, CLASS_IN,
	    &answered, on_first, NULL);
	if (err != 0 || !answered) {
		why_set(why, RC_PERM, "5.3.5",
		    "libunbound does not start (root hints or trust anchor "
		    "of no use?): %s",
		    ub_strerror(err));
		goto fail;
	}
	return dns;
fail:
	/* the context, if any, is left: the process ends */
	free(dns);
	return NULL;
}

void
dns_ask(struct dns *dns, struct dns_question *q)
{
	q->dns = dns;
	q->running = true;
	q->id = 0;
	/* the number is written before the callback can run, and q may be gone
	 * behind the call */
	if (ub_resolve_event(dns->ctx, q->name, (int)q->type, CLASS_IN, q,
		on_answer, &q->id) == 0)
		return;
	q->running = false;
	q->done(q->ctx, NULL, false, "the resolver is overloaded");
}

void
dns_cancel(struct dns_question *q)
{
	if (!q->running)
		return;
	q->running = false;
	(void)ub_cancel(q->dns->ctx, q->id); /* fails when it is not there */
	q->id = 0;
}

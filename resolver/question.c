/*
 * Questions: see question.h. A question's look-ups run at the same time; a
 * look-up may be answered while it is made, so the question counts itself as
 * one that is open until all are made.
 *
 * A host's TLSA are asked for when its addresses are known and all of the way
 * there was validated (RFC 7672 2.2): who could forge that could forge them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "resolver/mx.h"
#include "resolver/question.h"
#include "lib/base/banned.h"

#define LOOKUPS_MAX (2 * MX_HOSTS_MAX)
#define TLSA_MAX    16    /* of one host; more are left out */
#define TLSA_BYTES  60000 /* that a frame has room for */

struct lookup {
	struct question *question;
	size_t host;
	struct dns_question dns;
};

/* A host's records for DANE. */
struct tlsa {
	struct lookup lookup;
	unsigned open; /* look-ups of its addresses under way */
	bool insecure; /* one of them is not validated */
	bool at_alias; /* they are asked for behind its aliases */
	enum dns_tlsa state;
	const char *base; /* within: */
	char name[sizeof("_65535._tcp.") + PACKET_NAME_MAX];
};

struct question {
	TAILQ_ENTRY(question) next;
	struct question_desk *desk;
	uint64_t id;
	char name[PACKET_NAME_MAX];
	struct event *timer;
	size_t open;   /* look-ups under way, and one while they are made */
	bool secure;   /* the hosts are those of the name */
	uint16_t port; /* 0: no TLSA are wanted */
	uint32_t ttl;
	struct mx mx;
	struct lookup mx_lookup;
	size_t n;
	struct lookup v[LOOKUPS_MAX];
	struct tlsa tlsa[MX_HOSTS_MAX]; /* as mx.v */
};

static void
question_free(struct question *q)
{
	TAILQ_REMOVE(&q->desk->open, q, next);
	q->desk->n--;
	dns_cancel(&q->mx_lookup.dns);
	for (size_t i = 0; i < q->n; i++)
		dns_cancel(&q->v[i].dns);
	for (size_t i = 0; i < q->mx.n; i++)
		dns_cancel(&q->tlsa[i].lookup.dns);
	event_free(q->timer);
	free(q);
}

/* A link that has just closed takes nothing: as without one. */
static void
tell_addresses(const struct question *q, size_t host)
{
	const struct mx_host *h = &q->mx.v[host];
	struct msg_dns_address m = {.id = q->id,
	    .preference = h->preference,
	    .host = span_of(h->name),
	    .tlsa = (uint8_t)q->tlsa[host].state};

	for (size_t i = 0; i < h->ip6.n; i++) {
		m.address = span_make(h->ip6.v[i], 16);
		(void)proto_send_dns_address(q->desk->link, &m);
	}
	for (size_t i = 0; i < h->ip4.n; i++) {
		m.address = span_make(h->ip4.v[i], 4);
		(void)proto_send_dns_address(q->desk->link, &m);
	}
	if (h->ip6.n + h->ip4.n == 0)
		(void)proto_send_dns_address(q->desk->link, &m);
}

/* Answer and end: the question is gone behind it. */
static void
finish(struct question *q, enum rc rc, const struct why *why)
{
	struct question_desk *desk = q->desk;
	struct msg_dns_end end = {.id = q->id, .rc = (uint8_t)rc};

	if (rc == RC_OK) {
		for (size_t i = 0; i < q->mx.n; i++)
			tell_addresses(q, i);
		end.status = SPAN_LIT("2.0.0");
	} else {
		LOG(RESOLVER_FAILED, log_str(q->name), log_str(why->status),
		    log_str(why->text));
		end.status = span_of(why->status);
		end.text = span_of(why->text);
	}
	end.secure = q->secure;
	end.ttl = q->ttl;
	(void)proto_send_dns_end(desk->link, &end);
	question_free(q);
	desk->on_end(desk->ctx);
}

static void
result(struct question *q)
{
	struct why why;
	enum rc rc = mx_result(&q->mx, span_of(q->name), &why);

	finish(q, rc, &why);
}

static void
close_one(struct question *q)
{
	if (--q->open == 0)
		result(q);
}

static void
note_ttl(struct question *q, const struct packet *p)
{
	if (p != NULL && (q->ttl == 0 || p->ttl < q->ttl))
		q->ttl = p->ttl;
}

static void ask_tlsa(struct question *q, size_t host, const char *base);

static void
tell_tlsa(const struct question *q, size_t host, const struct packet *p)
{
	size_t told = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct packet_record *r = &p->v[i];

		/* RFC 7672 3.1.3: the usages of PKIX are none of SMTP's */
		if (r->usage < 2 || r->usage > 3 || r->data.n > TLSA_BYTES ||
		    told++ == TLSA_MAX)
			continue;
		(void)proto_send_dns_tlsa(
		    q->desk->link, &(struct msg_dns_tlsa){.id = q->id,
				       .host = span_of(q->mx.v[host].name),
				       .base = span_of(q->tlsa[host].base),
				       .usage = r->usage,
				       .selector = r->selector,
				       .matching = r->matching,
				       .data = r->data});
	}
}

static void
on_tlsa(void *ctx, const struct packet *p, bool secure, const char *reason)
{
	struct lookup *l = ctx;
	struct question *q = l->question;
	struct tlsa *t = &q->tlsa[l->host];

	(void)reason;
	note_ttl(q, p);
	if (p == NULL)
		t->state = DNS_TLSA_FAILED;
	else if (secure && p->n > 0) {
		t->state = DNS_TLSA_FOUND;
		tell_tlsa(q, l->host, p);
	} else if (t->at_alias) {
		t->at_alias = false;
		ask_tlsa(q, l->host, q->mx.v[l->host].name);
	}
	close_one(q);
}

static void
ask_tlsa(struct question *q, size_t host, const char *base)
{
	struct tlsa *t = &q->tlsa[host];

	(void)snprintf(t->name, sizeof(t->name), "_%u._tcp.%s",
	    (unsigned)q->port, base); /* fits */
	t->base = t->name + strlen(t->name) - strlen(base);
	/* a name too long for the DNS cannot be there */
	if (strlen(t->name) >= PACKET_NAME_MAX)
		return;
	t->lookup = (struct lookup){.question = q,
	    .host = host,
	    .dns = {.name = t->name,
		.type = PACKET_TLSA,
		.done = on_tlsa,
		.ctx = &t->lookup}};
	q->open++;
	dns_ask(q->desk->dns, &t->lookup.dns);
}

/* Might a host that has such addresses have TLSA? */
static bool
is_for_dane(const struct question *q, size_t host)
{
	const struct mx_host *h = &q->mx.v[host];

	return q->port != 0 && q->secure && !q->tlsa[host].insecure &&
	       h->ip4.n + h->ip6.n > 0;
}

static void
on_address(void *ctx, const struct packet *p, bool secure, const char *reason)
{
	struct lookup *l = ctx;
	struct question *q = l->question;
	struct tlsa *t = &q->tlsa[l->host];

	(void)reason; /* the other hosts' addresses count as well */
	note_ttl(q, p);
	t->insecure |= p != NULL && !secure;
	mx_add(&q->mx, l->host, l->dns.type, p);
	if (--t->open == 0 && is_for_dane(q, l->host)) {
		const struct mx_host *h = &q->mx.v[l->host];

		t->at_alias = !span_eq_ci(span_of(h->base), span_of(h->name));
		ask_tlsa(q, l->host, h->base);
	}
	close_one(q);
}

static void
ask_address(struct question *q, size_t host, enum packet_type type)
{
	struct lookup *l = &q->v[q->n++];

	*l = (struct lookup){.question = q,
	    .host = host,
	    .dns = {.name = q->mx.v[host].name,
		.type = type,
		.done = on_address,
		.ctx = l}};
	q->open++;
	dns_ask(q->desk->dns, &l->dns);
}

static void
ask_addresses(struct question *q)
{
	q->open = 1;
	for (size_t i = 0; i < q->mx.n; i++) {
		q->tlsa[i].open = 2;
		ask_address(q, i, PACKET_AAAA);
		ask_address(q, i, PACKET_A);
	}
	close_one(q);
}

static void
on_mx(void *ctx, const struct packet *p, bool secure, const char *reason)
{
	struct question *q = ((struct lookup *)ctx)->question;
	struct span name = span_of(q->name);
	struct why why;
	enum rc rc;

	note_ttl(q, p);
	q->secure = secure && p != NULL;
	if (p != NULL)
		rc = mx_hosts(&q->mx, name, p, &why);
	else
		rc = why_set(&why, RC_TEMP, "4.4.3",
		    "the mail exchangers of %s cannot be found at present: %s",
		    q->name, reason);
	if (rc == RC_OK)
		ask_addresses(q);
	else
		finish(q, rc, &why);
}

/* What has come by now has to do. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct question *q = arg;

	(void)fd;
	(void)what;
	if (q->n == 0) {
		struct why why;
		enum rc rc = why_set(&why, RC_TEMP, "4.4.3",
		    "the mail exchangers of %s cannot be found at present: "
		    "timed out",
		    q->name);

		finish(q, rc, &why);
		return;
	}
	for (size_t i = 0; i < q->n; i++)
		if (q->v[i].dns.running)
			mx_add(&q->mx, q->v[i].host, q->v[i].dns.type, NULL);
	for (size_t i = 0; i < q->mx.n; i++)
		if ((q->tlsa[i].open > 0 || q->tlsa[i].lookup.dns.running) &&
		    is_for_dane(q, i))
			q->tlsa[i].state = DNS_TLSA_FAILED;
	result(q);
}

static void
refuse(struct question_desk *desk, const struct msg_dns_ask *m, enum rc rc,
    const char *status, const char *text)
{
	(void)proto_send_dns_end(desk->link, &(struct msg_dns_end){.id = m->id,
						 .rc = (uint8_t)rc,
						 .status = span_of(status),
						 .text = span_of(text)});
}

void
question_start(struct question_desk *desk, const struct msg_dns_ask *m)
{
	struct timeval tv = {(time_t)(desk->timeout_ms / 1000),
	    (int)(desk->timeout_ms % 1000) * 1000};
	struct question *q;

	if (!packet_name_ok(m->name) || m->kind > DNS_KIND_HOST ||
	    m->tlsa > UINT16_MAX) {
		refuse(desk, m, RC_PERM, "5.1.2",
		    "there can be no domain of this name");
		return;
	}
	if (desk->n == QUESTION_MAX) {
		refuse(desk, m, RC_TEMP, "4.4.3",
		    "too many questions to the DNS at a time");
		return;
	}
	q = mem_alloc(sizeof(*q));
	q->desk = desk;
	q->id = m->id;
	q->port = (uint16_t)m->tlsa;
	q->secure = true;
	(void)span_copy(m->name, q->name, sizeof(q->name)); /* checked */
	TAILQ_INSERT_TAIL(&desk->open, q, next);
	desk->n++;
	q->timer = evtimer_new(desk->base, on_timer, q);
	if (q->timer == NULL || event_add(q->timer, &tv) < 0)
		bug("evtimer_new");
	if (m->kind == DNS_KIND_HOST) {
		mx_host(&q->mx, span_of(q->name));
		ask_addresses(q);
		return;
	}
	q->mx_lookup = (struct lookup){.question = q,
	    .dns = {.name = q->name,
		.type = PACKET_MX,
		.done = on_mx,
		.ctx = &q->mx_lookup}};
	dns_ask(desk->dns, &q->mx_lookup.dns);
}

void
question_forget(struct question_desk *desk)
{
	while (!TAILQ_EMPTY(&desk->open))
		question_free(TAILQ_FIRST(&desk->open));
}

/*
 * Hosts and addresses of a domain: see mx.h.
 */
#include "resolver/mx.h"
#include "lib/base/banned.h"

static bool
known(const struct mx *mx, const char *host)
{
	for (size_t i = 0; i < mx->n; i++)
		if (strcmp(mx->v[i].name, host) == 0)
			return true;
	return false;
}

/* The best of p behind those that are there; NULL: none is left. */
static const struct packet_record *
best(const struct mx *mx, const struct packet *p)
{
	const struct packet_record *r = NULL;

	for (size_t i = 0; i < p->n; i++) {
		const struct packet_record *x = &p->v[i];

		/* "." among others is no null MX, and no host (RFC 7505 3) */
		if (x->host[0] == '\0' || known(mx, x->host))
			continue;
		if (r == NULL || x->preference < r->preference)
			r = x;
	}
	return r;
}

static struct mx_host *
add(struct mx *mx, struct span name, uint32_t preference)
{
	struct mx_host *h = &mx->v[mx->n];

	*h = (struct mx_host){.preference = preference};
	if (!span_copy(name, h->name, sizeof(h->name)))
		return NULL;
	mx->n++;
	return h;
}

void
mx_host(struct mx *mx, struct span name)
{
	mx->listed = false;
	mx->n = 0;
	(void)add(mx, name, 0); /* too long: no host, and so no address */
}

enum rc
mx_hosts(
    struct mx *mx, struct span name, const struct packet *p, struct why *why)
{
	const struct packet_record *r;

	mx_host(mx, name);
	if (p->rcode == PACKET_NXDOMAIN)
		return why_set(why, RC_PERM, "5.1.2",
		    "the domain " SPAN_FMT " does not exist", SPAN_ARG(name));
	if (p->n == 1 && p->v[0].host[0] == '\0')
		return why_set(why, RC_PERM, "5.1.10",
		    "the domain " SPAN_FMT " takes no mail", SPAN_ARG(name));
	if (p->n == 0)
		return RC_OK;
	mx->listed = true;
	mx->n = 0;
	while (mx->n < MX_HOSTS_MAX && (r = best(mx, p)) != NULL)
		(void)add(mx, span_of(r->host), r->preference); /* fits */
	return RC_OK;
}

void
mx_add(
    struct mx *mx, size_t host, enum packet_type type, const struct packet *p)
{
	struct mx_host *h = &mx->v[host];
	struct mx_addresses *a = type == PACKET_A ? &h->ip4 : &h->ip6;

	a->failed = p == NULL;
	if (p != NULL && p->n > 0)
		memcpy(h->base, p->name, sizeof(h->base));
	for (size_t i = 0; p != NULL && i < p->n; i++)
		if (a->n < MX_ADDRESSES_MAX)
			memcpy(a->v[a->n++], p->v[i].address, 16);
}

enum rc
mx_result(const struct mx *mx, struct span name, struct why *why)
{
	bool failed = false;

	for (size_t i = 0; i < mx->n; i++) {
		const struct mx_host *h = &mx->v[i];

		if (h->ip4.n > 0 || h->ip6.n > 0)
			return RC_OK;
		failed |= h->ip4.failed || h->ip6.failed;
	}
	if (failed)
		return why_set(why, RC_TEMP, "4.4.3",
		    "the address of %s cannot be found at present",
		    mx->v[0].name);
	if (mx->listed)
		return why_set(why, RC_PERM, "5.4.4",
		    "no mail exchanger of " SPAN_FMT " has an address",
		    SPAN_ARG(name));
	return why_set(why, RC_PERM, "5.1.2",
	    "the domain " SPAN_FMT " has no address", SPAN_ARG(name));
}

/*
 * The order of addresses: see relay_hop.h.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "delivery/relay_hop.h"
#include "lib/base/banned.h"

void
relay_hop_clear(struct relay_hops *h)
{
	for (size_t i = 0; h != NULL && i < h->n_tlsa; i++) {
		free(h->tlsa[i].host);
		free(h->tlsa[i].base);
		free(h->tlsa[i].data);
	}
	if (h != NULL) {
		h->n = h->n_tlsa = 0;
		h->secure = false;
	}
}

void
relay_hop_add(struct relay_hops *h, const struct msg_dns_address *m)
{
	struct relay_hop *hop = &h->v[h->n];

	if (h->n == RELAY_HOPS_MAX ||
	    (m->address.n != 0 && m->address.n != 4 && m->address.n != 16))
		return;
	*hop = (struct relay_hop){.preference = m->preference,
	    .n = m->address.n,
	    .tlsa = m->tlsa > DNS_TLSA_FAILED ? DNS_TLSA_FAILED
					      : (enum dns_tlsa)m->tlsa};
	if (!span_copy(m->host, hop->host, sizeof(hop->host)))
		return;
	if (m->address.n > 0)
		memcpy(hop->address, m->address.p, m->address.n);
	h->n++;
}

void
relay_hop_add_tlsa(struct relay_hops *h, const struct msg_dns_tlsa *m)
{
	struct relay_tlsa *t = &h->tlsa[h->n_tlsa];

	if (h->n_tlsa == RELAY_TLSA_MAX || m->base.n >= RELAY_HOST_MAX ||
	    m->host.n >= RELAY_HOST_MAX)
		return;
	*t = (struct relay_tlsa){.host = span_dup(m->host),
	    .base = span_dup(m->base),
	    .data = span_dup(m->data)};
	t->record = (struct tls_client_tlsa){.usage = m->usage,
	    .selector = m->selector,
	    .matching = m->matching,
	    .data = span_make(t->data, m->data.n)};
	h->n_tlsa++;
}

size_t
relay_hop_tlsa(const struct relay_hops *h, const struct relay_hop *hop,
    struct tls_client_tlsa out[RELAY_TLSA_HOST], const char **base)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_tlsa && n < RELAY_TLSA_HOST; i++) {
		if (strcmp(h->tlsa[i].host, hop->host) != 0)
			continue;
		out[n++] = h->tlsa[i].record;
		*base = h->tlsa[i].base;
	}
	return n;
}

bool
relay_hop_inward(struct span a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t zero[15];

	if (a.n == 16 && memcmp(a.p, mapped, sizeof(mapped)) == 0)
		a = span_from(a, 12);
	if (a.n == 4)
		return a.p[0] == 0 || a.p[0] == 127 ||
		       (unsigned char)a.p[0] >= 224;
	return a.n == 16 &&
	       ((unsigned char)a.p[0] == 0xff ||
		   (memcmp(a.p, zero, 15) == 0 && (unsigned char)a.p[15] <= 1));
}

bool
relay_hop_literal(struct relay_hops *h, struct span text)
{
	struct span inner;
	char plain[INET6_ADDRSTRLEN];
	uint8_t address[16];
	bool six;

	if (text.n < 3 || text.p[0] != '[' || text.p[text.n - 1] != ']')
		return false;
	inner = span_make(text.p + 1, text.n - 2);
	six = span_starts_ci(inner, SPAN_LIT("IPv6:"));
	if (!span_copy(
		six ? span_from(inner, 5) : inner, plain, sizeof(plain)) ||
	    inet_pton(six ? AF_INET6 : AF_INET, plain, address) != 1)
		return false;
	relay_hop_clear(h);
	relay_hop_add(h, &(struct msg_dns_address){.host = text,
			     .address = span_make(address, six ? 16 : 4)});
	return true;
}

/* A number of chance for each host, the same for all its addresses. */
static uint32_t
chance(const char *host, uint32_t seed)
{
	uint32_t v = seed ^ 2166136261U;

	for (; *host != '\0'; host++)
		v = (v ^ (unsigned char)*host) * 16777619U;
	v ^= v >> 16;
	v *= 0x7feb352dU;
	return v ^ v >> 15;
}

static int
compare(const void *a, const void *b)
{
	const struct relay_hop *x = a, *y = b;
	int names = strcmp(x->host, y->host);

	if (x->preference != y->preference)
		return x->preference < y->preference ? -1 : 1;
	if (names != 0 && x->chance != y->chance)
		return x->chance < y->chance ? -1 : 1;
	if (names != 0)
		return names;
	/* IPv6 first; here the addresses stand in groups */
	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return memcmp(x->address, y->address, x->n);
}

/* The n addresses of one host, six of them IPv6: by turns. */
static void
by_turns(struct relay_hop *v, size_t n, size_t six)
{
	static struct relay_hop mixed[RELAY_HOPS_MAX];
	size_t i = 0, j = six, k = 0;

	while (k < n) {
		if (i < six)
			mixed[k++] = v[i++];
		if (j < n)
			mixed[k++] = v[j++];
	}
	memcpy(v, mixed, n * sizeof(*v));
}

static void
mix(struct relay_hops *h)
{
	for (size_t from = 0, to; from < h->n; from = to) {
		size_t six = 0;

		for (to = from;
		     to < h->n && strcmp(h->v[to].host, h->v[from].host) == 0 &&
		     h->v[to].preference == h->v[from].preference;
		     to++)
			six += h->v[to].n == 16;
		by_turns(&h->v[from], to - from, six);
	}
}

enum rc
relay_hop_order(
    struct relay_hops *h, const char *self, uint32_t seed, struct why *why)
{
	uint64_t limit = UINT64_MAX;
	bool found = h->n > 0;
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++)
		if (span_eq_ci(span_of(h->v[i].host), span_of(self)) &&
		    h->v[i].preference < limit)
			limit = h->v[i].preference;
	for (size_t i = 0; i < h->n; i++) {
		struct relay_hop *hop = &h->v[i];

		hop->chance = chance(hop->host, seed);
		if (hop->preference < limit && hop->n > 0)
			h->v[n++] = *hop;
	}
	h->n = n;
	if (n == 0 && found && limit != UINT64_MAX)
		return why_set(why, RC_PERM, "5.4.6",
		    "mail for this domain would come back to this host");
	if (n == 0)
		return why_set(
		    why, RC_TEMP, "4.4.3", "no host with an address");
	qsort(h->v, n, sizeof(h->v[0]), compare);
	mix(h);
	return RC_OK;
}

socklen_t
relay_hop_address(
    const struct relay_hop *hop, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (void *)out;
	struct sockaddr_in6 *in6 = (void *)out;

	memset(out, 0, sizeof(*out));
	if (hop->n == 4) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, hop->address, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, hop->address, 16);
	return sizeof(*in6);
}

/* Answers of the DNS, and the hosts that come of them. */
#include <stdint.h>
#include <stdlib.h>

#include "resolver/mx.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check(const struct packet *p, struct span name)
{
	static struct mx mx;
	struct why why;

	if (p->n > PACKET_RECORDS_MAX)
		abort();
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].host[0] != '\0' &&
		    !packet_name_ok(span_of(p->v[i].host)))
			abort();
	if (mx_hosts(&mx, name, p, &why) != RC_OK)
		return;
	if (mx.n == 0 && p->n == 0)
		abort();
	for (size_t i = 0; i < mx.n; i++) {
		if (i > 0 && mx.v[i].preference < mx.v[i - 1].preference)
			abort();
		mx_add(&mx, i, PACKET_A, p);
		mx_add(&mx, i, PACKET_AAAA, NULL);
	}
	(void)mx_result(&mx, name, &why);
}

/* Its data is some, and within the answer. */
static void
check_tlsa(const struct packet_record *r, struct span all)
{
	if (r->data.n == 0 || r->data.p < all.p ||
	    r->data.p + r->data.n > all.p + all.n)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum packet_type types[] = {
	    PACKET_A, PACKET_AAAA, PACKET_MX, PACKET_TLSA};
	static struct packet p;
	struct span name = SPAN_LIT("example.net");

	(void)packet_name_ok(span_make(data, n));
	for (size_t i = 0; i < 4; i++) {
		p = (struct packet){0};
		if (!packet_read(span_make(data, n), name, types[i], &p))
			continue;
		check(&p, name);
		for (size_t k = 0; types[i] == PACKET_TLSA && k < p.n; k++)
			check_tlsa(&p.v[k], span_make(data, n));
	}
	return 0;
}

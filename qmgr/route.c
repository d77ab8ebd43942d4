/*
 * Which way: see route.h.
 */
#include "lib/addr/path.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "qmgr/route.h"
#include "lib/base/banned.h"

_Static_assert(CONF_RELAY_TLS_MAY == (int)RELAY_TLS_MAY &&
		   CONF_RELAY_TLS_ENCRYPT == (int)RELAY_TLS_ENCRYPT &&
		   CONF_RELAY_TLS_VERIFY == (int)RELAY_TLS_VERIFY &&
		   CONF_RELAY_TLS_IMPLICIT == (int)RELAY_TLS_IMPLICIT,
    "the words of relay.tls are those of the link");

/* "domain=host:port", of which the host may be a literal. */
static bool
route_relay(const struct conf *conf, struct span domain, struct route *route)
{
	for (size_t i = 0; i < conf->relay.domains.n; i++) {
		struct span host = span_of(conf->relay.domains.v[i]);
		uint64_t port = 25;
		size_t colon;

		if (!span_eq(span_cut(&host, '='), domain))
			continue;
		if (host.n == 0)
			return false; /* as other mail */
		colon = span_rfind(host, ':');
		if (host.p[host.n - 1] != ']' && colon < host.n) {
			if (!num_range(span_from(host, colon + 1), 1,
				UINT16_MAX, &port))
				bug("a route without a port");
			host = span_head(host, colon);
		}
		*route = (struct route){.next_hop = host,
		    .port = (uint16_t)port,
		    .tls = RELAY_TLS_MAY};
		return true;
	}
	return false;
}

bool
route_same(const struct route *a, const struct route *b)
{
	return span_eq(a->next_hop, b->next_hop) && a->mx == b->mx &&
	       a->smart == b->smart && a->port == b->port && a->tls == b->tls;
}

bool
route_find(const struct conf *conf, struct span address, struct route *route)
{
	struct span local, domain;

	if (!addr_split(address, &local, &domain) || domain.n == 0)
		return false;
	if (route_relay(conf, domain, route))
		return true;
	if (conf->relay.host[0] != '\0')
		*route = (struct route){.next_hop = span_of(conf->relay.host),
		    .smart = true,
		    .port = (uint16_t)conf->relay.port,
		    .tls = (enum relay_tls)conf->relay.tls};
	else
		*route = (struct route){.next_hop = domain,
		    .mx = domain.p[0] != '[', /* RFC 5321 5.1 */
		    .port = 25,
		    .tls = RELAY_TLS_MAY};
	return true;
}

/*
 * Which way: see route.h.
 */
#include "lib/addr/path.h"
#include "qmgr/route.h"
#include "lib/base/banned.h"

_Static_assert(CONF_RELAY_TLS_MAY == (int)RELAY_TLS_MAY &&
		   CONF_RELAY_TLS_ENCRYPT == (int)RELAY_TLS_ENCRYPT &&
		   CONF_RELAY_TLS_VERIFY == (int)RELAY_TLS_VERIFY &&
		   CONF_RELAY_TLS_IMPLICIT == (int)RELAY_TLS_IMPLICIT,
    "the words of relay.tls are those of the link");

bool
route_find(const struct conf *conf, struct span address, struct route *route)
{
	struct span local, domain;

	if (!addr_split(address, &local, &domain) || domain.n == 0)
		return false;
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

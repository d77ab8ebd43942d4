/*
 * Which way a recipient at another host goes: the host that relay.domains names
 * for its domain, the smart host, or the hosts of its domain. Pure.
 */
#ifndef QMGR_ROUTE_H
#define QMGR_ROUTE_H

#include "lib/base/span.h"
#include "lib/conf/conf.h"
#include "lib/proto/proto.h"

struct route {
	struct span next_hop; /* domain, "[192.0.2.1]" or host; borrowed */
	bool mx;
	bool smart; /* the configuration's host: log in there, if it says so */
	uint16_t port;
	enum relay_tls tls;
};

/*
 * The route of `address` (canonical); what is in it borrows from both. False:
 * it has no domain.
 */
bool route_find(
    const struct conf *conf, struct span address, struct route *route);

/* Is it one way, so that one message may go there for both? */
bool route_same(const struct route *a, const struct route *b);

#endif

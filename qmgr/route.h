/*
 * Which way a recipient at another host goes: the host that relay.domains names
 * for its domain, the first of relay.routes that fits, the smart host, or the
 * hosts of its domain. Pure.
 */
#ifndef QMGR_ROUTE_H
#define QMGR_ROUTE_H

#include "lib/base/buf.h"
#include "lib/conf/conf.h"
#include "lib/conf/way.h"
#include "lib/proto/proto.h"

struct route {
	struct span domain; /* whose MX are looked for; or `via` */
	size_t n;           /* hosts; 0: the domain's own */
	struct conf_way_host via[CONF_WAY_HOSTS_MAX]; /* with their ports */
	enum relay_tls tls;
	bool lmtp;
	struct span login;  /* at those hosts; empty: none */
	struct span source; /* addresses of this host; empty: any */
	uint64_t gap_ms;    /* between two messages there; 0: none */
	bool smart;         /* with the password of relay.password_file */
};

/*
 * The route of mail to `mail->to` (all canonical); what is in it borrows from
 * both. False: that has no domain.
 */
bool route_find(const struct conf *conf, const struct conf_way_mail *mail,
    struct route *route);

/* Are there MX to be looked for? RFC 5321 5.1: a literal has none. */
bool route_is_mx(const struct route *route);
/* Is it one way, so that one message may go there for both? How fast does not
 * count. */
bool route_same(const struct route *a, const struct route *b);

/*
 * Its name, by which qmgr counts what goes there: "example.net",
 * "smtp.example.net as joe", "a.example,b.example"; appended.
 */
void route_name(const struct route *route, struct buf *b);
/* Its hosts as remote delivery is told of them: "a.example:25,[192.0.2.1]:24",
 * of MX the domain. */
void route_hosts(const struct route *route, struct buf *b);

#endif

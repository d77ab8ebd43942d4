/*
 * Which way: see route.h.
 */
#include "lib/addr/path.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "qmgr/route.h"
#include "lib/base/banned.h"

_Static_assert(CONF_RELAY_TLS_NONE == (int)RELAY_TLS_NONE &&
		   CONF_RELAY_TLS_MAY == (int)RELAY_TLS_MAY &&
		   CONF_RELAY_TLS_DANE == (int)RELAY_TLS_DANE &&
		   CONF_RELAY_TLS_ENCRYPT == (int)RELAY_TLS_ENCRYPT &&
		   CONF_RELAY_TLS_DANE_ONLY == (int)RELAY_TLS_DANE_ONLY &&
		   CONF_RELAY_TLS_VERIFY == (int)RELAY_TLS_VERIFY &&
		   CONF_RELAY_TLS_IMPLICIT == (int)RELAY_TLS_IMPLICIT,
    "the words of relay.tls are those of the link");

#define PORT_SMTP 25
#define PORT_LMTP 24

/* "domain=host:port", of which the host may be a literal. */
static bool
route_relay(const struct conf *conf, struct span domain, struct route *route)
{
	for (size_t i = 0; i < conf->relay.domains.n; i++) {
		struct span host = span_of(conf->relay.domains.v[i]);
		uint64_t port = PORT_SMTP;
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
		*route = (struct route){.n = 1,
		    .via = {{host, (uint16_t)port}},
		    .tls = RELAY_TLS_DANE};
		return true;
	}
	return false;
}

static void
take_way(const struct conf_way *w, struct span domain, struct route *route)
{
	/* a password is for nobody on the way, nor for another host */
	enum relay_tls tls = w->as.n > 0 ? RELAY_TLS_VERIFY : RELAY_TLS_DANE;

	*route = (struct route){.domain = domain,
	    .n = w->n,
	    .tls = w->tls < 0 ? tls : (enum relay_tls)w->tls,
	    .lmtp = w->lmtp,
	    .gap_ms = w->gap_ms,
	    .source = w->source,
	    .login = w->as};
	for (size_t i = 0; i < w->n; i++) {
		route->via[i] = w->via[i];
		if (w->via[i].port == 0)
			route->via[i].port = w->lmtp       ? PORT_LMTP
					     : w->as.n > 0 ? 587
							   : PORT_SMTP;
	}
}

/* The first of relay.routes that is for this mail. */
static bool
route_way(const struct conf *conf, const struct conf_way_mail *mail,
    struct span domain, struct route *route)
{
	struct conf_way w;

	for (size_t i = 0; i < conf->relay.routes.n; i++) {
		if (!conf_way_parse(span_of(conf->relay.routes.v[i]), &w))
			bug("relay.routes was not checked");
		if (!conf_way_fits(&w, mail))
			continue;
		take_way(&w, domain, route);
		return true;
	}
	return false;
}

bool
route_same(const struct route *a, const struct route *b)
{
	bool same = a->n == b->n && a->smart == b->smart && a->tls == b->tls &&
		    a->lmtp == b->lmtp && span_eq(a->login, b->login) &&
		    span_eq(a->source, b->source) &&
		    (a->n > 0 || span_eq(a->domain, b->domain));

	for (size_t i = 0; same && i < a->n; i++)
		same = span_eq(a->via[i].host, b->via[i].host) &&
		       a->via[i].port == b->via[i].port;
	return same;
}

bool
route_find(const struct conf *conf, const struct conf_way_mail *mail,
    struct route *route)
{
	struct span local, domain;

	if (!addr_split(mail->to, &local, &domain) || domain.n == 0)
		return false;
	if (route_relay(conf, domain, route) ||
	    route_way(conf, mail, domain, route))
		return true;
	*route = (struct route){.domain = domain, .tls = RELAY_TLS_DANE};
	if (conf->relay.host[0] == '\0')
		return true;
	route->n = 1;
	route->via[0] = (struct conf_way_host){
	    span_of(conf->relay.host), (uint16_t)conf->relay.port};
	route->tls = (enum relay_tls)conf->relay.tls;
	route->login = span_of(conf->relay.login);
	route->smart = true;
	/* a password is for nobody on the way */
	if (route->login.n > 0 && route->tls < RELAY_TLS_ENCRYPT)
		route->tls = RELAY_TLS_ENCRYPT;
	return true;
}

bool
route_is_mx(const struct route *route)
{
	return route->n == 0 && span_at(route->domain, 0) != '[';
}

void
route_name(const struct route *route, struct buf *b)
{
	if (route->n == 0)
		buf_put_span(b, route->domain);
	for (size_t i = 0; i < route->n; i++) {
		buf_puts(b, i > 0 ? "," : route->lmtp ? "lmtp:" : "");
		buf_put_span(b, route->via[i].host);
	}
	if (route->login.n > 0) {
		buf_puts(b, " as ");
		buf_put_span(b, route->login);
	}
}

void
route_hosts(const struct route *route, struct buf *b)
{
	if (route->n == 0)
		buf_put_span(b, route->domain);
	if (route->n == 0 && !route_is_mx(route))
		buf_putf(b, ":%d", PORT_SMTP);
	for (size_t i = 0; i < route->n; i++) {
		buf_puts(b, i > 0 ? "," : "");
		buf_put_span(b, route->via[i].host);
		buf_putf(b, ":%u", route->via[i].port);
	}
}

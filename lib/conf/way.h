/*
 * An item of relay.routes: whose mail goes which way, as words
 *
 *   from=@shop.example via=smtp.example.net:587,[192.0.2.7] tls=verify as=shop
 *
 * `to=`, `from=`, `login=` say whose: an address, a domain ("example.org" or
 * "@example.org"; of its subdomains: ".example.org"), or "<>" for the null
 * sender; all of them have to fit. `via=` names hosts that are tried in turn,
 * behind "lmtp:" such as speak that, or is "mx": the hosts of the recipient's
 * domain. `rate=20/m` (or /s, /h, /d): no more messages go to one destination.
 * `source=192.0.2.7,2001:db8::7`: from which addresses of this host, one of
 * each family or of one. Pure, fuzzed.
 */
#ifndef LIB_CONF_WAY_H
#define LIB_CONF_WAY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/span.h"

#define CONF_WAY_HOSTS_MAX 8

struct conf_way_host {
	struct span host; /* name, or literal in brackets */
	uint16_t port;    /* 0: not said */
};

struct conf_way {
	struct span to; /* each borrowed; empty: whoever */
	struct span from;
	struct span login;
	bool mx;
	bool lmtp; /* RFC 2033, instead of SMTP */
	size_t n;  /* 0: mx */
	struct conf_way_host via[CONF_WAY_HOSTS_MAX];
	int tls;            /* enum conf_relay_tls; -1: not said */
	struct span as;     /* login at those hosts; empty: none */
	struct span source; /* addresses, a comma between; empty: any */
	uint64_t gap_ms;    /* between two messages there; 0: none */
};

/* False: it is none; *out is as before. */
bool conf_way_parse(struct span text, struct conf_way *out);

/*
 * Of such a source, which may be empty: its address of the family of IPv6, or
 * of IPv4, into *one (borrowed); empty: none. False: it is no source.
 */
bool conf_way_source(struct span source, bool six, struct span *one);

/* Canonical addresses; `sender` empty: <>, `login` empty: none. */
struct conf_way_mail {
	struct span to;
	struct span sender;
	struct span login;
};

/* Do all conditions of the way hold? */
bool conf_way_fits(const struct conf_way *w, const struct conf_way_mail *mail);

#endif

/*
 * libunbound on our event loop: its set-up, which reads files and so comes
 * before the sandbox, and questions to it. Its cache is shared by all.
 */
#ifndef RESOLVER_DNS_H
#define RESOLVER_DNS_H

#include <event2/event.h>

#include "lib/conf/conf.h"
#include "resolver/packet.h"

struct dns;

/*
 * Everything that is read from files is read here (root hints, trust anchor,
 * /etc/resolv.conf), nothing later. NULL with *why set when a setting is of no
 * use. `base` and the result live as long as the process.
 */
struct dns *dns_new(
    struct event_base *base, const struct conf *conf, struct why *why);
/* Are answers validated (DNSSEC)? */
bool dns_validates(const struct dns *dns);

/* p NULL: no answer, or one that DNSSEC proves wrong; `reason` is static. */
typedef void dns_done(
    void *ctx, const struct packet *p, bool secure, const char *reason);

/*
 * Ask for the records of a name (packet_name_ok() of it). `done` runs once,
 * perhaps before this returns, unless dns_cancel() comes first. *id is for
 * that; 0: it has run. There is no time limit: the caller has one.
 */
struct dns_question {
	const char *name;
	enum packet_type type;
	dns_done *done;
	void *ctx;
	int id;
	/* dns's own */
	struct dns *dns;
	bool running;
};
/* q stays where it is until `done` has run or dns_cancel(). */
void dns_ask(struct dns *dns, struct dns_question *q);
/* `done` will not run any more; also when it has. */
void dns_cancel(struct dns_question *q);

#endif

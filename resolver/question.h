/*
 * Questions of the other workers, each from DNS_ASK to DNS_END: as many
 * look-ups as it takes, within one time limit.
 */
#ifndef RESOLVER_QUESTION_H
#define RESOLVER_QUESTION_H

#include <sys/queue.h>

#include "lib/proto/proto.h"
#include "resolver/dns.h"

/* questions at a time on one link; who asks more is told to come later */
#define QUESTION_MAX 1000

struct question;
TAILQ_HEAD(question_list, question);

/* One link's questions; embedded in its owner. */
struct question_desk {
	struct dns *dns;
	struct event_base *base;
	uint64_t timeout_ms;
	struct ipc_link *link;
	struct question_list open;
	size_t n;
	/* a question has been answered: perhaps it was the last */
	void (*on_end)(void *ctx);
	void *ctx;
};

/* Take up a question; text is copied. The answer goes to desk->link. */
void question_start(struct question_desk *desk, const struct msg_dns_ask *m);
/* The link has gone: nobody wants to know any more. */
void question_forget(struct question_desk *desk);

#endif

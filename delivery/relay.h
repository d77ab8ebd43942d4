/*
 * Jobs of remote delivery: each goes from MSG_RELAY to an outcome for every
 * recipient, over the hosts that may take it and the connections to them,
 * whatever happens to the link it came by. Outcomes go to the newest link;
 * those that had none are kept for the next, which first hears of them as
 * under way: given out again the message would come twice. The last successes
 * are told to the next link again, since nobody knows whether a qmgr that died
 * had read and recorded them.
 */
#ifndef DELIVERY_RELAY_H
#define DELIVERY_RELAY_H

#include <sys/queue.h>

#include "delivery/client.h"
#include "lib/ev/pool.h"

struct relay_job;
struct relay_conn;
TAILQ_HEAD(relay_jobs, relay_job);
TAILQ_HEAD(relay_conns, relay_conn);

/* recipients of one job, and jobs whose RELAY has not come */
#define RELAY_RCPT_MAX     10000
#define RELAY_BUILDING_MAX 64
/* recipients whose success is told again */
#define RELAY_AGAIN_MAX 1000

/* One worker's jobs; embedded in its owner. */
struct relay_desk {
	struct client_env env;
	struct pool *pool;
	uint64_t per_hop;           /* connections to one next hop at a time */
	uint64_t reuse_ms;          /* how long one is kept */
	uint64_t resolve_ms;        /* how long the resolver may take */
	struct ipc_link *qmgr;      /* the newest link; NULL: none */
	struct ipc_link *resolver;  /* the same */
	struct relay_jobs building; /* RELAY has not come yet */
	struct relay_jobs jobs;
	struct relay_jobs ended; /* outcomes that nobody has heard */
	struct relay_jobs told;  /* successes, the newest last */
	size_t n_told;           /* their recipients */
	struct relay_conns conns;
	struct event *pump; /* look after waiting jobs, in another turn */
	uint64_t next_id;   /* of questions to the resolver */
	uint64_t sent;      /* recipients */
	uint64_t failed;
	bool stopping;
	/* a job has ended: perhaps it was the last */
	void (*on_end)(void *ctx);
	void *ctx;
};

/* Before anything else; the settings are the caller's to fill in. */
void relay_desk_init(struct relay_desk *desk);

/*
 * Messages of qmgr; text is copied, descriptors are taken. False: qmgr breaks
 * the rules (too many recipients, another count); the caller closes the link.
 */
bool relay_on_rcpt(struct relay_desk *desk, const struct msg_relay_rcpt *m);
bool relay_on_relay(struct relay_desk *desk, struct msg_relay *m);

/* Answers of the resolver; what nobody asked for is passed over. */
void relay_on_address(struct relay_desk *desk, const struct msg_dns_address *m);
void relay_on_tlsa(struct relay_desk *desk, const struct msg_dns_tlsa *m);
void relay_on_dns_end(struct relay_desk *desk, const struct msg_dns_end *m);

/*
 * A new qmgr is there: desk->qmgr becomes `link`, which is told what is under
 * way, then the outcomes that were kept.
 */
void relay_desk_greet(struct relay_desk *desk, struct ipc_link *link);
/* The link to qmgr has gone: of a job that has not come whole. */
void relay_desk_lost(struct relay_desk *desk);
/* A new resolver is there (NULL: it has gone): what was asked is asked anew. */
void relay_desk_resolver(struct relay_desk *desk, struct ipc_link *link);
/* How many of each there are. */
void relay_desk_count(
    const struct relay_desk *desk, size_t *jobs, size_t *conns);
/* The suite stops: end what can be ended without a message coming twice. */
void relay_desk_stop(struct relay_desk *desk);

#endif

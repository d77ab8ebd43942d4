/*
 * Inside of relay*.c: a job and a connection. relay.c has the desk, where jobs
 * come in and links change, relay_job.c the way of one job to its outcomes,
 * relay_tls.c how a hop is to be protected, relay_conn.c the connections. A job
 * has at most one connection, a connection at most one job.
 */
#ifndef DELIVERY_RELAY_STATE_H
#define DELIVERY_RELAY_STATE_H

#include "delivery/relay.h"
#include "delivery/relay_hop.h"

/* Which connections serve which jobs. */
struct relay_key {
	char *next_hop; /* domain, host, or literal */
	bool mx;
	bool lmtp;
	uint16_t port;
	enum relay_tls tls;
	bool required; /* RFC 8689: each host is verified, and goes on so */
	char *login;
	char *source; /* addresses of this host; "": any */
	struct secret password;
};

struct relay_conn {
	TAILQ_ENTRY(relay_conn) next;
	struct relay_desk *desk;
	struct relay_key key;
	struct client *client;
	struct relay_job *job; /* NULL: idle */
	struct event *timer;   /* of an idle one */
	char shown[384];
	struct tls_client_tlsa
	    tlsa[RELAY_TLSA_HOST]; /* borrowed from the job */
};

struct relay_job {
	TAILQ_ENTRY(relay_job) next;
	struct relay_desk *desk;
	uint64_t number; /* on the link it came by */
	char *qid;
	char *sender;
	char *envid;             /* or NULL */
	struct relay_key key;    /* of the host that is tried */
	char *hosts;             /* those that come next, as in msg_relay */
	struct secret passwords; /* and theirs */
	struct client_mail mail;
	size_t room; /* of mail.v */
	uint64_t start_ms;
	bool waiting; /* for a connection to be free */
	uint64_t ask; /* the question at the resolver; 0: none */
	struct event *timer;
	struct relay_hops *hops; /* of key; NULL: not asked for */
	size_t at;               /* the hop in use */
	unsigned tries;
	bool clear;      /* TLS has failed at this hop */
	bool unmet;      /* a host was not what is required */
	bool soft;       /* another one may be, later */
	struct why last; /* the last hop's trouble */
	struct why need; /* of the last one that is not what is required */
	struct relay_conn *conn;
};

/* ---- relay_conn.c ---- */

/* Release what it holds. */
void relay_key_fini(struct relay_key *k);
/* Connect to the job's hop in use, and send there. False, with *why set: it may
 * not be gone to. */
bool relay_conn_open(struct relay_job *j, struct why *why);
/* An idle connection for that key; NULL: there is none. */
struct relay_conn *relay_conn_find(
    struct relay_desk *desk, const struct relay_key *key);
/* Is there room for one more connection, or one that is free? */
bool relay_conn_room(const struct relay_job *j);
/* At once; its job, if it has one, is the caller's to end. */
void relay_conn_free(struct relay_conn *conn);
/* Idle for too long, or not wanted: an orderly end, which needs no owner. */
void relay_conn_quit(struct relay_conn *conn);

/* ---- relay_tls.c ---- */

/*
 * How that hop is to be protected: fills in target->tls, ->peer and ->clear,
 * its TLSA in conn->tlsa. False: not as it ought to be (RC_TEMP 4.7.5), or as
 * the sender requires (RC_PERM 5.7.10).
 */
bool relay_tls_choose(const struct relay_job *j, struct relay_conn *conn,
    struct client_target *target, struct why *why);
/* May the job go to its hop in clear, now that TLS has failed there? */
bool relay_tls_may_fail(const struct relay_job *j);
/* Does it make a difference to the job what TLSA a host has? */
bool relay_tls_wants_tlsa(const struct relay_job *j);

/* ---- relay_job.c ---- */

/* It stands in no list. */
void relay_job_free(struct relay_job *j);
/* Turn to the next host of its list; false: there is none. */
bool relay_job_turn(struct relay_job *j);
/* Give it to an idle connection, or look for its hosts. j may be gone then. */
void relay_job_go(struct relay_job *j);
/* Send its question to the resolver (anew). */
void relay_job_ask(struct relay_job *j);
/* Its connection has failed, for `why`: whatever comes next. As above. */
void relay_job_trouble(
    struct relay_job *j, enum client_trouble trouble, const struct why *why);
/* All recipients have their outcome. The job may be gone behind it. */
void relay_job_end(struct relay_job *j);
/* That is the outcome of all that have none; then the same. */
void relay_job_fail(struct relay_job *j, const struct why *why, bool site);
/* False: the link takes no more; its next one hears of all of them. */
bool relay_job_tell(const struct relay_job *j);
/* Its outcomes were told: successes are kept, to be told again. */
void relay_job_keep(struct relay_job *j);

/* ---- relay.c ---- */

/* Jobs may wait for what has just become free. */
void relay_desk_pump(struct relay_desk *desk);

#endif

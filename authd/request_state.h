/*
 * Inside of request*.c: one question about a log-in. request.c has its way from
 * the question to the answer, by one message with the password;
 * request_scram.c the exchange of several messages that goes before.
 */
#ifndef AUTHD_REQUEST_STATE_H
#define AUTHD_REQUEST_STATE_H

#include "authd/client.h"
#include "authd/pam.h"
#include "authd/request.h"
#include "authd/scram.h"
#include "authd/service.h"

#define REQUEST_LOGIN_MAX 254 /* RFC 5321 4.5.3.1.3 */

struct request {
	TAILQ_ENTRY(request) next;
	struct authd *a;
	struct client *client; /* NULL: has gone */
	uint64_t id;
	enum service service;
	char *login;  /* in lower case; then as in the file, or the user */
	char *peer;   /* address */
	char *stored; /* hash that it is checked against, or NULL */
	uint64_t began_ms;
	struct digest digest;
	int session; /* or -1 */
	uint64_t session_id;
	struct scram *scram; /* an exchange under way, or NULL */
	bool waiting;        /* in it for the client; not charged then */
	bool proven;         /* by it: the client's last word is awaited */
	bool delayed;        /* it has failed: the timer tells it */
	bool hashing;        /* its `done` will come */
	bool user;           /* of the system */
	struct pam *pam;     /* under way, or NULL */
	struct event *timer;
};

/* What a question of either kind brings. */
struct request_ask {
	uint64_t id;
	struct span service;
	struct span client;
	struct span login; /* empty: not known yet */
	int session;       /* taken; or -1 */
};

/* Of c, charged to it. NULL: it has been answered. */
struct request *request_new(struct client *c, const struct request_ask *ask);
/* It says who it is for: in lower case, as logins are looked for. */
void request_login(struct request *r, struct span login);
/* As the file has it. */
void request_login_exact(struct request *r, struct span login);
/* RFC 4616 2, RFC 5802 5.1: nobody acts for another. */
bool request_is_own(const struct request *r, struct span authzid);
void request_timer(struct request *r, uint64_t ms);
/* Its ends; r is gone, now or, where a failure is slowed down, later. */
void request_succeed(struct request *r, const char *how);
void request_fail(struct request *r);
void request_temp(struct request *r, const char *reason);
void request_free(struct request *r);
/* The exchange is too slow. */
void request_scram_late(struct request *r);

#endif

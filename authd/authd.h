/*
 * What the files of authd share: its one state, who is connected and what is
 * under way.
 */
#ifndef AUTHD_AUTHD_H
#define AUTHD_AUTHD_H

#include <sys/queue.h>

#include "authd/accounts.h"
#include "authd/hash.h"
#include "authd/memory.h"
#include "authd/throttle.h"
#include "lib/worker/worker.h"

/* questions of one link that are not answered yet */
#define AUTHD_OUTSTANDING_MAX 1000
/* exchanges of one link in which the client has to go on */
#define AUTHD_WAITING_MAX 10000
/* successful checks that are remembered */
#define AUTHD_REMEMBERED_MAX 10000

struct client {
	TAILQ_ENTRY(client) next;
	struct authd *a;
	struct ipc_link *link;
	unsigned outstanding;
	unsigned waiting;
};

struct authd {
	struct worker *w;
	int dirfd; /* folder of the accounts, until accounts takes it */
	struct accounts *accounts;
	struct hasher *hasher;
	struct memory *memory;
	struct throttle *throttle;
	struct digest_key key;
	struct digest_key salt_key; /* outlives the process */
	struct ipc_link *spawn;     /* or NULL */
	struct ipc_link *users;     /* or NULL */
	struct ipc_link *watch;     /* or NULL */
	TAILQ_HEAD(client_list, client) clients;
	TAILQ_HEAD(request_list, request) requests; /* request.c */
	TAILQ_HEAD(change_list, change) changes;    /* manage.c */
	TAILQ_HEAD(pam_list, pam) pams;             /* pam.c */
	unsigned n_pams;                            /* of them, under way */
	uint64_t last_id;  /* of sessions and of DIRECTORY_STALE */
	uint64_t stale_id; /* master works on it; 0: on none */
	uint64_t ok;
	uint64_t failed;
};

/* Before the first link. */
void authd_init(struct authd *a);
/* a->w and a->dirfd are set: the rest, threads too. */
void authd_start(struct authd *a);
/* When the worker drains and nothing is left to do: its end. */
void authd_settle(struct authd *a);
/* What an account's checks are remembered under. */
uint64_t authd_tag(const struct authd *a, struct span login);

#endif

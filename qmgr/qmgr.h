/*
 * What the files of qmgr share: its one state, and messages.
 */
#ifndef QMGR_QMGR_H
#define QMGR_QMGR_H

#include <sys/queue.h>

#include "lib/db/mark.h"
#include "lib/directory/directory.h"
#include "lib/ev/pool.h"
#include "lib/worker/worker.h"
#include "qmgr/nameset.h"
#include "qmgr/passwords.h"
#include "qmgr/store.h"

#define QMGR_BUCKETS 4096
#define QMGR_SITES   1024
#define QMGR_PARTIES 256

TAILQ_HEAD(message_list, message);
TAILQ_HEAD(site_list, site);
TAILQ_HEAD(visit_list, visit);
TAILQ_HEAD(party_list, party);
TAILQ_HEAD(errand_list, errand);

struct allowance;
struct history;
struct idle;

struct qmgr {
	struct worker *w;
	struct store store;
	struct pool *pool;
	struct directory *directory;
	struct db_boot boot;
	struct message_list buckets[QMGR_BUCKETS]; /* by queue ID */
	size_t n_messages;                         /* in memory */
	size_t n_active;                           /* of these, loaded */
	size_t n_loading;                          /* being read */
	size_t n_recorded;                         /* and in the index */
	struct idle *idle;       /* those that wait; NULL: timers do */
	struct history *history; /* NULL: none is written */
	TAILQ_HEAD(intake_list, intake) intakes; /* links to smtpd */
	TAILQ_HEAD(agent_list, agent) agents;    /* links to delivery */
	struct recover *recover;                 /* under way, or NULL */
	struct nameset ended; /* messages, while recovery lists */
	struct passwords passwords;
	struct allowance *allowance; /* of logins; NULL: none was asked for */
	struct site_list sites[QMGR_SITES]; /* by next hop */
	struct site_list turns;             /* those where a job may go */
	struct site_list paced;             /* those that wait for a rate */
	struct event *pace_timer;
	size_t n_sites;
	size_t sites_made;
	size_t n_visits;                         /* messages waiting at them */
	struct party_list parties[QMGR_PARTIES]; /* whose these are */
	struct message_list displaced; /* lost their place to wait just now */
	bool replacing;                /* they are being seen to */
	struct event *room_timer;
	bool starved; /* something waits for room at a local delivery worker */
	bool open;    /* mail is taken */
	uint64_t n_direct;
	uint64_t n_queued;
	uint64_t n_relayed; /* recipients */
	uint64_t n_bounced; /* likewise */
};

#endif

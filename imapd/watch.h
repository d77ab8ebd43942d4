/*
 * Tells sessions that a mailbox of their account has changed. One inotify
 * instance for all that one process watches; sessions of one account share what
 * is watched. A session names folders of the account that authd told, and
 * nothing else; it can cause a bounded number of watches and of waiting
 * messages, and no end.
 */
#ifndef IMAPD_WATCH_H
#define IMAPD_WATCH_H

#include <sys/queue.h>

#include <event2/event.h>

#include "lib/ev/pool.h"
#include "lib/proto/proto.h"

#define WATCH_LINKS_MAX      3000 /* sessions' connections */
#define WATCH_SUBS_MAX       32   /* mailboxes of one connection */
#define WATCH_BOXES_MAX      8192 /* in all */
#define WATCH_OF_ACCOUNT_MAX 256
#define WATCH_BUCKETS        1024

struct watch_box;
struct watch_client;

/* One connection's interest in one mailbox. */
struct watch_sub {
	TAILQ_ENTRY(watch_sub) in_box;
	TAILQ_ENTRY(watch_sub) in_client;
	TAILQ_ENTRY(watch_sub) in_dirty;
	struct watch_box *box;
	struct watch_client *client;
	bool dirty; /* is to be told */
};
TAILQ_HEAD(watch_subs, watch_sub);

/* One inotify watch; several mailboxes may meet in one folder, since a
 * mailbox can be renamed while it is watched. */
struct watch_mark {
	LIST_ENTRY(watch_mark) next;
	struct watch_box *box;
	int wd; /* -1: none */
};

struct watch_box {
	TAILQ_ENTRY(watch_box) next;
	struct watch *w;
	char *account;
	char *name;
	struct watch_mark marks[2]; /* new/, cur/ */
	struct watch_subs subs;
	bool adding; /* a thread is at it */
	/* the thread's */
	int wd[2];
	int limit; /* errno of inotify; 0: it has room */
};

struct watch_client {
	TAILQ_ENTRY(watch_client) next;
	struct watch *w;
	char *account;
	struct ipc_link *link;
	struct watch_subs subs;
	unsigned n_subs;
	bool full_told;
};

struct watch {
	/* its owner's; any of the functions may be NULL */
	struct event_base *base;
	int mail;                   /* the folder of all mailboxes; or -1 */
	const char *maildir;        /* of the one account there is; or NULL */
	ipc_closed *on_closed;      /* a session's link is about to be freed */
	void (*on_free)(void *ctx); /* there is one less */
	void *ctx;
	/* its own */
	int inotify;
	struct event *readable;
	struct event *tell;
	bool soon; /* it is due in a moment, not only for the slow */
	struct pool *pool;
	TAILQ_HEAD(, watch_box) boxes;
	TAILQ_HEAD(, watch_client) clients;
	struct watch_subs dirty;
	LIST_HEAD(watch_bucket, watch_mark) buckets[WATCH_BUCKETS];
	unsigned n_boxes;
	unsigned n_clients;
	uint64_t n_told;
	uint64_t limit_told; /* when, ms */
};

/* The owner's part is set: the rest. RC_TEMP: no inotify. */
enum rc watch_start(struct watch *w, struct why *why);

/* A session's link (fd is taken): it may name mailboxes of `account`. */
void watch_open(struct watch *w, struct span account, int fd);

/*
 * May a session name a mailbox so? "" is the inbox; else a Maildir++ folder:
 * begins with '.', no '/', no "..", at most 255 bytes.
 */
bool watch_name_ok(struct span name);

/* In watch_box.c. The connection is told of that mailbox from now on, and
 * once when it is watched. False: there are too many. */
bool watch_box_add(struct watch_client *c, struct span name);
/* And no more; nothing when it was not. */
void watch_box_remove(struct watch_client *c, struct span name);
/* Of none. */
void watch_box_leave(struct watch_client *c);
/* inotify has something to say. */
void watch_box_read(struct watch *w);
/* Those of this mailbox are to be told, in a few milliseconds. */
void watch_mark_dirty(struct watch_box *box);

#endif

/*
 * The skeleton of every worker: hello to master, set-up, giving up rights,
 * ready, event loop, drain. A worker fills struct worker_ops and calls
 * worker_main(); what it serves is its own business.
 */
#ifndef LIB_WORKER_WORKER_H
#define LIB_WORKER_WORKER_H

#include <event2/event.h>
#include <sys/resource.h>

#include "lib/conf/conf.h"
#include "lib/proto/proto.h"

/* Bits of msg_ready.layers: what holds this process. */
enum worker_layer {
	WORKER_LAYER_IDS = 1,
	WORKER_LAYER_CHROOT = 2,
	WORKER_LAYER_CAPS = 4,
	WORKER_LAYER_NO_NEW_PRIVS = 8,
	WORKER_LAYER_LANDLOCK = 16,
	WORKER_LAYER_SECCOMP = 32,
};

struct worker;

/* Any of them may be NULL. Descriptors are taken, text is borrowed. */
struct worker_ops {
	enum role role;
	bool as_root; /* as its row in workers.c */
	/* Set-up, still with master's rights. */
	void (*on_listener)(struct worker *w, struct span service, int fd);
	/* Everything is here; open what the sandbox will not let open. */
	void (*on_open)(struct worker *w);
	/* Inside the sandbox, before ready: threads, folders, indexes. */
	void (*on_start)(struct worker *w);
	/* Any time: a file that master opens. */
	void (*on_file)(struct worker *w, struct span name, int fd);
	/* Behind on_start: a channel to a peer, a snapshot. */
	void (*on_link)(struct worker *w, enum role peer, int fd);
	void (*on_directory)(struct worker *w, const char *name);
	/* The new configuration is in w->conf already. */
	void (*on_conf)(struct worker *w);
	/* Take nothing new, finish, then call worker_done(). */
	void (*on_drain)(struct worker *w);
	/* Append "key=value " pairs for `steadctl status`. */
	void (*on_status)(struct worker *w, struct buf *b);
	/* Messages from master beyond the common ones, by row; or NULL. */
	ipc_handler *const *handlers;
	/* Resource limits of the process; 0: as inherited. */
	rlim_t files_max;
};

struct worker {
	const struct worker_ops *ops;
	struct event_base *base;
	struct conf *conf; /* this role's sections only */
	struct ipc_link *master;
	uint32_t index;
	uint32_t generation;
	bool draining;
	bool stopping;    /* the whole suite stops, not only this generation */
	uint32_t channel; /* that on_link is told of, during the call; else 0 */
};

/*
 * Run as a worker whose master is at descriptor 3; returns the exit status.
 * argv[1] must be "--worker", so that nobody starts one by hand by mistake.
 */
int worker_main(const struct worker_ops *ops, int argc, char **argv);

/* The program is finished: end the event loop. */
void worker_done(struct worker *w);

/* A folder that master named in set-up, as seen from inside; bug if unknown. */
const char *worker_path(const struct worker *w, const char *name);

/*
 * A channel to a peer: `ctx` goes to handlers and on_closed. fd is taken. One
 * that master made is opened in on_link. The owner frees the link in on_closed,
 * after worker_link_closed().
 */
struct ipc_link *worker_link_new(struct worker *w, enum role peer, int fd,
    ipc_handler *const *handlers, ipc_closed *on_closed, void *ctx);

/*
 * A channel has ended. If that is not for the death of its peer (`why` is not
 * NULL) it is logged, and master told, which ends the less trusted of the two.
 */
void worker_link_closed(
    struct worker *w, const struct ipc_link *link, const struct why *why);

/*
 * A failure that no restart of a connection mends (a folder is missing):
 * logged, the process exits 1, master restarts it with back-off.
 */
void worker_fatal(struct worker *w, const struct why *why)
    __attribute__((noreturn));

#endif

/*
 * What is done for one account by a process of its own: a service gives a few
 * functions. The process has the account's rights and nothing else, but for
 * those few services that need root.
 */
#ifndef SPAWN_SERVICE_H
#define SPAWN_SERVICE_H

#include <event2/event.h>

#include "lib/base/why.h"
#include "lib/conf/conf.h"
#include "lib/db/mark.h"
#include "lib/proto/role.h"

struct forward_file; /* users/forward.h */

struct service_env {
	struct event_base *base;
	const struct conf *conf;
	const char *account; /* login */
	const char *maildir; /* absolute path of its Maildir, or NULL */
	/* absolute path of its folder of what can be made again; NULL: the
	 * service asked for none */
	const char *index;
	const char *directory; /* path of the snapshot, or NULL */
	/* what a user of the system says in ~/.forward, where the service is to
	 * heed it; or NULL */
	const struct forward_file *forward;
	struct db_boot boot; /* of the host, for what outlives a process */
	/* the last connection has ended */
	void (*on_idle)(void *ctx);
	void *ctx;
};

struct service {
	const char *name; /* "pop3" */
	enum role asker;  /* who may ask for it: AUTHD or LOCAL */
	bool has_index;
	/* Root, neither confined nor with any folder: for PAM's modules, or
	 * until `open` has become another user. */
	bool as_root;
	/* A process takes one connection, and ends with it; else one process
	 * takes all of an account. */
	bool once;
	size_t processes_max; /* of all accounts at a time; 0: no bound */
	/* Whose system calls and, of the account's folder, rights it has:
	 * SESSION, LOCAL or WATCH. */
	enum role role;
	/* Once, inside the sandbox. NULL with *why set: nothing can be served.
	 */
	void *(*open)(const struct service_env *env, struct why *why);
	/* A logged-in connection; both descriptors are taken. `watch` is a
	 * link to role WATCH (lib/proto/watch.def), or -1. */
	void (*take)(void *state, int fd, int watch);
	/* Connections being served. */
	size_t (*connections)(const void *state);
	/* The process ends, nobody is connected; NULL: nothing is to be done.
	 */
	void (*close)(void *state);
};

#endif

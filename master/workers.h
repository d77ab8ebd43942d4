/*
 * One row per kind of worker: who it is, what it may touch, whom it talks to.
 */
#ifndef MASTER_WORKERS_H
#define MASTER_WORKERS_H

#include <sys/types.h>

#include "lib/conf/conf.h"
#include "lib/proto/role.h"

#define WORKER_PATHS_MAX 4

/* A folder named to the worker; made at start, owned by the row's user. */
struct worker_path_row {
	const char *name;
	enum worker_base {
		WORKER_SPOOL,
		WORKER_STATE,
		WORKER_MAIL,
		WORKER_NET
	} base;
	const char *below; /* "" or "/auth" */
	unsigned access;   /* SANDBOX_* */
};

struct worker_row {
	enum role role;
	const char *program; /* file in libexec */
	const char *user;    /* login name of the package */
	uint32_t uid_step;   /* uid_base + this, when uid_base is set */
	uint32_t sections;   /* CONF_* it is sent */
	bool in_net;         /* chroot to the folder of the snapshot */
	bool as_root;        /* serves system users: keeps uid 0 */
	bool tls;            /* gets certificate and key */
	bool single;         /* one at a time, kept over reload (qmgr) */
	uint32_t links;      /* roles that it talks to; either side names it */
	const char *const *services;
	uint32_t (*count)(const struct conf *conf);
	struct worker_path_row paths[WORKER_PATHS_MAX];
};

extern const struct worker_row workers[];
extern const size_t workers_n;

/*
 * The row's uid and gid: by uid_base, else by name. RC_PERM when the user is
 * missing, is root, or is below nobody's business (uid 0).
 */
enum rc workers_ids(const struct worker_row *row, const struct conf *conf,
    uid_t *uid, gid_t *gid, struct why *why);

/* Absolute path of a path row, owned by the caller. */
char *workers_path(const struct worker_path_row *row, const struct conf *conf);

/* Do the two rows talk? */
bool workers_linked(const struct worker_row *a, const struct worker_row *b);

#endif

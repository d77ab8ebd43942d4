/*
 * One row per kind of worker: who it is, what it may touch, whom it talks to.
 * From the row come what master tells the worker of its confinement and what
 * `steadctl sandbox --prove` tries, so the one is the proof of the other.
 */
#ifndef LIB_WORKER_WORKERS_H
#define LIB_WORKER_WORKERS_H

#include <sys/types.h>

#include "lib/conf/conf.h"
#include "lib/sandbox/sandbox.h"

#define WORKER_PATHS_MAX 4

/* The service, and in paths.run the socket, on which sendmail submits. */
#define WORKER_LOCAL_SERVICE "local"
/* the file by which a service counts its clients (lib/census) */
#define WORKER_CENSUS "census"
/* certificates with their keys: the first, and tls.more */
#define WORKER_PAIRS_MAX    (CONF_PAIRS_MAX + 1)
#define WORKER_LOCAL_SOCKET "submit"

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
	bool as_root;        /* keeps uid 0, and is not confined: its children
				are, each as its user */
	bool tls;            /* gets certificates, keys and ticket keys */
	bool relay;          /* gets the smart host's password */
	bool single;         /* one at a time, kept over reload (qmgr) */
	uint32_t links;      /* roles that it talks to; either side names it */
	unsigned trust;      /* of two that talk, which is worth more */
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

/* What holds a worker in, as it is told by master. Owned text. */
struct workers_rights {
	bool unconfined; /* nothing does */
	bool set_ids;    /* else uid and gid stay as they are */
	uid_t uid;
	gid_t gid;
	char *chroot; /* NULL: none */
	unsigned landlock_abi;
	bool required;
	size_t n_paths;
	struct workers_right {
		char *name;
		char *path; /* as seen in the chroot */
		unsigned access;
	} paths[WORKER_PATHS_MAX];
};

/*
 * The rights of the row's worker under a master that is root, or is not; to
 * be released by workers_rights_fini() in either case. As workers_ids().
 */
enum rc workers_rights(const struct worker_row *row, const struct conf *conf,
    bool root, struct workers_rights *rights, struct why *why);
void workers_rights_fini(struct workers_rights *rights);
/* The sandbox of these rights; it borrows from them. `paths` is room. */
void workers_sandbox(enum role role, const struct workers_rights *rights,
    struct sandbox_path paths[WORKER_PATHS_MAX], struct sandbox_setup *setup);
/*
 * The sandbox of one account's process, which a child of spawn enters inside
 * spawn's own, a child of users once it is the user: the account's folder of
 * mail and, if the service has one, of indexes (else NULL). `role` (SESSION,
 * LOCAL, WATCH) says which calls, and WATCH that nothing is changed. `paths` is
 * room; the homes are borrowed.
 */
#define WORKERS_SESSION_PATHS 2
void workers_session(enum role role,
    const char *const homes[WORKERS_SESSION_PATHS], const struct conf *conf,
    struct sandbox_path paths[WORKERS_SESSION_PATHS],
    struct sandbox_setup *setup);

/* Do the two rows talk? */
bool workers_linked(const struct worker_row *a, const struct worker_row *b);

#endif

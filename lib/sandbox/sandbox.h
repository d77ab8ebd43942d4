/*
 * How a worker gives up its rights, once and for good: limits, chroot, uid,
 * capabilities, no_new_privs, Landlock, system calls, in that order. What the
 * worker needs from outside is opened before. Nothing here can be undone.
 */
#ifndef LIB_SANDBOX_SANDBOX_H
#define LIB_SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "lib/base/why.h"
#include "lib/proto/role.h"

struct sandbox_policy; /* a compiled system-call filter: policy.h */

/* What may be done below a path. From ABI 3 on, truncation needs WRITE. */
enum sandbox_access {
	SANDBOX_READ = 1,   /* read files, list folders */
	SANDBOX_WRITE = 2,  /* open files for writing, truncate */
	SANDBOX_MAKE = 4,   /* make files and folders, link, rename */
	SANDBOX_REMOVE = 8, /* unlink files, remove folders, rename away */
};

/* A folder with all below it, or one file, as seen after chroot. */
struct sandbox_path {
	const char *path;
	unsigned access; /* enum sandbox_access bits */
};

/*
 * Limits, soft and hard alike; 0 leaves what is. Whoever sets file_bytes
 * ignores SIGXFSZ. processes counts all threads of the uid, not of the worker.
 */
struct sandbox_limits {
	rlim_t descriptors;
	rlim_t file_bytes;
	rlim_t memory_bytes; /* address space: not with sanitizers */
	rlim_t processes;
};

struct sandbox_setup {
	enum role role; /* chooses the system calls; not MASTER or CTL */
	/* Limits only: a parent whose children are confined each by itself, and
	 * may not be by what a parent hands down. The rest is not looked at. */
	bool unconfined;
	bool set_ids; /* needs root */
	uid_t uid;    /* neither may be 0 */
	gid_t gid;
	const char *chroot; /* NULL: none; needs root */
	const struct sandbox_path *paths;
	size_t n_paths;
	unsigned landlock_abi_max; /* 0: no Landlock */
	bool required; /* a layer the kernel lacks is RC_PERM, not a note */
	struct sandbox_limits limits;
	const struct sandbox_policy *policy; /* NULL: compiled on entry */
	/* The parent's, in which this one is entered (a session's in spawn's):
	 * for sandbox_prove, which enters it first. NULL: none. */
	const struct sandbox_setup *within;
};

#define SANDBOX_NOTE_MAX 128

/* What is in force afterwards. */
struct sandbox_report {
	bool ids;    /* uid and gid changed, and root cannot be regained */
	bool chroot; /* */
	bool caps;   /* no capability in any set that could be used */
	bool no_new_privs;
	bool seccomp;
	unsigned landlock_abi;       /* 0: none */
	char note[SANDBOX_NOTE_MAX]; /* what is missing, or "" */
};

/*
 * Confine this process. RC_PERM: refused, or `required` and a layer is
 * missing; some rights may be gone by then, so the caller exits. It must have
 * one thread only: Landlock and the filter bind the calling thread. Threads
 * made later inherit them, but may not end by pthread_exit or cancellation
 * (libc would load a library for that). `report` is filled in either case.
 */
enum rc sandbox_enter(const struct sandbox_setup *setup,
    struct sandbox_report *report, struct why *why);

#endif

/*
 * Proof that a setup confines: every forbidden act is tried in a child that
 * entered the sandbox, and in a control child that did not. A refusal proves
 * nothing unless the control was let.
 */
#ifndef LIB_SANDBOX_PROVE_H
#define LIB_SANDBOX_PROVE_H

#include "lib/sandbox/sandbox.h"

enum sandbox_verdict {
	SANDBOX_REFUSED,     /* as it must be */
	SANDBOX_NOT_CLAIMED, /* no layer in force is meant to stop it */
	SANDBOX_LET,         /* it worked: a hole */
	SANDBOX_ODD_ERROR,   /* it failed, but not as these layers refuse */
	SANDBOX_NO_CONTROL,  /* it fails here without any sandbox, too */
	SANDBOX_NO_ENTRY,    /* sandbox_enter failed */
};

/* err: the act's errno, or the control's; 0 where it worked. */
typedef void sandbox_prove_fn(
    void *arg, const char *act, enum sandbox_verdict verdict, int err);

/*
 * Try all acts against `setup`. `outside` is the absolute path of a folder
 * that this process may write, all may search, and no path of the setup
 * covers; files are made and removed in it. Each act's verdict goes to
 * on_act. RC_OK when none is worse than NOT_CLAIMED; else RC_PERM with the
 * first one's name. Acts that only root can do are tried when we are root.
 * Forks; the process has one thread.
 */
enum rc sandbox_prove(const struct sandbox_setup *setup, const char *outside,
    sandbox_prove_fn *on_act, void *arg, struct why *why);

/* "refused"; static. */
const char *sandbox_verdict_name(enum sandbox_verdict verdict);

#endif

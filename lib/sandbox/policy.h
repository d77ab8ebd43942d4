/*
 * System-call filters, one per role, compiled from policy.def. What no row
 * allows fails with EPERM; calls of another architecture end the process.
 */
#ifndef LIB_SANDBOX_POLICY_H
#define LIB_SANDBOX_POLICY_H

#include <stdbool.h>

#include "lib/base/why.h"
#include "lib/proto/role.h"

/* Sets of roles, for policy.def and the probes. */
#define SANDBOX_OF(NAME) (1U << ROLE_##NAME)
#define SANDBOX_CONFINED                                                  \
	(SANDBOX_OF(SPAWN) | SANDBOX_OF(SMTPD) | SANDBOX_OF(QMGR) |       \
	    SANDBOX_OF(LOCAL) | SANDBOX_OF(AUTHD) | SANDBOX_OF(POP3D) |   \
	    SANDBOX_OF(SESSION) | SANDBOX_OF(IMAPD) | SANDBOX_OF(WATCH) | \
	    SANDBOX_OF(RESOLVER) | SANDBOX_OF(REMOTE))
/* accept strangers */
#define SANDBOX_FRONTS \
	(SANDBOX_OF(SMTPD) | SANDBOX_OF(POP3D) | SANDBOX_OF(IMAPD))
/* open the directory snapshot, and nothing for writing */
#define SANDBOX_READERS SANDBOX_FRONTS
/* speak to strangers first, and have no files */
#define SANDBOX_CALLERS (SANDBOX_OF(RESOLVER) | SANDBOX_OF(REMOTE))
/* have many files: a queue, mailboxes; authd has one, and little else; watch
 * finds folders and changes nothing */
#define SANDBOX_OWNERS                                            \
	(SANDBOX_CONFINED & ~SANDBOX_READERS & ~SANDBOX_CALLERS & \
	    ~SANDBOX_OF(AUTHD) & ~SANDBOX_OF(WATCH))

struct sandbox_policy;

/*
 * Compile the role's filter: 0.1 to 0.2 ms, so spawn does it once
 * for all its sessions. Owned by the caller. RC_PERM: no filter for that role
 * (MASTER, CTL), or the library failed. Not after confinement.
 */
enum rc sandbox_policy_new(
    enum role role, struct sandbox_policy **policy, struct why *why);
/* The role it was made for. */
enum role sandbox_policy_role(const struct sandbox_policy *policy);
/*
 * Bind this thread to it. Needs no_new_privs. *in_force is false, with RC_OK,
 * when the kernel has no filters; RC_PERM when it refuses this one.
 */
enum rc sandbox_policy_install(
    const struct sandbox_policy *policy, bool *in_force, struct why *why);
void sandbox_policy_free(struct sandbox_policy **policy);

#endif

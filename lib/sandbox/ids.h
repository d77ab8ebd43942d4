/*
 * The uid, the groups and the capabilities a process leaves behind.
 */
#ifndef LIB_SANDBOX_IDS_H
#define LIB_SANDBOX_IDS_H

#include <sys/types.h>

#include "lib/base/why.h"

/*
 * From root to uid and gid (neither 0), no other group, an empty bounding
 * set; checked, and checked that root cannot be had again. RC_PERM: any of
 * this failed; the process is then in no state to go on.
 */
enum rc sandbox_ids_drop(uid_t uid, gid_t gid, struct why *why);

/*
 * Empty the permitted, effective, inheritable and ambient sets and check it;
 * for a process that is not root. RC_PERM when one is not empty.
 */
enum rc sandbox_ids_no_caps(struct why *why);

#endif

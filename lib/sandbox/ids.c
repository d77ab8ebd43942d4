/*
 * Uid and capabilities: see ids.h. Capabilities by system call, so that no
 * library is needed and nothing depends on /proc, which a chroot hides.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/sandbox/ids.h"
#include "lib/base/banned.h"

#define STATUS "5.3.5"

/* A capability beyond the kernel's last answers EINVAL: the end. */
static enum rc
empty_bounding(struct why *why)
{
	for (unsigned long cap = 0;; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap, 0UL, 0UL, 0UL);

		if (has < 0)
			return RC_OK;
		if (has > 0 && prctl(PR_CAPBSET_DROP, cap, 0UL, 0UL, 0UL) < 0)
			return why_sys(
			    why, RC_PERM, STATUS, "drop capability %lu", cap);
	}
}

/* With NO_SETUID_FIXUP set, leaving uid 0 keeps every capability. */
static enum rc
check_securebits(struct why *why)
{
	int bits = prctl(PR_GET_SECUREBITS, 0UL, 0UL, 0UL, 0UL);

	if (bits < 0)
		return why_sys(why, RC_PERM, STATUS, "securebits");
	if ((bits & SECBIT_NO_SETUID_FIXUP) != 0)
		return why_set(why, RC_PERM, STATUS,
		    "securebits would keep the capabilities of root");
	if (prctl(PR_SET_KEEPCAPS, 0UL, 0UL, 0UL, 0UL) < 0)
		return why_sys(why, RC_PERM, STATUS, "keepcaps");
	return RC_OK;
}

static bool
ids_are(uid_t uid, gid_t gid)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) < 0 ||
	    getresgid(&g[0], &g[1], &g[2]) < 0)
		return false;
	for (int i = 0; i < 3; i++)
		if (u[i] != uid || g[i] != gid)
			return false;
	return getgroups(0, NULL) == 0;
}

static bool
can_be_root(void)
{
	return setresuid(0, 0, 0) == 0 || setresuid((uid_t)-1, 0, 0) == 0 ||
	       setresgid(0, 0, 0) == 0 || setgroups(0, NULL) == 0;
}

enum rc
sandbox_ids_drop(uid_t uid, gid_t gid, struct why *why)
{
	enum rc rc;

	if (uid == 0 || gid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
		return why_set(why, RC_PERM, STATUS,
		    "a worker may not run as uid %u, gid %u", uid, gid);
	rc = check_securebits(why);
	if (rc == RC_OK)
		rc = empty_bounding(why);
	if (rc != RC_OK)
		return rc;
	if (setgroups(0, NULL) < 0)
		return why_sys(why, RC_PERM, STATUS, "setgroups");
	if (setresgid(gid, gid, gid) < 0)
		return why_sys(why, RC_PERM, STATUS, "setresgid %u", gid);
	if (setresuid(uid, uid, uid) < 0)
		return why_sys(why, RC_PERM, STATUS, "setresuid %u", uid);
	if (!ids_are(uid, gid))
		return why_set(why, RC_PERM, STATUS,
		    "uid %u, gid %u did not take", uid, gid);
	rc = sandbox_ids_no_caps(why);
	if (rc != RC_OK)
		return rc;
	for (unsigned long cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0UL, 0UL, 0UL) > 0)
			return why_set(why, RC_PERM, STATUS,
			    "bounding set keeps capability %lu", cap);
	if (can_be_root())
		return why_set(why, RC_PERM, STATUS, "root could be regained");
	return RC_OK;
}

enum rc
sandbox_ids_no_caps(struct why *why)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2] = {{0}, {0}};

	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0UL, 0UL,
	    0UL); /* read back below */
	if (syscall(SYS_capset, &head, sets) < 0)
		return why_sys(why, RC_PERM, STATUS, "capset");
	if (syscall(SYS_capget, &head, sets) < 0)
		return why_sys(why, RC_PERM, STATUS, "capget");
	for (int i = 0; i < 2; i++)
		if ((sets[i].permitted | sets[i].effective |
			sets[i].inheritable) != 0)
			return why_set(
			    why, RC_PERM, STATUS, "capabilities are left over");
	for (unsigned long cap = 0; cap < 64; cap++)
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0UL,
			0UL) > 0)
			return why_set(why, RC_PERM, STATUS,
			    "ambient set keeps capability %lu", cap);
	return RC_OK;
}

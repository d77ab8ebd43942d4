/*
 * The order in which rights are given up: see sandbox.h.
 */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sandbox/ids.h"
#include "lib/sandbox/landlock.h"
#include "lib/sandbox/policy.h"
#include "lib/sandbox/sandbox.h"
#include "lib/base/banned.h"

#define STATUS "5.3.5"

static enum rc
set_limit(int what, const char *name, rlim_t n, struct why *why)
{
	struct rlimit limit = {.rlim_cur = n, .rlim_max = n};

	/* the enum is glibc's C++-minded type for the first argument */
	if (setrlimit((__rlimit_resource_t)what, &limit) < 0)
		return why_sys(why, RC_PERM, STATUS, "limit of %s", name);
	return RC_OK;
}

static enum rc
set_limits(const struct sandbox_limits *limits, struct why *why)
{
	const struct {
		int what;
		const char *name;
		rlim_t n;
	} rows[] = {
	    {RLIMIT_NOFILE, "descriptors", limits->descriptors},
	    {RLIMIT_FSIZE, "file size", limits->file_bytes},
	    {RLIMIT_AS, "memory", limits->memory_bytes},
	    {RLIMIT_NPROC, "processes", limits->processes},
	};
	enum rc rc = set_limit(RLIMIT_CORE, "core files", 0, why);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rc == RC_OK && rows[i].n != 0)
			rc = set_limit(
			    rows[i].what, rows[i].name, rows[i].n, why);
	return rc;
}

/* Each thread is a folder there. No /proc, no check. */
static bool
one_thread(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) < 0 || st.st_nlink <= 3;
}

static enum rc
enter_chroot(const char *path, struct sandbox_report *report, struct why *why)
{
	if (path == NULL)
		return RC_OK;
	if (chroot(path) < 0 || chdir("/") < 0)
		return why_sys(why, RC_PERM, STATUS, "chroot %s", path);
	report->chroot = true;
	return RC_OK;
}

/* A layer is not to be had: the caller's choice whether that is the end. */
static enum rc
missing(const char *layer, const struct sandbox_setup *setup,
    struct sandbox_report *report, struct why *why)
{
	size_t n = strlen(report->note);

	(void)snprintf(report->note + n, sizeof(report->note) - n, "%s%s",
	    n > 0 ? ", " : "", layer); /* cut is fine */
	if (!setup->required)
		return RC_OK;
	return why_set(
	    why, RC_PERM, STATUS, "sandbox: required, but %s", layer);
}

/* No core file, no ptrace by others of the uid. */
static enum rc
make_private(struct why *why)
{
	if (prctl(PR_SET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) < 0)
		return why_sys(why, RC_PERM, STATUS, "dumpable");
	return RC_OK;
}

static enum rc
leave_root(const struct sandbox_setup *setup, struct sandbox_report *report,
    struct why *why)
{
	enum rc rc = RC_OK;

	if (setup->set_ids) {
		rc = sandbox_ids_drop(setup->uid, setup->gid, why);
		report->ids = rc == RC_OK;
	}
	if (rc == RC_OK && geteuid() != 0) {
		rc = sandbox_ids_no_caps(why);
		report->caps = rc == RC_OK;
	} else if (rc == RC_OK) {
		rc = missing("still root", setup, report, why);
	}
	if (rc != RC_OK)
		return rc;
	/* a change of uid sets this again, so not before */
	if (make_private(why) != RC_OK)
		return RC_PERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) < 0)
		return why_sys(why, RC_PERM, STATUS, "no_new_privs");
	report->no_new_privs = true;
	return RC_OK;
}

static enum rc
enter_layers(const struct sandbox_setup *setup,
    const struct sandbox_policy *policy, struct sandbox_report *report,
    struct why *why)
{
	enum rc rc = sandbox_landlock_enter(setup, &report->landlock_abi, why);

	if (rc == RC_OK && report->landlock_abi == 0 &&
	    setup->landlock_abi_max > 0)
		rc = missing("no usable Landlock", setup, report, why);
	if (rc == RC_OK)
		rc = sandbox_policy_install(policy, &report->seccomp, why);
	if (rc == RC_OK && !report->seccomp)
		rc = missing("no system-call filter", setup, report, why);
	return rc;
}

enum rc
sandbox_enter(const struct sandbox_setup *setup, struct sandbox_report *report,
    struct why *why)
{
	const struct sandbox_policy *policy = setup->policy;
	struct sandbox_policy *own = NULL;
	enum rc rc = RC_OK;

	*report = (struct sandbox_report){0};
	if (setup->unconfined)
		return set_limits(&setup->limits, why) == RC_OK
			   ? make_private(why)
			   : RC_PERM;
	if (!one_thread())
		return why_set(
		    why, RC_PERM, STATUS, "other threads would stay free");
	if (policy == NULL) {
		rc = sandbox_policy_new(setup->role, &own, why);
		policy = own;
	} else if (sandbox_policy_role(policy) != setup->role) {
		rc = why_set(why, RC_PERM, STATUS, "filter of another role");
	}
	if (rc == RC_OK)
		rc = set_limits(&setup->limits, why);
	if (rc == RC_OK)
		rc = enter_chroot(setup->chroot, report, why);
	if (rc == RC_OK)
		rc = leave_root(setup, report, why);
	if (rc == RC_OK)
		rc = enter_layers(setup, policy, report, why);
	sandbox_policy_free(&own);
	return rc;
}

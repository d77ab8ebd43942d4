/* Every forbidden act, by role, Landlock ABI, uid and chroot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/sandbox/landlock.h"
#include "lib/sandbox/policy.h"
#include "lib/sandbox/prove.h"
#include "tests/unit/lib/sandbox/place.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define IDS  1U
#define ROOT 2U

static const struct row {
	const char *name;
	enum role role;
	unsigned abi;
	unsigned flags;
	unsigned claimed; /* at least so many acts are stopped */
} rows[] = {
/* clang-format off */
#define FOR_ROLE(NAME, n) \
	{#NAME " filter only", ROLE_##NAME, 0, 0, n}, \
	{#NAME " filter, Landlock 2", ROLE_##NAME, 2, 0, n + 1}, \
	{#NAME " filter, newest Landlock", ROLE_##NAME, 99, 0, n + 2}, \
	{#NAME " uid, filter", ROLE_##NAME, 0, IDS, n + 2}, \
	{#NAME " uid, filter, Landlock 2", ROLE_##NAME, 2, IDS, n + 3}, \
	{#NAME " uid, filter, newest Landlock", ROLE_##NAME, 99, IDS, n + 4},
#define FOR_CHROOT(NAME, n) FOR_ROLE(NAME, n) \
	{#NAME " all, Landlock off", ROLE_##NAME, 0, IDS | ROOT, n + 2}, \
	{#NAME " all, Landlock 2", ROLE_##NAME, 2, IDS | ROOT, n + 3}, \
	{#NAME " all", ROLE_##NAME, 99, IDS | ROOT, n + 4},
	FOR_CHROOT(SMTPD, 46)
	FOR_CHROOT(POP3D, 46)
	FOR_CHROOT(IMAPD, 46)
	FOR_ROLE(WATCH, 42)
	FOR_ROLE(AUTHD, 42)
	FOR_ROLE(QMGR, 36)
	FOR_ROLE(LOCAL, 36)
	FOR_ROLE(SESSION, 36)
	FOR_ROLE(SPAWN, 28)
	FOR_CHROOT(RESOLVER, 38)
	FOR_CHROOT(REMOTE, 38)
    /* clang-format on */
};

struct tally {
	unsigned refused;
	unsigned bad;
	unsigned no_control;
};

static void
on_act(void *arg, const char *act, enum sandbox_verdict verdict, int err)
{
	struct tally *tally = arg;

	if (getenv("SANDBOX_VERBOSE") != NULL)
		print_message("    %s: %s (%d)\n", act,
		    sandbox_verdict_name(verdict), err);
	if (verdict == SANDBOX_REFUSED)
		tally->refused++;
	else if (verdict == SANDBOX_NO_CONTROL)
		tally->no_control++;
	else if (verdict != SANDBOX_NOT_CLAIMED)
		tally->bad++;
	if (verdict > SANDBOX_NOT_CLAIMED)
		print_message("    %s: %s, errno %d\n", act,
		    sandbox_verdict_name(verdict), err);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct tally tally = {0};
	struct why why = {0};
	struct place place;
	enum rc rc;
	bool chrooted = (row->flags & ROOT) != 0;

	if (row->flags != 0 && geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
	if (row->abi > sandbox_landlock_kernel() && row->abi < 99) {
		print_message("this kernel has no such Landlock\n");
		skip();
	}
	assert_true(place_make(&place));
	struct sandbox_path paths[] = {
	    {chrooted ? "/" : place.inside, SANDBOX_READ}};
	struct sandbox_setup setup = {
	    .role = row->role,
	    .set_ids = (row->flags & IDS) != 0,
	    .uid = PLACE_UID,
	    .gid = PLACE_GID,
	    .chroot = chrooted ? place.jail : NULL,
	    .paths = paths,
	    .n_paths = 1,
	    .landlock_abi_max = row->abi,
	};

	if ((SANDBOX_CALLERS & 1U << row->role) != 0)
		setup.n_paths = 0;
	else if ((SANDBOX_READERS & 1U << row->role) == 0)
		paths[0].access |=
		    SANDBOX_WRITE | SANDBOX_MAKE | SANDBOX_REMOVE;
	rc = sandbox_prove(&setup, place.outside, on_act, &tally, &why);
	place_remove(&place);
	assert_int_equal(tally.bad, 0);
	if (tally.no_control > 0 && geteuid() != 0) {
		print_message("%u acts have no control here: %s\n",
		    tally.no_control, why.text);
		skip();
	}
	if (rc != RC_OK)
		fail_msg("%s", why.text);
	if (geteuid() == 0)
		assert_in_range(tally.refused, row->claimed, 99);
}

ROWS_MAIN(rows, check_row)

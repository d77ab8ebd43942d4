/* Links to delivery workers: which of them is given what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/qmgr/outside.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

/* ---- the rows ---- */

/* One of the old generation reads no more soon: it would lie there. */
static void
retired(void)
{
	struct ipc_link *old;

	start_remote();
	submit("x@elsewhere.example");
	assert_int_equal(t.n_jobs, 1);
	proto_send_retire(t.remote, &(struct msg_retire){1});
	settle();
	submit("y@elsewhere.example");
	assert_int_equal(t.n_jobs, 1);
	/* what it has is its own to end */
	answer(&t.jobs[0], GOOD);
	assert_int_equal(t.q.n_messages, 1);
	old = t.remote;
	start_remote();
	assert_int_equal(t.n_jobs, 2);
	ipc_link_free(&old);
	answer(&t.jobs[1], GOOD);
	assert_int_equal(t.q.n_messages, 0);
}

static const struct row {
	const char *name;
	void (*act)(void);
} rows[] = {
    {"retired", retired},
};

static void
check_row(void **state)
{
	const struct row *row = *state;

	setup();
	row->act();
	settle();
	teardown();
}

ROWS_MAIN(rows, check_row)

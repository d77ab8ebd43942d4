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

/* What is on its way to other hosts, for minutes, is no reason to wait. */
static void
room_is_local(void)
{
	const char *from = "alice@example.org";
	struct buf b;

	start_remote();
	buf_init(&b, 65536);
	for (int i = 0; i < 500; i++)
		buf_putf(&b, "%su%d@%s.example", i > 0 ? "\n" : "", i,
		    i < 250 ? "slow" : "slower");
	submit(buf_cstr(&b));
	buf_fini(&b);
	t.local_is_slow = true;
	for (int i = 1; i <= 520; i++) {
		send_commit(from, from, from, BODY);
		if (i % 40 == 0)
			settle();
	}
	settle();
	/* as many as it takes; the others are in the queue */
	assert_int_equal(t.n_local, 512);
	assert_int_equal(files(NULL, NULL, 0), 9);
	local_delivers();
	assert_int_equal(t.n_local, 520);
	assert_int_equal(files(NULL, NULL, 0), 1);
	assert_true(agent_underway(&t.q) > 256);
}

static const struct act rows[] = {
    {"retired", retired},
    {"room is local", room_is_local},
};

ROWS_MAIN(rows, check_act)

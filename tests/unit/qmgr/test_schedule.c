/* Destinations that take turns for the workers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/qmgr/outside.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static void
submit_many(int n, const char *host)
{
	struct buf b;

	buf_init(&b, 65536);
	for (int i = 0; i < n; i++)
		buf_putf(&b, "%su%d@%s", i > 0 ? "\n" : "", i, host);
	submit(buf_cstr(&b));
	buf_fini(&b);
}

static size_t
under_way_at(const char *host)
{
	size_t n = 0;

	for (size_t i = 0; i < t.n_jobs; i++)
		if (!t.jobs[i].answered &&
		    strcmp(t.jobs[i].next_hop, host) == 0)
			n += t.jobs[i].n;
	return n;
}

/* ---- the rows ---- */

/* Hosts that do not answer may not have the workers to themselves. */
static void
slow_ones_leave_room(void)
{
	char host[32];

	start_remote();
	/* more than the worker takes, if each had all it might */
	for (int i = 0; i < 20; i++) {
		(void)snprintf(host, sizeof(host), "slow%d.example", i);
		submit_many(300, host);
		assert_true(under_way_at(host) > 0);
	}
	submit("x@quick.example");
	assert_int_equal(under_way_at("quick.example"), 1);
}

/* Nor as jobs of one recipient each. */
static void
many_letters_leave_room(void)
{
	struct buf b;

	buf_init(&b, 65536);
	for (int h = 0; h < 110; h++)
		buf_putf(&b, "%sx@h%d.example", h > 0 ? "\n" : "", h);
	start_remote();
	for (int i = 0; i < 5; i++)
		submit(buf_cstr(&b));
	buf_fini(&b);
	/* so many would have filled it */
	assert_true(t.n_jobs < 512);
	submit("x@quick.example");
	assert_int_equal(under_way_at("quick.example"), 1);
}

/* What had to wait goes when there is room again, to the last of it. */
static void
all_go_in_the_end(void)
{
	size_t sent = 0;

	start_remote();
	submit_many(300, "slow.example");
	submit_many(300, "slower.example");
	submit_many(300, "slowest.example");
	for (size_t i = 0; i < t.n_jobs; i++) {
		sent += t.jobs[i].n;
		answer(&t.jobs[i], GOOD);
	}
	assert_int_equal(sent, 900);
	assert_int_equal(t.q.n_messages, 0);
	assert_int_equal(agent_room(&t.q, ROLE_REMOTE).rcpts, 2048);
}

static const struct act rows[] = {
    {"slow ones leave room", slow_ones_leave_room},
    {"many letters leave room", many_letters_leave_room},
    {"all go in the end", all_go_in_the_end},
};

ROWS_MAIN(rows, check_act)

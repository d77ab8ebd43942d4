/* What follows from a message's attempts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/qmgr/outside.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

/* So many wait for that host that the next one has to step back. */
static void
fill(const char *rcpt)
{
	const char *from = "alice@example.org";

	start_remote();
	/* five are under way */
	for (int i = 0; i < SCHEDULE_WAITS + 5; i++)
		send_commit(from, from, rcpt, BODY);
	settle();
	assert_int_equal(schedule_waiting(&t.q), SCHEDULE_WAITS);
}

static struct message *
named(const char *qid)
{
	struct message *m = message_find(&t.q, span_of(qid));

	assert_non_null(m);
	return m;
}

/* ---- the rows ---- */

static void
crowded_and_never(void)
{
	struct job *j;

	fill("x@elsewhere.example");
	submit("x@elsewhere.example\nn@other.example");
	j = &t.jobs[t.n_jobs - 1];
	assert_string_equal(j->next_hop, "other.example");
	answer(j, NEVER);
	/* its sender hears of it, though the other has not been tried */
	assert_int_equal(t.n_local, 1);
	assert_int_equal(t.q.n_bounced, 1);
	assert_int_equal(named(j->qid)->rounds, 0);
	assert_int_equal(named(j->qid)->steps, 1);
}

static void
crowded_and_later(void)
{
	struct job *j;

	fill("x@elsewhere.example");
	submit("x@elsewhere.example\nn@other.example");
	j = &t.jobs[t.n_jobs - 1];
	answer(j, LATER);
	/* not tried again in a few seconds */
	assert_int_equal(named(j->qid)->rounds, 1);
	assert_int_equal(named(j->qid)->steps, 0);
}

#define EIGHT                                                              \
	"a1@example.org\na2@example.org\na3@example.org\na4@example.org\n" \
	"a5@example.org\na6@example.org\na7@example.org\na8@example.org"

static void
few_here(void)
{
	submit(EIGHT);
	assert_int_equal(t.n_local, 8);
	assert_int_equal(t.n_batch, 0);
	assert_int_equal(t.ends, 0);
}

static void
many_here(void)
{
	submit(EIGHT "\nalice@example.org");
	assert_int_equal(t.n_local, 9);
	assert_int_equal(t.n_batch, 9);
	assert_int_equal(t.ends, 1);
}

/* Those of other hosts have no flush to share. */
static void
many_elsewhere(void)
{
	start_remote();
	submit(EIGHT "\nx@elsewhere.example\ny@elsewhere.example");
	assert_int_equal(t.n_local, 8);
	assert_int_equal(t.n_batch, 0);
	assert_int_equal(t.ends, 0);
}

static const struct act rows[] = {
    {"crowded, and one never", crowded_and_never},
    {"crowded, and one later", crowded_and_later},
    {"few here share no flush", few_here},
    {"many here share one", many_here},
    {"many, but not here", many_elsewhere},
};

ROWS_MAIN(rows, check_act)

/* Small changes of queue files, when other programs or the disk are against
 * them: what is done is not attempted again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/qmgr/outside.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

/* As a mail program does that has looked at it. */
static void
rename_to_cur(struct message *m)
{
	char from[256], to[256];

	(void)snprintf(from, sizeof(from), "%s/new/%s", t.dir, m->file);
	(void)snprintf(to, sizeof(to), "%s/cur/%s:2,S", t.dir, m->file);
	assert_int_equal(rename(from, to), 0);
}

/* ---- the rows ---- */

static void
renamed_meanwhile(void)
{
	start_index();
	start_remote();
	submit("x@elsewhere.example\nalice@example.org");
	assert_int_equal(t.n_jobs, 1);
	assert_int_equal(t.n_local, 1);
	rename_to_cur(first());
	answer(&t.jobs[0], GOOD);
	assert_int_equal(t.q.n_messages, 0);
	/* the listing finds it, and nothing to do in it */
	idle_check(&t.q);
	settle();
	assert_int_equal(t.n_jobs, 1);
	assert_int_equal(t.n_local, 1);
	assert_int_equal(t.q.n_messages, 0);
	assert_int_equal(files_in("cur", NULL, NULL, 0), 0);
}

static const struct row {
	const char *name;
	void (*act)(void);
} rows[] = {
    {"renamed meanwhile", renamed_meanwhile},
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

/* Small changes of queue files, when other programs or the disk are against
 * them: what is done is not attempted again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>

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

/* As a full or broken disk does: nothing more is written to any file. */
static void
writes_fail(bool fail)
{
	struct rlimit limit;

	assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = fail ? 0 : limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
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

static void
cannot_be_written(void)
{
	char text[1000];

	start_remote();
	submit("x@elsewhere.example\ny@other.example");
	assert_int_equal(t.n_jobs, 2);
	writes_fail(true);
	answer(&t.jobs[0], GOOD);
	answer(&t.jobs[1], LATER);
	/* its time has come: not that of who has it */
	message_wake(first());
	settle();
	assert_int_equal(t.n_jobs, 3);
	assert_string_equal(t.jobs[2].to[0], t.jobs[1].to[0]);
	answer(&t.jobs[2], LATER);
	/* nor is it lost that it was to be written */
	assert_int_equal(first()->state, MESSAGE_SAVING);
	message_on_timer(-1, EV_TIMEOUT, first());
	settle();
	assert_int_equal(first()->state, MESSAGE_SAVING);
	writes_fail(false);
	message_on_timer(-1, EV_TIMEOUT, first());
	settle();
	assert_int_equal(first()->state, MESSAGE_IDLE);
	assert_int_equal(files(NULL, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "Mailstead-To: done"));
	message_wake(first());
	settle();
	assert_int_equal(t.n_jobs, 4);
	answer(&t.jobs[3], GOOD);
	assert_int_equal(t.q.n_messages, 0);
}

static const struct act rows[] = {
    {"renamed meanwhile", renamed_meanwhile},
    {"cannot be written", cannot_be_written},
};

ROWS_MAIN(rows, check_act)

/* Files against records, while other programs move the files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/qmgr/outside.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define OTHER "cur/00000000000aaaa:2,S"
#define JUNK  600

/* "/var/tmp/relay.x/NAME", in turn in one of two */
static const char *
path_of(const char *name)
{
	static char paths[2][300];
	static int turn;
	char *path = paths[turn++ % 2];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", t.dir, name);
	return path;
}

static void
move(const char *from, const char *to)
{
	assert_int_equal(rename(path_of(from), path_of(to)), 0);
}

/* One message that waits in the index; where its file is. */
static const char *
one_waits(void)
{
	static char name[80];

	start_index();
	start_remote();
	submit("x@elsewhere.example");
	(void)snprintf(name, sizeof(name), "new/%s", first()->file);
	answer(&t.jobs[0], LATER);
	assert_int_equal(idle_records(&t.q), 1);
	assert_int_equal(t.q.n_messages, 0);
	return name;
}

/* ---- the rows ---- */

/* It was moved past the listing: that did not see its new name. */
static void
record_without_file(void)
{
	const char *name = one_waits();

	move(name, "moving");
	recover_start(&t.q);
	settle();
	assert_int_equal(idle_records(&t.q), 0);
	move("moving", OTHER);
	idle_check(&t.q);
	settle();
	assert_int_equal(t.n_jobs, 2);
}

/* The same of one that has no record yet, as after a crash. */
static void
file_without_record(void)
{
	const char *name = one_waits();
	char junk[32];

	assert_int_equal(link(path_of(name), path_of("moving")), 0);
	for (int i = 0; i < JUNK; i++) {
		int fd;

		(void)snprintf(junk, sizeof(junk), "new/a b %d", i);
		fd = open(path_of(junk), O_WRONLY | O_CREAT, 0600);
		assert_true(fd >= 0);
		io_close(&fd);
	}
	recover_start(&t.q);
	/* the first of several slices of new/ */
	(void)event_base_loop(t.w.base, EVLOOP_ONCE);
	(void)usleep(20000); /* a file system's clock ticks */
	move("moving", OTHER);
	move(OTHER, "moving");
	settle();
	assert_null(t.q.recover);
	move("moving", OTHER);
	idle_check(&t.q);
	settle();
	assert_int_equal(t.n_jobs, 2);
}

/* And when nothing moves, once is enough. */
static void
once(void)
{
	const char *name = one_waits();

	assert_non_null(name);
	recover_start(&t.q);
	settle();
	idle_check(&t.q);
	assert_null(t.q.recover);
	assert_int_equal(idle_records(&t.q), 1);
}

static const struct act rows[] = {
    {"a record without a file", record_without_file},
    {"a file without a record", file_without_record},
    {"once", once},
};

ROWS_MAIN(rows, check_act)

/* The history's writer: batches, order, a folder that is not there, too much
 * at once; and what is under way when it stops. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "qmgr/history.h"
#include "qmgr/history_file.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define DAY1 1795651199000000ULL /* 2026-11-25T23:59:59Z */
#define DAY2 1795651201000000ULL

static struct {
	struct worker w;
	struct qmgr q;
	char dir[64];
	char folder[80];
	struct buf text;
} t;

static void
turns(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		(void)event_base_loop(t.w.base, EVLOOP_NONBLOCK);
		(void)usleep(1000);
	}
}

static void
start(void)
{
	struct db_boot boot;

	db_boot_read(&boot);
	history_start(&t.q, t.folder, t.dir, &boot);
}

static void
stop(void)
{
	t.w.draining = true;
	for (int i = 0; i < 5000 && !history_stopped(&t.q); i++)
		turns(1);
	assert_true(history_stopped(&t.q));
	history_free(&t.q.history);
}

static void
add(uint64_t us, unsigned n, size_t padding)
{
	char pad[HISTORY_VALUE_MAX];
	struct buf b;

	memset(pad, 'x', sizeof(pad));
	buf_init(&b, HISTORY_LINE_MAX);
	history_line_begin(&b, us, HISTORY_DONE);
	history_line_text(&b, "id", SPAN_LIT("a"));
	history_line_number(&b, "n", n);
	history_line_text(&b, "text", span_make(pad, padding));
	history_line_end(&b);
	history_add(&t.q, us, &b);
	buf_fini(&b);
}

static const char *
text_of(uint64_t us)
{
	int dir = history_file_folder(t.folder);
	int fd = history_file_open(dir, history_file_day(us));
	struct why why;

	buf_clear(&t.text);
	if (fd >= 0)
		assert_int_equal(io_read_file(fd, &t.text, &why), RC_OK);
	io_close(&fd);
	io_close(&dir);
	return buf_cstr(&t.text);
}

/* The numbers in the lines of that day go up by one from `from`. */
static unsigned
count(uint64_t us, unsigned from)
{
	struct span rest = span_of(text_of(us));
	struct history_line l;
	char number[16];
	unsigned n = 0;

	while (rest.n > 0) {
		struct span line = span_cut(&rest, '\n');

		assert_true(history_line_parse(line, &l));
		if (l.event == HISTORY_GAP)
			continue;
		(void)snprintf(number, sizeof(number), "%u", from + n++);
		assert_true(history_line_is(&l, "n", span_of(number)));
	}
	return n;
}

static void
in_order(void)
{
	for (unsigned i = 0; i < 5000; i++) {
		add(DAY2, i, 100);
		if (i % 500 == 0)
			turns(1);
	}
	stop();
	assert_int_equal(count(DAY2, 0), 5000);
}

static void
by_days(void)
{
	add(DAY1, 0, 1);
	add(DAY2, 1, 1);
	add(DAY2, 2, 1);
	stop();
	assert_int_equal(count(DAY1, 0), 1);
	assert_int_equal(count(DAY2, 1), 2);
}

/* Without a folder nobody waits, memory is bounded, and the gap is told. */
static void
a_gap(void)
{
	unsigned n = 20000, there;
	char words[64];

	assert_int_equal(rmdir(t.folder), 0);
	for (unsigned i = 0; i < n; i++)
		add(DAY2, i, 500);
	turns(50);
	/* it is there again, and so is what had room; a line says the rest */
	assert_int_equal(mkdir(t.folder, 0700), 0);
	turns(1500);
	there = count(DAY2, 0);
	assert_true(there > 4000 && there < 9000);
	(void)snprintf(words, sizeof(words), " gap lost=%u\n", n - there);
	assert_non_null(strstr(text_of(clock_real_us()), words));
	/* and it goes on */
	add(DAY2, there, 1);
	stop();
	assert_int_equal(count(DAY2, 0), there + 1);
}

/* It stops although nothing can be written. */
static void
stops_without(void)
{
	assert_int_equal(rmdir(t.folder), 0);
	add(DAY2, 0, 1);
	stop();
}

/* A reader sees a line once it is said, not before. */
static void
is_taken(void)
{
	uint64_t now = clock_real_us();

	add(now, 0, 1);
	assert_false(history_is_taken(&t.q, history_lines(&t.q)));
	for (int i = 0; i < 2000; i++) {
		history_hurry(&t.q, history_lines(&t.q));
		turns(1);
		if (history_is_taken(&t.q, history_lines(&t.q)) &&
		    history_is_whole(&t.q))
			break;
	}
	assert_true(history_is_taken(&t.q, history_lines(&t.q)));
	assert_true(history_is_whole(&t.q));
	stop();
}

static const struct row {
	const char *name;
	void (*act)(void);
} rows[] = {
    {"in order", in_order},
    {"by days", by_days},
    {"a gap", a_gap},
    {"stops without a folder", stops_without},
    {"is taken", is_taken},
};

static int
remove_it(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void
check_row(void **state)
{
	static const struct worker_ops ops = {.role = ROLE_QMGR};
	static struct conf conf;
	const struct row *row = *state;

	memset(&t, 0, sizeof(t));
	conf.history.keep = 3650ULL * 86400 * 1000;
	t.w.ops = &ops;
	t.w.conf = &conf;
	t.w.base = event_base_new();
	t.q.w = &t.w;
	buf_init(&t.text, 64 << 20);
	(void)snprintf(t.dir, sizeof(t.dir), "/var/tmp/history.XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	(void)snprintf(t.folder, sizeof(t.folder), "%s/text", t.dir);
	assert_int_equal(mkdir(t.folder, 0700), 0);
	start();
	row->act();
	buf_fini(&t.text);
	(void)nftw(t.dir, remove_it, 8, FTW_DEPTH | FTW_PHYS);
}

ROWS_MAIN(rows, check_row)

/* The index of the queue: thousands of records, in the order of their time and
 * of their IDs, over closing and opening. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qmgr/index.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define MANY 5000

static struct {
	char dir[64];
	int fd;
	struct db_boot boot;
	struct index *x;
	bool fresh;
	struct record got[256];
	struct index_slice s;
	size_t n;
	uint64_t next;
	struct why why;
} t;

static void
open_index(void)
{
	assert_int_equal(
	    index_open(t.fd, &t.boot, &t.x, &t.fresh, &t.why), RC_OK);
}

static struct index_change
change(enum index_act act, unsigned i, uint64_t due)
{
	struct index_change c = {
	    .act = act, .r = {.line = RECORD_DUE, .due_ms = due, .rounds = i}};

	(void)snprintf(c.r.name, sizeof(c.r.name), "%015u", i);
	(void)snprintf(c.r.file, sizeof(c.r.file), "%015u:2,S", i);
	(void)snprintf(c.r.reason, sizeof(c.r.reason), "reason %u", i);
	return c;
}

static void
write_one(struct index_change c)
{
	assert_int_equal(index_write(t.x, &c, 1, &t.why), RC_OK);
}

/* The i-th is due at 1000 + (MANY - i). */
static void
fill(void)
{
	struct index_change *c = calloc(MANY, sizeof(*c));

	assert_non_null(c);
	for (unsigned i = 0; i < MANY; i++)
		c[i] = change(INDEX_PUT, i, 1000 + MANY - i);
	for (unsigned i = 0; i < MANY; i += 250)
		assert_int_equal(index_write(t.x, c + i, 250, &t.why), RC_OK);
	free(c);
	assert_int_equal(index_count(t.x), MANY);
}

static void
take(uint64_t now, size_t n)
{
	t.s = (struct index_slice){t.got, n};
	assert_int_equal(index_take(t.x, now, &t.s, &t.next, &t.why), RC_OK);
	t.n = t.s.n;
}

static struct record
get(unsigned i)
{
	struct record r = change(INDEX_PUT, i, 0).r;

	assert_int_equal(index_get(t.x, &r, 1, &t.why), RC_OK);
	return r;
}

static void
next_page(const char *after, bool held)
{
	t.s = (struct index_slice){t.got, 256};
	assert_int_equal(
	    index_after(t.x, span_of(after), held, &t.s, &t.why), RC_OK);
	t.n = t.s.n;
}

static void
taken_by_time(void)
{
	fill();
	take(1000, 10);
	assert_int_equal(t.n, 0);
	assert_int_equal(t.next, 1001);
	take(1100, 64);
	assert_int_equal(t.n, 64);
	assert_int_equal(t.got[0].rounds, MANY - 1);
	assert_int_equal(t.got[63].rounds, MANY - 64);
	assert_int_equal(t.next, 1065);
	/* not twice */
	take(1100, 64);
	assert_int_equal(t.n, 36);
	assert_int_equal(t.got[0].rounds, MANY - 65);
	assert_int_equal(t.next, 1101);
	assert_int_equal(index_count(t.x), MANY);
	assert_int_equal(get(MANY - 1).line, RECORD_OUT);
	/* what comes back has its new time only */
	write_one(change(INDEX_PUT, MANY - 1, 1050));
	take(1100, 64);
	assert_int_equal(t.n, 1);
	assert_string_equal(t.got[0].reason, "reason 4999");
	assert_string_equal(t.got[0].file, "000000000004999:2,S");
}

static void
kept_when_closed(void)
{
	fill();
	take(1010, 64);
	index_close(&t.x);
	open_index();
	assert_false(t.fresh);
	assert_int_equal(index_count(t.x), MANY);
	assert_int_equal(get(7).rounds, 7);
	assert_int_equal(get(7).due_ms, 1000 + MANY - 7);
	/* those that were in memory are due */
	take(1000, 64);
	assert_int_equal(t.n, 10);
}

static void
anew_when_not_closed(void)
{
	struct index *dead;

	fill();
	dead = t.x;
	/* its user dies: the folder is copied as it is, with an open mark */
	assert_int_equal(renameat(t.fd, "queue.1", t.fd, "kept"), 0);
	assert_int_equal(mkdirat(t.fd, "queue.1", 0700), 0);
	assert_int_equal(
	    linkat(t.fd, "kept/index.mdb", t.fd, "queue.1/index.mdb", 0), 0);
	{
		char text[200];
		int from = openat(t.fd, "kept/mark", O_RDONLY | O_CLOEXEC);
		int to = openat(
		    t.fd, "queue.1/mark", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		ssize_t n = read(from, text, sizeof(text));

		assert_true(n > 0 && write(to, text, (size_t)n) == n);
		(void)close(from);
		(void)close(to);
	}
	open_index();
	assert_true(t.fresh);
	assert_int_equal(index_count(t.x), 0);
	index_close(&dead);
	(void)unlinkat(t.fd, "kept/index.mdb", 0);
	(void)unlinkat(t.fd, "kept/mark", 0);
	assert_int_equal(unlinkat(t.fd, "kept", AT_REMOVEDIR), 0);
}

static void
pages(void)
{
	char after[STORE_NAME_MAX + 1] = "";
	size_t seen = 0;

	fill();
	do {
		next_page(after, false);
		for (size_t i = 0; i < t.n; i++)
			assert_int_equal(t.got[i].rounds, seen++);
		if (t.n > 0)
			(void)snprintf(
			    after, sizeof(after), "%s", t.got[t.n - 1].name);
	} while (t.n == 256);
	assert_int_equal(seen, MANY);
}

static void
held(void)
{
	struct index_change c = change(INDEX_PUT, 17, 1);

	fill();
	c.r.line = RECORD_HELD;
	write_one(c);
	/* neither its time, nor anybody's hurry */
	take(1000, 64);
	assert_int_equal(t.n, 0);
	c.act = INDEX_FIRST;
	write_one(c);
	take(1000, 64);
	assert_int_equal(t.n, 0);
	next_page("", true);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.got[0].rounds, 17);
	assert_int_equal(index_count(t.x), MANY);
}

static void
hurried(void)
{
	size_t all = 0;

	fill();
	write_one(change(INDEX_FIRST, 3, 0));
	take(500, 64);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.got[0].rounds, 3);
	do {
		t.n = 100;
		assert_int_equal(index_hurry(t.x, 900, &t.n, &t.why), RC_OK);
		all += t.n;
	} while (t.n > 0);
	assert_int_equal(all, MANY - 1);
	take(900, 64);
	assert_int_equal(t.n, 64);
	assert_int_equal(t.next, 900);
}

static void
files_and_records(void)
{
	struct index_change c = change(INDEX_ADD, 5, 10);

	fill();
	/* what is known keeps its time, and learns its file's name */
	(void)snprintf(c.r.file, sizeof(c.r.file), "%s", c.r.name);
	c.r.in_cur = true;
	c.r.rounds = 0;
	write_one(c);
	assert_string_equal(get(5).file, "000000000000005");
	assert_true(get(5).in_cur);
	assert_int_equal(get(5).rounds, 5);
	assert_int_equal(get(5).due_ms, 1000 + MANY - 5);
	write_one(change(INDEX_ADD, MANY, 10));
	assert_int_equal(index_count(t.x), MANY + 1);
	write_one(change(INDEX_DEL, MANY, 0));
	write_one(change(INDEX_DEL, MANY, 0));
	write_one(change(INDEX_DEL, 5, 0));
	assert_int_equal(index_count(t.x), MANY - 1);
	assert_string_equal(get(5).file, "");
	take(1000 + MANY, 256);
	assert_int_equal(t.n, 256);
}

static void
values(void)
{
	struct record r = change(INDEX_PUT, 1, 2).r, back;
	struct span name = span_of(r.name);
	struct buf b;

	r.steps = 9;
	memset(r.file, 'f', STORE_FILE_MAX);
	memset(r.reason, 'r', RECORD_REASON_MAX);
	buf_init(&b, RECORD_VALUE_MAX);
	record_put(&b, &r);
	assert_false(b.over);
	assert_true(record_get(name, buf_span(&b), &back));
	assert_string_equal(back.file, r.file);
	assert_string_equal(back.reason, r.reason);
	assert_int_equal(back.steps, 9);
	/* cut anywhere in what is fixed, or in the file's name */
	for (size_t i = 0; i < 19 + STORE_FILE_MAX; i++)
		assert_false(
		    record_get(name, span_head(buf_span(&b), i), &back));
	b.p[16] = 'x';
	assert_false(record_get(name, buf_span(&b), &back));
	buf_fini(&b);
}

static const struct row {
	const char *name;
	void (*act)(void);
} rows[] = {
    {"taken in the order of their time", taken_by_time},
    {"kept when closed", kept_when_closed},
    {"anew when its user died", anew_when_not_closed},
    {"pages", pages},
    {"held", held},
    {"hurried", hurried},
    {"files and records", files_and_records},
    {"values", values},
};

static void
check_row(void **state)
{
	const struct row *row = *state;

	memset(&t, 0, sizeof(t));
	db_boot_read(&t.boot);
	(void)snprintf(t.dir, sizeof(t.dir), "/var/tmp/index.XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	t.fd = open(t.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	open_index();
	assert_true(t.fresh);
	row->act();
	index_close(&t.x);
	(void)unlinkat(t.fd, "queue.1/index.mdb", 0);
	(void)unlinkat(t.fd, "queue.1/mark", 0);
	assert_int_equal(unlinkat(t.fd, "queue.1", AT_REMOVEDIR), 0);
	(void)close(t.fd);
	assert_int_equal(rmdir(t.dir), 0);
}

ROWS_MAIN(rows, check_row)

/* The history's files and their index: what is torn or foreign, stories by
 * address over days, taking in, old days. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "qmgr/history_take.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define D1   20261124U
#define D2   20261125U
#define D3   20261126U
#define MANY 3000

static struct {
	char dir[64];
	int fd;
	int folder;
	struct db_boot boot;
	struct history_index *x;
	bool fresh;
	struct history_file f;
	struct history_index_ask ask;
	struct history_index_at at[256];
	size_t n;
	struct history_index_line lines[256];
	struct why why;
} t;

static size_t
add(uint32_t day, const char *lines)
{
	size_t done;

	assert_int_equal(
	    history_file_add(&t.f, day, span_of(lines), &done, &t.why), RC_OK);
	assert_int_equal(done, strlen(lines));
	return done;
}

/* A line of its own, at that day. */
static void
line(uint32_t day, const char *event, const char *fields)
{
	struct buf b;

	buf_init(&b, HISTORY_LINE_MAX);
	buf_putf(
	    &b, "2026-11-%02uT10:00:00.000Z %s %s\n", day % 100, event, fields);
	(void)add(day, buf_cstr(&b));
	buf_fini(&b);
}

static size_t
read_day(uint32_t day, char *text, size_t size)
{
	int fd = history_file_open(t.folder, day);
	size_t got;

	assert_true(fd >= 0);
	assert_true(io_pread_all(fd, text, size, 0, &got));
	io_close(&fd);
	return got;
}

static void
write_raw(const char *name, const char *text)
{
	int fd = openat(
	    t.folder, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && io_write_all(fd, text, strlen(text)));
	io_close(&fd);
}

/* All steps of a run; how many there were. */
static unsigned
take(bool all, uint32_t oldest)
{
	struct history_take *run = history_take_new();
	unsigned n = 0;

	run->all = all;
	run->oldest = oldest;
	run->today = D3;
	run->job.index = t.x;
	run->job.folder = t.folder;
	do {
		history_take_step(run);
		assert_int_equal(run->job.rc, RC_OK);
		assert_true(++n < 1000);
	} while (!run->ended);
	assert_true(run->newest_taken);
	history_take_free(&run);
	return n;
}

static void
open_index(void)
{
	assert_int_equal(
	    history_index_open(t.fd, &t.boot, &t.x, &t.fresh, &t.why), RC_OK);
}

static void
ask(struct history_index_key key, bool forward, uint32_t since)
{
	t.ask = (struct history_index_ask){.key = key,
	    .forward = forward,
	    .since = since,
	    .at = {.day = forward ? 0 : UINT32_MAX}};
}

static size_t
stories(void)
{
	t.n = sizeof(t.at) / sizeof(t.at[0]);
	assert_int_equal(
	    history_index_stories(t.x, &t.ask, t.at, &t.n, &t.why), RC_OK);
	return t.n;
}

static size_t
lines_of(const char *id, uint32_t day, uint64_t at)
{
	struct history_index_slice s = {.from = {day, at},
	    .out = t.lines,
	    .n = sizeof(t.lines) / sizeof(t.lines[0])};

	assert_int_equal(
	    history_index_lines(t.x, span_of(id), &s, &t.why), RC_OK);
	return s.n;
}

/* ---- rows ---- */

static void
a_torn_line_is_ended(void)
{
	char text[256] = "";
	size_t n;

	write_raw("2026-11-26.txt", "2026-11-26T10:00:00.000Z done id=ab");
	line(D3, "done", "id=b");
	line(D3, "done", "id=c");
	n = read_day(D3, text, sizeof(text));
	assert_int_equal(text[n - 1], '\n');
	assert_non_null(strstr(text, "id=ab%torn\n2026"));
	(void)take(true, 0);
	assert_int_equal(lines_of("ab", 0, 0), 0);
	assert_int_equal(lines_of("b", 0, 0), 1);
	assert_int_equal(lines_of("c", 0, 0), 1);
}

static void
another_file_of_that_name(void)
{
	char text[256] = "";

	line(D3, "done", "id=a");
	/* as logrotate, or an administrator, would */
	assert_int_equal(
	    renameat(t.folder, "2026-11-26.txt", t.folder, "2026-11-26.txt.1"),
	    0);
	line(D3, "done", "id=b");
	(void)read_day(D3, text, sizeof(text));
	assert_null(strstr(text, "id=a"));
	assert_non_null(strstr(text, "id=b"));
}

static void
only_for_its_owner(void)
{
	struct stat st;

	line(D3, "done", "id=a");
	assert_int_equal(
	    fstatat(t.folder, "2026-11-26.txt", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
no_link_is_followed(void)
{
	size_t done;

	assert_int_equal(symlinkat("else.txt", t.folder, "2026-11-26.txt"), 0);
	assert_int_equal(
	    history_file_add(&t.f, D3, SPAN_LIT("x\n"), &done, &t.why),
	    RC_TEMP);
	assert_int_equal(done, 0);
	assert_true(faccessat(t.folder, "else.txt", F_OK, 0) < 0);
}

static void
what_is_foreign_stays(void)
{
	static const char *const foreign[] = {"2026-11-24", "2026-13-01.txt",
	    "2026-11-1.txt", "x2026-11-24.txt", "2026-11-24.txt~", "notes",
	    "20261124.txt", "2026_11_24.txt"};
	struct history_file_days list;

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		write_raw(foreign[i], "x");
	line(D1, "done", "id=a");
	line(D2, "done", "id=b");
	line(D3, "done", "id=c");
	assert_int_equal(history_file_list(t.folder, &list, &t.why), RC_OK);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.days[0], D1);
	assert_int_equal(list.days[2], D3);
	free(list.days);
	(void)take(true, 0);
	assert_int_equal(lines_of("a", 0, 0), 1);
	/* an old day goes, from the index too, and nothing else does */
	(void)take(true, D2);
	assert_int_equal(history_file_size(t.folder, D1), 0);
	assert_int_equal(lines_of("a", 0, 0), 0);
	assert_int_equal(lines_of("b", 0, 0), 1);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_int_equal(faccessat(t.folder, foreign[i], F_OK, 0), 0);
}

static void
stories_over_days(void)
{
	line(D1, "received", "id=k1 from=Anna@Example.Org");
	line(D1, "recipient", "id=k1 to=x@b account=x@b");
	line(D2, "delivered", "id=k1 to=x@b account=x@b");
	line(D2, "received", "id=k2 from=y@b");
	line(D2, "recipient", "id=k2 to=%61nna@example.org");
	line(D3, "sent", "id=k2 to=anna@example.org");
	line(D3, "refused", "id=k3 from=y@b to=anna@example.org");
	line(D3, "more", "n=7 from=anna@example.org");
	(void)take(true, 0);
	ask(history_index_address(SPAN_LIT("<anna@EXAMPLE.org>")), true, 0);
	assert_int_equal(stories(), 3);
	assert_true(t.ask.ended);
	assert_string_equal(t.at[0].id, "k1");
	assert_string_equal(t.at[1].id, "k2");
	assert_int_equal(t.at[1].day, D2);
	assert_string_equal(t.at[2].id, "k3");
	ask(t.ask.key, false, 0);
	assert_int_equal(stories(), 3);
	assert_string_equal(t.at[0].id, "k3");
	assert_int_equal(t.at[1].day, D2);
	/* from that day on it is told of there first */
	ask(t.ask.key, true, D3);
	assert_int_equal(stories(), 2);
	assert_string_equal(t.at[0].id, "k2");
	assert_int_equal(lines_of("k1", 0, 0), 3);
	assert_int_equal(t.lines[0].day, D1);
	assert_int_equal(t.lines[2].day, D2);
	assert_int_equal(lines_of("k1", D1, t.lines[1].at + 1), 1);
	assert_int_equal(lines_of("k", 0, 0), 0);
	ask(history_index_address(SPAN_LIT("anna@example.or")), true, 0);
	assert_int_equal(stories(), 0);
}

static size_t
stories_of_client(const char *said)
{
	ask(history_index_client(span_of(said)), true, 0);
	return stories();
}

static void
clients(void)
{
	line(D1, "received", "id=a client=mx.example[192.0.2.1]");
	line(D1, "received", "id=b client=[192.0.2.1]");
	line(D1, "received", "id=c client=[IPv6:2001:DB8::1]");
	line(D1, "received", "id=d client=uid:33");
	line(D1, "refused", "id=e client=[192.0.2.11]");
	(void)take(true, 0);
	assert_int_equal(stories_of_client("192.0.2.1"), 2);
	assert_int_equal(stories_of_client("[192.0.2.1]"), 2);
	assert_int_equal(stories_of_client("192.0.2.11"), 1);
	assert_int_equal(stories_of_client("2001:db8::1"), 1);
	assert_int_equal(stories_of_client("[IPv6:2001:db8::1]"), 1);
	assert_int_equal(stories_of_client("uid:33"), 1);
	assert_int_equal(stories_of_client("192.0.2.2"), 0);
	assert_int_equal(stories_of_client(""), 0);
	/* nor is a client an address */
	ask(history_index_address(SPAN_LIT("192.0.2.1")), true, 0);
	assert_int_equal(stories(), 0);
}

/* Of the format that had no clients: nobody opens it any more. */
static void
index_of_before(void)
{
	struct stat st;

	history_index_close(&t.x);
	assert_int_equal(mkdirat(t.fd, "history.1", 0700), 0);
	open_index();
	assert_int_equal(
	    fstatat(t.fd, "history.1", &st, AT_SYMLINK_NOFOLLOW), -1);
}

static void
message_ids(void)
{
	line(D2, "received", "id=k1 msgid=a%3eb@c");
	line(D3, "received", "id=k2 msgid=A@c");
	(void)take(true, 0);
	ask(history_index_message_id(SPAN_LIT("<A@c>")), true, 0);
	assert_int_equal(stories(), 1);
	assert_string_equal(t.at[0].id, "k2");
	ask(history_index_message_id(SPAN_LIT("a>b@c")), true, 0);
	assert_int_equal(stories(), 1);
	ask(history_index_message_id(SPAN_LIT("a@c")), true, 0);
	assert_int_equal(stories(), 0);
}

/* All pages, in that direction; how many stories they had. */
static size_t
page_through(bool forward)
{
	size_t seen = 0;
	char id[16];

	ask(history_index_address(SPAN_LIT("a@b")), forward, 0);
	while (!t.ask.ended) {
		(void)stories();
		for (size_t i = 0; i < t.n; i++, seen++) {
			(void)snprintf(id, sizeof(id), "n%05zu",
			    forward ? seen : MANY - 1 - seen);
			assert_string_equal(t.at[i].id, id);
		}
	}
	return seen;
}

/* One address, thousands of stories: pages of them, both ways. */
static void
pages(void)
{
	char fields[64];

	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(fields, sizeof(fields), "id=n%05u from=a@b", i);
		line(i < MANY / 2 ? D2 : D3, "received", fields);
	}
	assert_true(take(true, 0) > 3); /* in pieces */
	assert_int_equal(page_through(true), MANY);
	assert_int_equal(page_through(false), MANY);
}

/* Closed, deleted, made anew: the same. And what comes meanwhile. */
static void
made_from_the_text_only(void)
{
	line(D2, "received", "id=k1 from=a@b");
	(void)take(true, 0);
	line(D3, "received", "id=k2 from=a@b");
	history_index_close(&t.x);
	open_index();
	assert_false(t.fresh);
	ask(history_index_address(SPAN_LIT("a@b")), true, 0);
	assert_int_equal(stories(), 1);
	(void)take(false, 0);
	ask(t.ask.key, true, 0);
	assert_int_equal(stories(), 2);
	/* twice the same is once */
	(void)take(true, 0);
	assert_int_equal(lines_of("k1", 0, 0), 1);
	history_index_close(&t.x);
	assert_int_equal(db_drop(t.fd, "history.2", &t.why), RC_OK);
	open_index();
	assert_true(t.fresh);
	(void)take(true, 0);
	ask(t.ask.key, true, 0);
	assert_int_equal(stories(), 2);
}

static void
what_is_not_ended_waits(void)
{
	write_raw("2026-11-26.txt", "2026-11-26T10:00:00.000Z done id=a\n"
				    "2026-11-26T10:00:00.000Z done id=b");
	(void)take(true, 0);
	assert_int_equal(lines_of("a", 0, 0), 1);
	assert_int_equal(lines_of("b", 0, 0), 0);
	write_raw("2026-11-26.txt", "b\n");
	(void)take(false, 0);
	assert_int_equal(lines_of("bb", 0, 0), 1);
	assert_int_equal(lines_of("b", 0, 0), 0);
}

/* A power cut leaves what was not written as zeros; somebody's editor, worse */
static void
what_is_no_text_is_passed_over(void)
{
	char *zeros = calloc(1, 200000);
	int fd = openat(t.folder, "2026-11-26.txt",
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_non_null(zeros);
	assert_true(io_write_all(fd, zeros, 200000));
	free(zeros);
	io_close(&fd);
	line(D3, "done", "id=a");
	write_raw("2026-11-26.txt", "\n\nid=x\n2026 done id=y\n");
	line(D3, "done", "id=b");
	(void)take(true, 0);
	assert_int_equal(lines_of("a", 0, 0), 1);
	assert_int_equal(lines_of("b", 0, 0), 1);
	assert_int_equal(lines_of("y", 0, 0), 0);
	/* shorter than the index thinks: it is another file */
	assert_int_equal(unlinkat(t.folder, "2026-11-26.txt", 0), 0);
	line(D3, "done", "id=c");
	(void)take(true, 0);
	assert_int_equal(lines_of("a", 0, 0), 0);
	assert_int_equal(lines_of("c", 0, 0), 1);
}

/* Of an ID with a time in it, only days from then on are looked at. */
static void
days_of_ids(void)
{
	line(D1, "done", "id=1jr1jb1l4q00000");
	line(D3, "done", "id=vvvvvvvvvvvvvvv");
	(void)take(true, 0);
	/* a clock that went back by years hides nothing */
	assert_int_equal(lines_of("vvvvvvvvvvvvvvv", 0, 0), 1);
	assert_int_equal(lines_of("1jr1jb1l4q00000", 0, 0), 1);
}

static void
day_numbers(void)
{
	assert_int_equal(history_file_day(1795719600123000), D3);
	assert_int_equal(history_file_day_before(D3), D2);
	assert_int_equal(history_file_day_before(20270101), 20261231);
	assert_int_equal(history_file_day_before(20280301), 20280229);
	assert_int_equal(history_file_day(0), 19700101);
	assert_int_equal(history_file_day_before(19700101), 0);
}

static const struct row {
	const char *name;
	void (*act)(void);
} rows[] = {
    {"a torn line is ended", a_torn_line_is_ended},
    {"another file of that name", another_file_of_that_name},
    {"only for its owner", only_for_its_owner},
    {"no link is followed", no_link_is_followed},
    {"what is foreign stays", what_is_foreign_stays},
    {"stories over days", stories_over_days},
    {"Message-IDs", message_ids},
    {"clients", clients},
    {"an index of before goes", index_of_before},
    {"pages", pages},
    {"made from the text only", made_from_the_text_only},
    {"what is not ended waits", what_is_not_ended_waits},
    {"what is no text is passed over", what_is_no_text_is_passed_over},
    {"days of IDs", days_of_ids},
    {"day numbers", day_numbers},
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
	const struct row *row = *state;
	char path[128];

	memset(&t, 0, sizeof(t));
	db_boot_read(&t.boot);
	(void)snprintf(t.dir, sizeof(t.dir), "/var/tmp/history.XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	t.fd = open(t.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(t.fd, "text", 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/text", t.dir);
	t.folder = history_file_folder(path);
	t.f = (struct history_file){.folder = t.folder, .fd = -1};
	open_index();
	assert_true(t.fresh);
	row->act();
	history_index_close(&t.x);
	history_file_close(&t.f);
	(void)close(t.folder);
	(void)close(t.fd);
	(void)nftw(t.dir, remove_it, 8, FTW_DEPTH | FTW_PHYS);
}

ROWS_MAIN(rows, check_row)

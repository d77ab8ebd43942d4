/*
 * Connections of one account on a small Maildir, with a short time-out: how
 * one ends that says nothing any more, and how one that has much to do lets
 * others have their turn. Each row is what is said and done before the end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>

#include "imapd/account.h"
#include "lib/base/clock.h"
#include "tests/unit/lib/maildir/box.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define TIMEOUT_MS 300
#define PATIENCE   100 /* news before somebody should have had enough */
#define MANY       600 /* messages, which no slice of work has */

static struct {
	struct event_base *base;
	struct conf conf;
	void *account;
	int fds[2]; /* the client's ends */
	struct buf heard[2];
	bool over[2];
} t;

static void
connect_one(int i)
{
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	t.fds[i] = pair[0];
	assert_true(io_nonblock(pair[0]));
	imapd_account_take(t.account, pair[1], -1);
}

static void
say(int i, const char *text)
{
	assert_true(io_write_all(t.fds[i], text, strlen(text)));
}

static void
turn(void)
{
	(void)usleep(1000);
	(void)event_base_loop(t.base, EVLOOP_NONBLOCK);
	for (int i = 0; i < 2; i++) {
		char got[4096];
		ssize_t n;

		if (t.fds[i] < 0 || t.over[i])
			continue;
		n = read(t.fds[i], got, sizeof(got));
		if (n > 0)
			buf_put(&t.heard[i], got, (size_t)n);
		t.over[i] = n == 0;
	}
}

static bool
heard(int i, const char *text)
{
	return strstr(buf_cstr(&t.heard[i]), text) != NULL;
}

/* Another connection adds messages, one after the other. */
static void
make_news(void)
{
	connect_one(1);
	for (int n = 0; n < PATIENCE && !heard(0, "* BYE"); n++) {
		uint64_t until = clock_mono_ms() + TIMEOUT_MS / 10;

		buf_clear(&t.heard[1]);
		say(1, "n APPEND INBOX {1+}\r\nx\r\n");
		while (!heard(1, "n OK") || clock_mono_ms() < until)
			turn();
	}
	assert_true(heard(0, " EXISTS\r\n"));
	assert_true(heard(0, "* BYE"));
}

static void
make_many(void)
{
	for (int i = 0; i < MANY; i++) {
		char name[32];
		int fd;

		(void)snprintf(name, sizeof(name), "new/m%d", i);
		fd = openat(box.mail, name, O_WRONLY | O_CREAT, 0600);
		assert_true(fd >= 0 && io_write_all(fd, "a: b\n", 5));
		io_close(&fd);
	}
}

/* Files in cur/ of the folder. */
static int
count(const char *folder)
{
	char path[512];
	struct dirent *e;
	int n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/%s/cur", box.top, folder);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		n += e->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

/* Two connections, of which one has many messages before it. */
static void
begin_many(void)
{
	make_many();
	connect_one(1);
	say(0, "a SELECT INBOX\r\n");
	while (!heard(0, "a OK"))
		turn();
	assert_int_equal(count("."), MANY);
}

static void
copy_in_turns(void)
{
	begin_many();
	say(0, "b COPY 1:* Archive\r\n");
	say(1, "n NOOP\r\n");
	while (!heard(1, "n OK"))
		turn();
	assert_false(heard(0, "b OK"));
	while (!heard(0, "b OK"))
		turn();
	assert_true(heard(0, " 1:600 1:600] Copy completed"));
	assert_int_equal(count("."), MANY);
	assert_int_equal(count(".Archive"), MANY);
}

static void
move_in_turns(void)
{
	begin_many();
	say(0, "b MOVE 1:* Archive\r\n");
	while (!heard(0, "b OK"))
		turn();
	assert_true(heard(0, " 1:600 1:600] Moved\r\n"));
	assert_true(heard(0, "* 1 EXPUNGE\r\nb OK"));
	assert_int_equal(count("."), 0);
	assert_int_equal(count(".Archive"), MANY);
}

/* Nothing may be removed for copies that nobody will find. */
static void
move_to_what_goes(void)
{
	begin_many();
	say(0, "b MOVE 1:* Archive\r\n");
	while (count(".Archive") == 0)
		turn();
	assert_int_equal(
	    renameat(box.mail, ".Archive", box.mail, ".Elsewhere"), 0);
	while (!heard(0, "b "))
		turn();
	assert_true(heard(0, "b NO [NONEXISTENT]"));
	assert_int_equal(count("."), MANY);
	assert_int_equal(count(".Elsewhere"), 0);
}

static void
copy_to_what_is_deleted(void)
{
	begin_many();
	say(0, "b COPY 1:* Archive\r\n");
	say(1, "n DELETE Archive\r\n");
	while (!heard(0, "b ") || !heard(1, "n OK"))
		turn();
	assert_true(heard(0, "b NO "));
	assert_int_equal(count("."), MANY);
}

static const struct row {
	const char *name;
	const char *said;
	const char *heard; /* before the BYE */
	void (*act)(void); /* what is done before that */
} rows[] = {
    {"nothing", "", "", NULL},
    {"a command", "a NOOP\r\n", "a OK Noop completed\r\n", NULL},
    {"half a command", "a NOO", "", NULL},
    {"half a message", "a APPEND INBOX {10}\r\nhalf", "+ OK\r\n", NULL},
    {"IDLE", "a IDLE\r\n", "+ idling\r\n", NULL},
    {"IDLE, while there is news", "a SELECT INBOX\r\nb IDLE\r\n", NULL,
	make_news},
    {"a long COPY", "", NULL, copy_in_turns},
    {"a long MOVE", "", NULL, move_in_turns},
    {"MOVE to a mailbox that goes away", "", NULL, move_to_what_goes},
    {"COPY to one that is deleted", "", NULL, copy_to_what_is_deleted},
};

static void
open_account(void)
{
	struct service_env env = {
	    .account = "bob@example.org", .boot.id = "boot"};
	struct why why;

	box_make();
	t.base = event_base_new();
	t.conf.imap.timeout = TIMEOUT_MS;
	t.conf.imap.max_append = 1000;
	env.base = t.base;
	env.conf = &t.conf;
	env.maildir = box.top;
	assert_int_equal(mkdirat(box.mail, "tmp", 0700), 0);
	assert_int_equal(mkdirat(box.mail, "new", 0700), 0);
	assert_int_equal(mkdirat(box.mail, "cur", 0700), 0);
	t.account = imapd_account_open(&env, &why);
	assert_non_null(t.account);
	for (int i = 0; i < 2; i++) {
		buf_init(&t.heard[i], 1U << 20);
		t.fds[i] = -1;
		t.over[i] = false;
	}
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	const char *bye = "* BYE Nothing was heard for too long\r\n";

	open_account();
	connect_one(0);
	say(0, row->said);
	if (row->act != NULL)
		row->act();
	while (!t.over[0] || (t.fds[1] >= 0 && !t.over[1]))
		turn();
	if (row->heard != NULL) {
		struct buf want;

		buf_init(&want, 1000);
		buf_puts(&want, row->heard);
		buf_puts(&want, bye);
		assert_string_equal(buf_cstr(&t.heard[0]), buf_cstr(&want));
		buf_fini(&want);
	}
	for (int i = 0; i < 2; i++) {
		io_close(&t.fds[i]);
		buf_fini(&t.heard[i]);
	}
	while (imapd_account_connections(t.account) > 0)
		turn();
	box_remove();
}

ROWS_MAIN(rows, check_row)

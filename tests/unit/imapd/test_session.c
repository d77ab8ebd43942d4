/*
 * Connections of one account on a small Maildir, with a short time-out: how
 * one ends that says nothing any more. Each row is what is said before that.
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

static const struct row {
	const char *name;
	const char *said;
	const char *heard; /* before the BYE */
	bool news;         /* another connection makes some all the time */
} rows[] = {
    {"nothing", "", "", false},
    {"a command", "a NOOP\r\n", "a OK Noop completed\r\n", false},
    {"half a command", "a NOO", "", false},
    {"half a message", "a APPEND INBOX {10}\r\nhalf", "+ OK\r\n", false},
    {"IDLE", "a IDLE\r\n", "+ idling\r\n", false},
    {"IDLE, while there is news", "a SELECT INBOX\r\nb IDLE\r\n", NULL, true},
};

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
open_account(void)
{
	struct service_env env = {.account = "bob@example.org"};
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
	if (row->news)
		make_news();
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

/* Who may ask for which process. The processes themselves are tried by system
 * tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "imapd/account.h"
#include "lib/base/io.h"
#include "lib/log/log.h"
#include "pop3d/account.h"
#include "spawn/program.h"
#include "spawn/roster.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

/* Stand for the mailbox services', which no row here comes to. */
void *
imapd_account_open(const struct service_env *env, struct why *why)
{
	(void)env;
	(void)why;
	return NULL;
}

void
imapd_account_take(void *state, int fd, int watch)
{
	(void)state;
	io_close(&fd);
	io_close(&watch);
}

size_t
imapd_account_connections(const void *state)
{
	(void)state;
	return 0;
}

void
imapd_account_close(void *state)
{
	(void)state;
}

void *
pop3d_account_open(const struct service_env *env, struct why *why)
{
	return imapd_account_open(env, why);
}

void
pop3d_account_take(void *state, int fd, int watch)
{
	imapd_account_take(state, fd, watch);
}

size_t
pop3d_account_connections(const void *state)
{
	return imapd_account_connections(state);
}

static const struct row {
	const char *name;
	enum role asker;
	const char *service;
	bool socket;
	bool refused;
} rows[] = {
    {"authd for a mailbox", ROLE_AUTHD, "imap", true, false},
    {"local delivery for a mailbox", ROLE_LOCAL, "imap", true, true},
    {"local delivery for the other", ROLE_LOCAL, "pop3", true, true},
    {"a service that is not here", ROLE_AUTHD, "pam", true, true},
    {"no socket", ROLE_AUTHD, "imap", false, true},
};

static struct {
	struct worker_ops ops;
	struct worker w;
	unsigned refused;
} t;

static void
on_done(void *ctx, uint64_t id, const struct why *why)
{
	(void)ctx;
	assert_int_equal(id, 7);
	assert_int_equal(why->rc, RC_PERM);
	t.refused++;
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct msg_session_open open = {.id = 7,
	    .service = span_of(row->service),
	    .account = SPAN_LIT("alice@example.org"),
	    .socket = -1,
	    .watch = -1};
	int fds[2];

	t.ops.role = ROLE_SPAWN;
	t.w.ops = &t.ops;
	if (t.w.base == NULL)
		t.w.base = event_base_new();
	log_open(STDERR_FILENO, "test", LOG_ERROR, false);
	t.refused = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	if (row->socket)
		open.socket = fds[1];
	else
		io_close(&fds[1]);
	roster_open(
	    &(struct roster_asker){&t.w, row->asker, on_done, NULL}, &open);
	assert_int_equal(t.refused, row->refused);
	assert_int_equal(roster_count(), !row->refused);
	/* it ends at once: it has no folder here */
	roster_forget(NULL);
	while (roster_count() > 0) {
		event_base_loop(t.w.base, EVLOOP_NONBLOCK);
		(void)usleep(1000);
		roster_reap();
	}
	io_close(&fds[0]);
}

ROWS_MAIN(rows, check_row)

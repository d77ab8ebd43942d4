/*
 * An authd without a process: its own files on one side of socket pairs, and
 * fake peers on the other. Included by one test, behind cmocka.
 */
#ifndef TESTS_UNIT_AUTHD_WORLD_H
#define TESTS_UNIT_AUTHD_WORLD_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "authd/client.h"
#include "authd/manage.h"
#include "authd/request.h"
#include "lib/base/io.h"

#define ALICE "alice@example.org"
/* crypt(3) of "secret", by SHA-256 with few rounds: quick */
#define HASH "$5$rounds=1000$salt$"

static struct world {
	char folder[64];
	struct worker w;
	struct worker_ops ops;
	struct authd a;
	struct ipc_link *front, *ctl, *spawn, *master, *watch;
	/* the last of each, and how many came */
	unsigned results, challenges, ends, rows, stales, opens;
	unsigned rc_count[4];
	uint8_t rc;
	uint64_t id;
	char text[512], status[16], login[256], list[2048];
	uint64_t stale_id, open_id, challenge_id;
	char open_account[256];
	int session; /* at spawn */
	int told;    /* at spawn: the way to `watch`; -1: none */
	int watched; /* at watch */
	unsigned watches;
	char watch_account[256];
} w;

static struct hasher *hashers[64];
static size_t n_hashers;

static void
copy(char *to, size_t size, struct span s)
{
	assert_true(span_copy(s, to, size));
}

static void
on_result(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	w.results++;
	w.rc = msg->auth_result.rc;
	w.rc_count[w.rc & 3]++;
	w.id = msg->auth_result.id;
	copy(w.text, sizeof(w.text), msg->auth_result.text);
	copy(w.status, sizeof(w.status), msg->auth_result.status);
	copy(w.login, sizeof(w.login), msg->auth_result.login);
}

static void
on_challenge(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	w.challenges++;
	w.challenge_id = msg->sasl_challenge.id;
	copy(w.text, sizeof(w.text), msg->sasl_challenge.data);
}

static void
on_end(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	w.ends++;
	w.rc = msg->ctl_end.rc;
	copy(w.text, sizeof(w.text), msg->ctl_end.text);
}

static void
on_row(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	size_t n = strlen(w.list);

	(void)ctx;
	(void)link;
	if (w.rows++ < 4)
		(void)snprintf(w.list + n, sizeof(w.list) - n, SPAN_FMT "\n",
		    SPAN_ARG(msg->ctl_row.text));
}

static void
on_stale(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	w.stales++;
	w.stale_id = msg->directory_stale.id;
}

static void
on_open(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	w.opens++;
	w.open_id = msg->session_open.id;
	copy(w.open_account, sizeof(w.open_account), msg->session_open.account);
	io_close(&w.session);
	w.session = msg->session_open.socket;
	io_close(&w.told);
	w.told = msg->session_open.watch;
	msg->session_open.socket = msg->session_open.watch = -1;
}

static void
on_watch_open(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	w.watches++;
	copy(w.watch_account, sizeof(w.watch_account), msg->watch_open.account);
	io_close(&w.watched);
	w.watched = msg->watch_open.socket;
	msg->watch_open.socket = -1;
}

static void
on_done(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	manage_on_directory(&w.a, &msg->directory_done);
}

static ipc_handler *const peer_handlers[MSG_COUNT] = {
    [MSG_AUTH_RESULT] = on_result,
    [MSG_SASL_CHALLENGE] = on_challenge,
    [MSG_CTL_END] = on_end,
    [MSG_CTL_ROW] = on_row,
    [MSG_DIRECTORY_STALE] = on_stale,
    [MSG_SESSION_OPEN] = on_open,
    [MSG_WATCH_OPEN] = on_watch_open,
};
static ipc_handler *const own_handlers[MSG_COUNT] = {
    [MSG_DIRECTORY_DONE] = on_done,
};

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	(void)ctx;
	(void)link;
	(void)why; /* the test frees it */
}

static struct ipc_link *
peer_new(enum role self, int *fd)
{
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, pair),
	    0);
	*fd = pair[0];
	return ipc_link_new(&(struct ipc_link_args){.base = w.w.base,
	    .schema = proto_schema(),
	    .handlers = peer_handlers,
	    .on_closed = on_closed,
	    .fd = pair[1],
	    .self = self,
	    .peer = ROLE_AUTHD,
	    .phase = IPC_RUN});
}

static void
write_accounts(const char *text)
{
	char path[96];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/accounts", w.folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && io_write_all(fd, text, strlen(text)));
	io_close(&fd);
}

static void
world_begin(enum role front)
{
	struct buf errors;
	int fd;

	w = (struct world){.session = -1,
	    .told = -1,
	    .watched = -1,
	    .ops = {.role = ROLE_AUTHD}};
	(void)snprintf(w.folder, sizeof(w.folder), "/tmp/authd.XXXXXX");
	assert_non_null(mkdtemp(w.folder));
	buf_init(&errors, 4096);
	assert_int_equal(conf_load_text(SPAN_LIT("hostname: mail.example.org\n"
						 "domains: [example.org]\n"),
			     "conf", &w.w.conf, &errors),
	    RC_OK);
	buf_fini(&errors);
	w.w.ops = &w.ops;
	w.w.base = event_base_new();
	w.a.w = &w.w;
	w.a.dirfd = open(w.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	authd_init(&w.a);
	authd_start(&w.a);
	/* its threads live, and use it, as long as the process */
	assert_true(n_hashers < sizeof(hashers) / sizeof(hashers[0]));
	hashers[n_hashers++] = w.a.hasher;
	w.front = peer_new(front, &fd);
	client_new(&w.a, front, fd);
	w.ctl = peer_new(ROLE_CTL, &fd);
	client_new(&w.a, ROLE_CTL, fd);
	w.master = peer_new(ROLE_MASTER, &fd);
	w.w.master = worker_link_new(
	    &w.w, ROLE_MASTER, fd, own_handlers, on_closed, NULL);
}

/* Until something has come that was not there, or for so long. */
static bool
turn_until(const unsigned *count, unsigned want, int ms)
{
	struct timeval tv = {0, 5000};

	for (int i = 0; *count < want && i < ms / 5; i++) {
		event_base_loopexit(w.w.base, &tv);
		event_base_dispatch(w.w.base);
	}
	return *count >= want;
}

static void
world_end(void)
{
	char command[128];
	unsigned never = 0;

	ipc_link_free(&w.front);
	ipc_link_free(&w.ctl);
	ipc_link_free(&w.spawn);
	ipc_link_free(&w.watch);
	ipc_link_free(&w.master);
	for (int i = 0; i < 400 && (!TAILQ_EMPTY(&w.a.requests) ||
				       !TAILQ_EMPTY(&w.a.clients) ||
				       hash_waiting(w.a.hasher) > 0);
	     i++)
		(void)turn_until(&never, 1, 5);
	assert_true(TAILQ_EMPTY(&w.a.requests));
	assert_true(TAILQ_EMPTY(&w.a.clients));
	io_close(&w.session);
	io_close(&w.told);
	io_close(&w.watched);
	ipc_link_free(&w.a.spawn);
	ipc_link_free(&w.a.watch);
	ipc_link_free(&w.w.master);
	accounts_free(&w.a.accounts);
	memory_free(&w.a.memory);
	throttle_free(&w.a.throttle);
	conf_free(&w.w.conf);
	(void)snprintf(command, sizeof(command), "%s/accounts", w.folder);
	(void)unlink(command); /* some tests have none */
	(void)snprintf(command, sizeof(command), "%s/salt.key", w.folder);
	assert_int_equal(unlink(command), 0);
	assert_int_equal(rmdir(w.folder), 0);
}

#endif

/*
 * A front or a session at one end of a socket pair; says bytes at the other
 * and keeps what comes back.
 */
#ifndef TESTS_UNIT_POP3D_DRIVE_H
#define TESTS_UNIT_POP3D_DRIVE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "pop3d/account.h"
#include "pop3d/front.h"

struct drive {
	struct event_base *base;
	struct conf conf;
	char hostname[2];
	struct worker w;
	struct front_server server;
	void *account;
	char maildir[64];
};

static inline void
drive_file(const struct drive *d, const char *name, struct span text)
{
	char path[200];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", d->maildir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || !io_write_all(fd, text.p, text.n))
		abort();
	io_close(&fd);
}

/* Two messages; what an earlier run removed comes back. */
static inline void
drive_fill(const struct drive *d)
{
	drive_file(
	    d, "new/1l5nca91000001j.R0,S=10,W=12", SPAN_LIT("a: 1\n\n.x\ny"));
	drive_file(d, "cur/1700000000.M1P2.host:2,S", SPAN_LIT("b: 2\n\n"));
}

static const char *drive_folder;

static inline void
drive_remove(void)
{
	static const char *const names[] = {"new/1l5nca91000001j.R0,S=10,W=12",
	    "cur/1700000000.M1P2.host:2,S", "mailstead-pop3.lock", "new", "cur",
	    "tmp", ""};
	char path[200];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(
		    path, sizeof(path), "%s/%s", drive_folder, names[i]);
		(void)remove(path); /* a session may have */
	}
}

/* d is static; its folder goes away with the process. */
static inline void
drive_init(struct drive *d)
{
	static const char *const parts[] = {"", "/tmp", "/new", "/cur"};
	struct service_env env = {.conf = &d->conf, .account = "a@b"};
	struct why why;
	char path[80];

	*d = (struct drive){.base = event_base_new(),
	    .hostname = "h",
	    .maildir = "/tmp/mailstead-pop3-XXXXXX"};
	drive_folder = d->maildir;
	if (mkdtemp(d->maildir) == NULL || atexit(drive_remove) != 0)
		abort();
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		(void)snprintf(
		    path, sizeof(path), "%s%s", d->maildir, parts[i]);
		(void)mkdir(path, 0700); /* the first is there */
	}
	d->conf.hostname = d->hostname;
	d->conf.auth.allow_plaintext = true;
	d->conf.pop3.max_sessions = 1000;
	d->conf.pop3.timeout = d->conf.pop3.login_timeout = 60000;
	d->w = (struct worker){.base = d->base, .conf = &d->conf};
	d->server.ops = &front_ops;
	d->server.w = &d->w;
	TAILQ_INIT(&d->server.fronts);
	env.base = d->base;
	env.maildir = d->maildir;
	d->account = pop3d_account_open(&env, &why);
}

/* All that is said to `in`, then to its end. `session`: else to a front. */
static inline void
drive_say(struct drive *d, bool session, struct span in, struct buf *out)
{
	char chunk[4096];
	int pair[2];
	ssize_t n = 1;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
	    !io_write_all(pair[0], in.p, in.n) ||
	    shutdown(pair[0], SHUT_WR) < 0 || !io_nonblock(pair[0]))
		abort();
	if (session)
		pop3d_account_take(d->account, pair[1], -1);
	else
		front_new(&d->server, false, pair[1], NULL);
	while (n != 0) {
		(void)event_base_loop(d->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		n = read(pair[0], chunk, sizeof(chunk));
		if (n > 0)
			(void)buf_put(out, chunk, (size_t)n); /* cut: shown */
	}
	io_close(&pair[0]);
	while (
	    d->server.n_fronts > 0 || pop3d_account_connections(d->account) > 0)
		(void)event_base_loop(d->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

#endif

/* A watch and sessions' ends of its links, on mailboxes in a folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "imapd/watch.h"
#include "lib/worker/worker.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

#define ALICE "alice@example.org"
#define BOX   "example.org/alice/Maildir"

struct session {
	struct ipc_link *link;
	unsigned told;
	char last[300];
	bool closed;
};

static struct world {
	char folder[64];
	struct worker_ops ops;
	struct worker worker;
	struct watch watch;
	struct ipc_link *master;
	unsigned bad_peers;
} w;

static void
on_changed(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct session *s = ctx;

	(void)link;
	s->told++;
	assert_true(
	    span_copy(msg->watch_changed.name, s->last, sizeof(s->last)));
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct session *s = ctx;

	(void)link;
	(void)why;
	s->closed = true;
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_WATCH_CHANGED] = on_changed};
static void
on_bad_peer(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	w.bad_peers++;
	assert_int_equal(msg->bad_peer.role, ROLE_SESSION);
}

static ipc_handler *const master_handlers[MSG_COUNT] = {
    [MSG_BAD_PEER] = on_bad_peer};

static void
turn(int ms)
{
	for (int i = 0; i < ms; i++) {
		struct timeval tv = {0, 1000};

		event_base_loopexit(w.worker.base, &tv);
		event_base_dispatch(w.worker.base);
	}
}

static bool
until_told(struct session *s, unsigned n)
{
	for (int i = 0; i < 5000 && s->told < n && !s->closed; i++)
		turn(1);
	return s->told >= n;
}

static void
path_of(char *path, size_t size, const char *name)
{
	(void)snprintf(path, size, "%s/%s", w.folder, name);
}

static void
make_folder(const char *name)
{
	char path[512];

	path_of(path, sizeof(path), name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void
make_box(const char *name)
{
	static const char *const parts[] = {"", "/tmp", "/new", "/cur"};
	char path[512];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", name, parts[i]);
		make_folder(path);
	}
}

static void
put(const char *name)
{
	char path[512];
	int fd;

	path_of(path, sizeof(path), name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	io_close(&fd);
}

static void
move(const char *from, const char *to)
{
	char a[512], b[512];

	path_of(a, sizeof(a), from);
	path_of(b, sizeof(b), to);
	assert_int_equal(rename(a, b), 0);
}

static struct ipc_link *
end_new(enum role self, enum role peer, struct session *s, int *fd)
{
	int pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, pair),
	    0);
	*fd = pair[0];
	return ipc_link_new(&(struct ipc_link_args){.base = w.worker.base,
	    .schema = proto_schema(),
	    .handlers = s == NULL ? master_handlers : handlers,
	    .on_closed = on_closed,
	    .ctx = s,
	    .fd = pair[1],
	    .self = self,
	    .peer = peer,
	    .phase = IPC_RUN});
}

static void
session_open(struct session *s, const char *account)
{
	int fd;

	*s = (struct session){0};
	s->link = end_new(ROLE_SESSION, ROLE_WATCH, s, &fd);
	watch_open(&w.watch, span_of(account), fd);
}

static void
add(struct session *s, const char *name)
{
	proto_send_watch_add(s->link, &(struct msg_watch_add){span_of(name)});
}

static void
on_session_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	worker_link_closed(ctx, link, why);
}

static void
begin(void)
{
	struct why why;
	int fd;

	w = (struct world){.ops = {.role = ROLE_WATCH}};
	(void)snprintf(w.folder, sizeof(w.folder), "/tmp/watch.XXXXXX");
	assert_non_null(mkdtemp(w.folder));
	w.worker.ops = &w.ops;
	w.worker.base = event_base_new();
	w.master = end_new(ROLE_MASTER, ROLE_WATCH, NULL, &fd);
	w.worker.master = worker_link_new(
	    &w.worker, ROLE_MASTER, fd, master_handlers, on_closed, NULL);
	w.watch.base = w.worker.base;
	w.watch.on_closed = on_session_closed;
	w.watch.ctx = &w.worker;
	w.watch.mail = open(w.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(watch_start(&w.watch, &why), RC_OK);
	make_folder("example.org");
	make_folder("example.org/alice");
	make_box(BOX);
	make_box(BOX "/.Sent");
	make_folder("example.org/bob");
	make_box("example.org/bob/Maildir");
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

/* What the kernel keeps for us. */
static unsigned
count_watches(void)
{
	char path[64], line[256];
	unsigned n = 0;
	FILE *f;

	(void)snprintf(
	    path, sizeof(path), "/proc/self/fdinfo/%d", w.watch.inotify);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += span_starts(span_of(line), SPAN_LIT("inotify wd:"));
	(void)fclose(f); /* only read */
	return n;
}

/* Threads and what they use live as long as the process. */
static void
end(void)
{
	ipc_link_free(&w.worker.master);
	ipc_link_free(&w.master);
	while (pool_pending(w.watch.pool) > 0)
		turn(1);
	assert_int_equal(w.watch.n_clients, 0);
	assert_int_equal(w.watch.n_boxes, 0);
	assert_int_equal(count_watches(), 0);
	event_free(w.watch.readable);
	event_free(w.watch.tell);
	io_close(&w.watch.inotify);
	io_close(&w.watch.mail);
	assert_int_equal(
	    nftw(w.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void
leave(struct session *s)
{
	ipc_link_free(&s->link);
	turn(5);
}

static void
check_names(void **state)
{
	static const struct {
		struct span name;
		bool ok;
	} rows[] = {{SPAN_LIT(""), true}, {SPAN_LIT(".Sent"), true},
	    {SPAN_LIT(".Work.Reports"), true}, {SPAN_LIT(".\xc3\xa4"), true},
	    {SPAN_LIT("."), false}, {SPAN_LIT(".."), false},
	    {SPAN_LIT("..x"), false}, {SPAN_LIT(".x..y"), false},
	    {SPAN_LIT(".a/b"), false}, {SPAN_LIT("./x"), false},
	    {SPAN_LIT("Sent"), false}, {SPAN_LIT("/etc"), false},
	    {SPAN_LIT("new"), false}, {SPAN_LIT(".a\0b"), false}};
	char longest[257];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(watch_name_ok(rows[i].name), rows[i].ok);
	memset(longest, 'x', sizeof(longest));
	longest[0] = '.';
	assert_true(watch_name_ok(span_make(longest, 255)));
	assert_false(watch_name_ok(span_make(longest, 256)));
}

static void
check_changes(void **state)
{
	struct session s;

	(void)state;
	begin();
	session_open(&s, ALICE);
	add(&s, "");
	assert_true(until_told(&s, 1)); /* it is watched from now on */
	assert_string_equal(s.last, "");
	put(BOX "/new/1");
	assert_true(until_told(&s, 2));
	move(BOX "/new/1", BOX "/cur/1:2,");
	assert_true(until_told(&s, 3));
	move(BOX "/cur/1:2,", BOX "/cur/1:2,S");
	assert_true(until_told(&s, 4));
	add(&s, ".Sent");
	assert_true(until_told(&s, 5));
	assert_string_equal(s.last, ".Sent");
	put(BOX "/.Sent/new/1");
	assert_true(until_told(&s, 6));
	assert_string_equal(s.last, ".Sent");
	/* neither of another's, nor of what is not watched any more */
	proto_send_watch_remove(
	    s.link, &(struct msg_watch_remove){SPAN_LIT(".Sent")});
	turn(20);
	put(BOX "/.Sent/new/2");
	put("example.org/bob/Maildir/new/1");
	turn(50);
	assert_int_equal(s.told, 6);
	leave(&s);
	end();
}

static void
check_coalesced(void **state)
{
	struct session s;
	char name[64];

	(void)state;
	begin();
	session_open(&s, ALICE);
	add(&s, "");
	assert_true(until_told(&s, 1));
	for (int i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), BOX "/new/%d", i);
		put(name);
	}
	turn(50);
	assert_int_equal(s.told, 2); /* the loop stood still meanwhile */
	leave(&s);
	end();
}

static void
check_shared(void **state)
{
	struct session a, b;

	(void)state;
	begin();
	session_open(&a, ALICE);
	session_open(&b, ALICE);
	add(&a, "");
	assert_true(until_told(&a, 1));
	add(&b, "");
	assert_true(until_told(&b, 1));
	turn(20);
	assert_int_equal(w.watch.n_boxes, 1);
	assert_int_equal(count_watches(), 2);
	put(BOX "/new/1");
	assert_true(until_told(&a, 2) && until_told(&b, 2));
	leave(&a);
	put(BOX "/new/2");
	assert_true(until_told(&b, 3));
	leave(&b);
	end();
}

/* Two names for one folder, as a rename leaves them. */
static void
check_renamed(void **state)
{
	struct session s;

	(void)state;
	begin();
	session_open(&s, ALICE);
	add(&s, ".Sent");
	assert_true(until_told(&s, 1));
	move(BOX "/.Sent", BOX "/.Old");
	add(&s, ".Old");
	assert_true(until_told(&s, 2));
	proto_send_watch_remove(
	    s.link, &(struct msg_watch_remove){SPAN_LIT(".Sent")});
	turn(50);
	assert_int_equal(s.told, 2); /* nor told that the watch is gone */
	put(BOX "/.Old/new/1");
	assert_true(until_told(&s, 3));
	assert_string_equal(s.last, ".Old");
	leave(&s);
	end();
}

static void
check_gone_and_back(void **state)
{
	static const char *const parts[] = {"/new", "/cur", "/tmp", ""};
	struct session s;
	char path[512];

	(void)state;
	begin();
	session_open(&s, ALICE);
	add(&s, ".Sent");
	assert_true(until_told(&s, 1));
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(path, sizeof(path), "%s/" BOX "/.Sent%s",
		    w.folder, parts[i]);
		assert_int_equal(rmdir(path), 0);
	}
	assert_true(until_told(&s, 2));
	make_box(BOX "/.Sent");
	add(&s, ".Sent");
	assert_true(until_told(&s, 3));
	put(BOX "/.Sent/new/1");
	assert_true(until_told(&s, 4));
	leave(&s);
	end();
}

/* A name that is none ends the link, and that alone. */
static void
check_hostile_names(void **state)
{
	static const char *const names[] = {
	    "../../bob/Maildir", "..", "./x", "new", ".x/../../../bob/Maildir"};
	struct session s, good;

	(void)state;
	begin();
	session_open(&good, ALICE);
	add(&good, "");
	assert_true(until_told(&good, 1));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		session_open(&s, ALICE);
		add(&s, names[i]);
		for (int k = 0; k < 2000 && !s.closed; k++)
			turn(1);
		assert_true(s.closed);
		assert_int_equal(s.told, 0);
		leave(&s);
		assert_int_equal(w.bad_peers, i + 1);
	}
	put(BOX "/new/1");
	assert_true(until_told(&good, 2));
	leave(&good);
	end();
}

/* A link in the place of a folder leads nowhere. */
static void
check_links(void **state)
{
	static const char *const names[] = {"", ".Link"};
	struct session s;
	char path[512];

	(void)state;
	begin();
	path_of(path, sizeof(path), BOX "/.Link");
	assert_int_equal(symlink("../../bob/Maildir", path), 0);
	path_of(path, sizeof(path), "example.org/carol");
	assert_int_equal(symlink("bob", path), 0);
	make_folder("example.org/dave");
	make_box("example.org/dave/Maildir");
	path_of(path, sizeof(path), "example.org/dave/Maildir/new");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("../../bob/Maildir/new", path), 0);
	for (size_t i = 0; i < 3; i++) {
		session_open(&s, i == 0   ? ALICE
				 : i == 1 ? "carol@example.org"
					  : "dave@example.org");
		add(&s, names[i == 0]);
		assert_true(until_told(&s, 1)); /* that it may look itself */
		put("example.org/bob/Maildir/new/1");
		put("example.org/bob/Maildir/cur/1");
		turn(50);
		assert_int_equal(s.told, 1);
		path_of(path, sizeof(path), "example.org/bob/Maildir/new/1");
		assert_int_equal(unlink(path), 0);
		path_of(path, sizeof(path), "example.org/bob/Maildir/cur/1");
		assert_int_equal(unlink(path), 0);
		leave(&s);
	}
	end();
}

/* As many mailboxes as it likes: it gets so many, and the rest still works. */
static void
check_many(void **state)
{
	struct session s, other;
	char name[32];

	(void)state;
	begin();
	session_open(&s, ALICE);
	for (int i = 0; i < 2000; i++) {
		(void)snprintf(name, sizeof(name), ".x%d", i);
		add(&s, name);
		if (i % 100 == 0)
			turn(1);
	}
	turn(50);
	assert_true(!s.closed && s.told <= WATCH_SUBS_MAX);
	assert_int_equal(w.watch.n_boxes, WATCH_SUBS_MAX);
	session_open(&other, "bob@example.org");
	add(&other, "");
	assert_true(until_told(&other, 1));
	put("example.org/bob/Maildir/new/1");
	assert_true(until_told(&other, 2));
	leave(&s);
	leave(&other);
	end();
}

/* The kernel's queue runs over: everybody looks, of whatever account. */
static void
check_overflow(void **state)
{
	struct session s, noisy;
	char path[512], number[32] = "";
	int fd = open("/proc/sys/fs/inotify/max_queued_events", O_RDONLY);

	(void)state;
	assert_true(fd >= 0 && read(fd, number, sizeof(number) - 1) > 0);
	io_close(&fd);
	begin();
	session_open(&s, "bob@example.org");
	add(&s, "");
	assert_true(until_told(&s, 1));
	session_open(&noisy, ALICE);
	add(&noisy, "");
	assert_true(until_told(&noisy, 1));
	path_of(path, sizeof(path), BOX "/new/1");
	for (long i = strtol(number, NULL, 10) / 2 + 10; i > 0; i--) {
		put(BOX "/new/1");
		assert_int_equal(unlink(path), 0);
	}
	assert_true(until_told(&s, 2));
	leave(&noisy);
	leave(&s);
	end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(check_names),
	    cmocka_unit_test(check_changes), cmocka_unit_test(check_coalesced),
	    cmocka_unit_test(check_shared), cmocka_unit_test(check_renamed),
	    cmocka_unit_test(check_gone_and_back),
	    cmocka_unit_test(check_hostile_names),
	    cmocka_unit_test(check_links), cmocka_unit_test(check_many),
	    cmocka_unit_test(check_overflow)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

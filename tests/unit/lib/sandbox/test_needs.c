/* What each role needs still works, and a filter's own limits hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/base/io.h"
#include "lib/sandbox/landlock.h"
#include "lib/sandbox/policy.h"
#include "tests/unit/lib/sandbox/world.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static void *
work(void *arg)
{
	char *volatile p = malloc(100000);

	free(p);
	*(int *)arg = 1;
	return NULL;
}

static int
need_threads(void)
{
	pthread_t t[3];
	int done[3] = {0};

	for (int i = 0; i < 3; i++)
		NEED(pthread_create(&t[i], NULL, work, &done[i]) == 0);
	for (int i = 0; i < 3; i++)
		NEED(pthread_join(t[i], NULL) == 0 && done[i] == 1);
	return 0;
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(int *)arg = 1;
}

static int
need_loop(void)
{
	struct event_base *base = event_base_new();
	struct timeval soon = {0, 1000};
	struct event *timer, *sig;
	int fired = 0, heard = 0;

	NEED(base != NULL);
	timer = evtimer_new(base, on_timer, &fired);
	sig = evsignal_new(base, SIGUSR1, on_timer, &heard);
	NEED(evsignal_add(sig, NULL) == 0 && evtimer_add(timer, &soon) == 0);
	NEED(raise(SIGUSR1) == 0);
	while (!fired || !heard)
		NEED(event_base_loop(base, EVLOOP_ONCE) == 0);
	return 0;
}

static int
need_common(void)
{
	struct tm tm;
	time_t now = time(NULL);
	int rc = need_threads();
	char buf[16];

	NEED(rc == 0);
	NEED(localtime_r(&now, &tm) != NULL);
	io_random(buf, sizeof(buf));
	NEED(syscall(SYS_clone3, NULL, 0UL) < 0 && errno == ENOSYS);
	return 0;
}

static int
need_snapshot(void)
{
	char path[128];
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_val key = {1, (void *)(uintptr_t) "k"}, val;

	(void)snprintf(path, sizeof(path), "%s/snapshot", w.place.inside);
	NEED(mdb_env_create(&env) == 0);
	NEED(mdb_env_open(env, path,
		 MDB_RDONLY | MDB_NOLOCK | MDB_NOSUBDIR | MDB_NOTLS, 0) == 0);
	NEED(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0);
	NEED(mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
	NEED(mdb_get(txn, dbi, &key, &val) == 0 && val.mv_size == 1);
	mdb_txn_abort(txn);
	mdb_env_close(env);
	return 0;
}

static int
need_handshake(void)
{
	SSL *s = SSL_new(w.server), *c = SSL_new(w.client);
	int fd[2] = {w.caller, accept4(w.listener, NULL, NULL, SOCK_CLOEXEC)};
	int on = 1, done = 0;

	NEED(fd[1] >= 0 && io_nonblock(fd[0]) && io_nonblock(fd[1]));
	NEED(setsockopt(fd[1], IPPROTO_TCP, 1, &on, sizeof(on)) == 0);
	NEED(SSL_set_fd(c, fd[0]) == 1 && SSL_set_fd(s, fd[1]) == 1);
	for (int i = 0; i < 10000 && done != 2; i++)
		done = (SSL_connect(c) == 1) + (SSL_accept(s) == 1);
	NEED(done == 2);
	return 0;
}

static int
need_deposit(void)
{
	char proc[32], sub[128];
	int dir = open(w.place.inside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = open(w.place.inside, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	NEED(dir >= 0 && fd >= 0 && io_write_all(fd, "mail", 4));
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	NEED(mkdirat(dir, "new", 0700) == 0 && mkdirat(dir, "cur", 0700) == 0);
	NEED(linkat(AT_FDCWD, proc, dir, "new/1", AT_SYMLINK_FOLLOW) == 0);
	NEED(fsync(fd) == 0 && syncfs(fd) == 0);
	NEED(renameat(dir, "new/1", dir, "cur/1") == 0);
	NEED(linkat(dir, "cur/1", dir, "new/2", 0) == 0);
	NEED(unlinkat(dir, "cur/1", 0) == 0);
	NEED(unlinkat(dir, "cur", AT_REMOVEDIR) == 0);
	(void)snprintf(sub, sizeof(sub), "%s/cache", w.place.inside);
	return w.setup.role == ROLE_LOCAL ? 0 : make_cache(sub);
}

/* as authd changes its accounts: beside the old file, then over it */
static int
need_replace(void)
{
	int dir = w.folder;
	int fd = openat(dir, "accounts.new",
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	NEED(fd >= 0 && io_write_all(fd, "a", 1));
	NEED(fsync(fd) == 0);
	NEED(renameat(dir, "accounts.new", dir, "accounts") == 0);
	NEED(fsync(dir) == 0);
	NEED(fstatat(dir, "accounts", &st, AT_SYMLINK_NOFOLLOW) == 0);
	NEED(unlinkat(dir, "accounts", 0) == 0);
	return 0;
}

static int
need_seals(void)
{
	int fd = memfd_create("mail", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	NEED(fd >= 0 && io_write_all(fd, "mail", 4));
	NEED(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0);
	NEED(write(fd, "x", 1) < 0);
	return 0;
}

static int
need_pair(void)
{
	int fd[2];

	NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) == 0);
	return 0;
}

/* Folders found inside, and named to inotify by their descriptor. */
static int
need_inotify(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), wd;
	int dir = open(
	    w.place.inside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char proc[32];

	NEED(fd >= 0 && dir >= 0);
	(void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", dir);
	wd = inotify_add_watch(fd, proc, IN_CREATE | IN_ONLYDIR);
	NEED(wd >= 0);
	NEED(inotify_rm_watch(fd, wd) == 0);
	return 0;
}

/* A session enters its own sandbox inside spawn's, and still works. */
static int
need_session(void)
{
	struct sandbox_report report;
	int status = -1;
	pid_t pid = fork();

	NEED(pid >= 0);
	if (pid == 0) {
		w.setup.role = ROLE_SESSION;
		w.setup.set_ids = geteuid() == 0;
		if (sandbox_enter(&w.setup, &report, NULL) != RC_OK)
			_exit(251);
		status = need_common();
		_exit(status != 0 ? status : need_deposit());
	}
	NEED(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
call_x32(void)
{
	(void)syscall(0x40000000 + SYS_getpid);
	return 0;
}

static int
raise_abort(void)
{
	abort();
}

static int
kept_by_spawn(void)
{
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0UL, 0UL, 0UL, 0UL) == 1);
	NEED(prctl(PR_GET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) == 0);
	NEED(w.report.no_new_privs && w.report.seccomp);
	return 0;
}

#define SIGNALLED(sig) (1000 + (sig))
#define REFUSED        2000 /* sandbox_enter said no */

struct row {
	const char *name;
	enum role role;
	int (*need)(void);
	int expect;
	int (*before)(void);
};

static int
need_limits(void)
{
	struct rlimit now;

	NEED(getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_max == 0);
	NEED(getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_max == 77);
	return 0;
}

static int
limit_files(void)
{
	w.setup.limits.descriptors = 77;
	return 0;
}

static int
open_folder(void)
{
	w.folder = open(w.place.inside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return w.folder < 0;
}

static int
ask_root(void)
{
	w.setup.uid = 0;
	w.setup.set_ids = true;
	return 0;
}

static int
keep_caps(void)
{
	w.setup.set_ids = true;
	return prctl(PR_SET_SECUREBITS, (unsigned long)SECBIT_NO_SETUID_FIXUP,
	    0UL, 0UL, 0UL);
}

static void *
stay(void *arg)
{
	(void)arg;
	for (;;)
		(void)pause(); /* until the process ends */
	return NULL;
}

static int
start_thread(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, stay, NULL);
}

static const struct row rows[] = {
    {"smtpd: threads, time", ROLE_SMTPD, need_common, 0, NULL},
    {"smtpd: event loop", ROLE_SMTPD, need_loop, 0, NULL},
    {"smtpd: directory", ROLE_SMTPD, need_snapshot, 0, NULL},
    {"smtpd: accept and TLS", ROLE_SMTPD, need_handshake, 0, NULL},
    {"smtpd: sealed memory file", ROLE_SMTPD, need_seals, 0, NULL},
    {"authd: threads, time", ROLE_AUTHD, need_common, 0, NULL},
    {"authd: event loop", ROLE_AUTHD, need_loop, 0, NULL},
    {"authd: socket pair", ROLE_AUTHD, need_pair, 0, NULL},
    {"authd: file of accounts", ROLE_AUTHD, need_replace, 0, open_folder},
    {"pop3d: threads, time", ROLE_POP3D, need_common, 0, NULL},
    {"pop3d: event loop", ROLE_POP3D, need_loop, 0, NULL},
    {"pop3d: accept and TLS", ROLE_POP3D, need_handshake, 0, NULL},
    {"pop3d: socket pair", ROLE_POP3D, need_pair, 0, NULL},
    {"imapd: event loop", ROLE_IMAPD, need_loop, 0, NULL},
    {"imapd: accept and TLS", ROLE_IMAPD, need_handshake, 0, NULL},
    {"imapd: socket pair", ROLE_IMAPD, need_pair, 0, NULL},
    {"watch: threads, time", ROLE_WATCH, need_common, 0, NULL},
    {"watch: event loop", ROLE_WATCH, need_loop, 0, NULL},
    {"watch: inotify", ROLE_WATCH, need_inotify, 0, NULL},
    {"qmgr: threads, time", ROLE_QMGR, need_common, 0, NULL},
    {"qmgr: event loop", ROLE_QMGR, need_loop, 0, NULL},
    {"qmgr: queue and cache", ROLE_QMGR, need_deposit, 0, NULL},
    {"qmgr: sealed memory file", ROLE_QMGR, need_seals, 0, NULL},
    {"local: threads, time", ROLE_LOCAL, need_common, 0, NULL},
    {"local: event loop", ROLE_LOCAL, need_loop, 0, NULL},
    {"local: deposit", ROLE_LOCAL, need_deposit, 0, NULL},
    {"session: threads, time", ROLE_SESSION, need_common, 0, NULL},
    {"session: event loop", ROLE_SESSION, need_loop, 0, NULL},
    {"session: mailbox and cache", ROLE_SESSION, need_deposit, 0, NULL},
    {"spawn: a session in its own", ROLE_SPAWN, need_session, 0, NULL},
    {"spawn: report", ROLE_SPAWN, kept_by_spawn, 0, NULL},
    {"x32 call ends it", ROLE_SMTPD, call_x32, SIGNALLED(SIGSYS), NULL},
    {"abort still aborts", ROLE_QMGR, raise_abort, SIGNALLED(SIGABRT), NULL},
    {"limits", ROLE_LOCAL, need_limits, 0, limit_files},
    {"uid 0 refused", ROLE_SMTPD, NULL, REFUSED, ask_root},
    {"kept capabilities refused", ROLE_SMTPD, NULL, REFUSED, keep_caps},
    {"second thread refused", ROLE_SMTPD, NULL, REFUSED, start_thread},
    {"master is not confined", ROLE_MASTER, NULL, REFUSED, NULL},
    {"steadctl is not confined", ROLE_CTL, NULL, REFUSED, NULL},
};

static int
run_child(const struct row *row)
{
	struct why why = {0};

	tzset();
	(void)alarm(20); /* a test that hangs has failed */
	if (row->before != NULL && row->before() != 0)
		return 252;
	if (sandbox_enter(&w.setup, &w.report, &why) != RC_OK) {
		if (row->expect != REFUSED)
			print_message("%s\n", why.text);
		return 250;
	}
	return row->need == NULL ? 253 : row->need();
}

static int
outcome(const struct row *row)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run_child(row));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return SIGNALLED(WTERMSIG(status));
	return WEXITSTATUS(status) == 250 ? REFUSED : WEXITSTATUS(status);
}

static void
check_one(const struct row *row, unsigned abi)
{
	static struct sandbox_path paths[1];
	char path[128];
	bool owner =
	    (SANDBOX_READERS & 1U << row->role) == 0 && row->role != ROLE_WATCH;
	int got;

	w = (struct world){0};
	assert_true(place_make(&w.place));
	(void)snprintf(path, sizeof(path), "%s/snapshot", w.place.inside);
	assert_int_equal(make_cache(path), 0);
	make_tls();
	make_listener();
	paths[0] = (struct sandbox_path){w.place.inside,
	    SANDBOX_READ |
		(owner ? SANDBOX_WRITE | SANDBOX_MAKE | SANDBOX_REMOVE : 0)};
	w.setup = (struct sandbox_setup){.role = row->role,
	    .set_ids = geteuid() == 0 && row->role != ROLE_SPAWN,
	    .uid = PLACE_UID,
	    .gid = PLACE_GID,
	    .paths = paths,
	    .n_paths = 1,
	    .landlock_abi_max = abi};
	got = outcome(row);
	SSL_CTX_free(w.server);
	SSL_CTX_free(w.client);
	X509_free(w.cert);
	EVP_PKEY_free(w.key);
	io_close(&w.listener);
	io_close(&w.caller);
	place_remove(&w.place);
	if (got != row->expect)
		fail_msg("Landlock %u: %d, not %d", abi, got, row->expect);
}

static void
check_row(void **state)
{
	const struct row *row = *state;

	if (row->before == keep_caps && geteuid() != 0) {
		print_message("needs root\n");
		skip();
	}
	check_one(row, 0);
	check_one(row, 2);
	check_one(row, 99);
}

ROWS_MAIN(rows, check_row)

/* How a cache's user ends, what befalls it then, and what the next one finds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/lib/db/place.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define RECORDS 5000
#define PAGE    4096

enum end {
	CLEAN,
	CLOSED,
	EXITED,
	KILLED,
	KILLED_INSIDE
};

/* What the next one may find. */
enum finds {
	KEPT,
	FRESH,
	FOREIGN,
	EITHER, /* or die by a signal: the one after it then finds nothing */
};

static void
spoil(const char *name, const char *what, off_t at, off_t n)
{
	char path[128], text[PAGE];
	struct stat st;
	int fd;

	place_path(path, sizeof(path), name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	if (n == 0)
		n = st.st_size - at;
	if (strcmp(what, "cut") == 0)
		assert_int_equal(
		    ftruncate(fd, at < 0 ? st.st_size + at : at), 0);
	for (off_t i = 0; strcmp(what, "cut") != 0 && i < n; i += PAGE) {
		if (strcmp(what, "random") == 0)
			io_random(text, sizeof(text));
		else
			memset(text, what[0], sizeof(text));
		assert_int_equal(
		    pwrite(fd, text, (size_t)(n - i > PAGE ? PAGE : n - i),
			at + i),
		    n - i > PAGE ? PAGE : n - i);
	}
	io_close(&fd);
}

static void
empty(void)
{
	spoil("index.mdb", "cut", 0, 0);
}

static void
one_page(void)
{
	spoil("index.mdb", "cut", PAGE, 0);
}

static void
half_a_page_less(void)
{
	spoil("index.mdb", "cut", -PAGE / 2, 0);
}

static void
cut_in_half(void)
{
	spoil("index.mdb", "cut", 40 * PAGE, 0);
}

static void
all_random(void)
{
	spoil("index.mdb", "random", 0, 0);
}

static void
head_random(void)
{
	spoil("index.mdb", "random", 0, 2 * PAGE);
}

static void
second_meta_zero(void)
{
	spoil("index.mdb", "\0", PAGE, PAGE);
}

static void
tree_random(void)
{
	spoil("index.mdb", "random", 2 * PAGE, 0);
}

static void
tree_zero(void)
{
	spoil("index.mdb", "\0", 2 * PAGE, 0);
}

static void
tree_ones(void)
{
	spoil("index.mdb", "\377", 2 * PAGE, 0);
}

static void
page_headers(void)
{
	for (off_t at = 2 * PAGE; at < 100 * PAGE; at += PAGE)
		spoil("index.mdb", "random", at + 8, 8);
}

static void
file_gone(void)
{
	char path[128];

	place_path(path, sizeof(path), "index.mdb");
	assert_int_equal(unlink(path), 0);
}

static void
file_is_link(void)
{
	char path[128];

	file_gone();
	place_path(path, sizeof(path), "index.mdb");
	assert_int_equal(symlink("/etc/passwd", path), 0);
}

static void
file_is_pipe(void)
{
	char path[128];

	file_gone();
	place_path(path, sizeof(path), "index.mdb");
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void
mark_empty(void)
{
	spoil("mark", "cut", 0, 0);
}

static void
mark_random(void)
{
	spoil("mark", "random", 0, 100);
}

static void
mark_cut(void)
{
	spoil("mark", "cut", -1, 0);
}

static void
mark_gone(void)
{
	char path[128];

	place_path(path, sizeof(path), "mark");
	assert_int_equal(unlink(path), 0);
}

static const struct row {
	const char *name;
	enum end end;
	enum finds finds;
	const char *boot;   /* the next one's; NULL: the same */
	const char *format; /* likewise */
	void (*spoil)(void);
} rows[] = {
    {"clean", CLEAN, KEPT, NULL, NULL, NULL},
    {"closed", CLOSED, KEPT, NULL, NULL, NULL},
    {"clean, another boot", CLEAN, KEPT, "other", NULL, NULL},
    {"closed, another boot", CLOSED, FRESH, "other", NULL, NULL},
    {"closed, boot not known", CLOSED, FRESH, "", NULL, NULL},
    {"exited", EXITED, FRESH, NULL, NULL, NULL},
    {"killed", KILLED, FRESH, NULL, NULL, NULL},
    {"killed, another boot", KILLED, FRESH, "other", NULL, NULL},
    {"killed in a transaction", KILLED_INSIDE, FRESH, NULL, NULL, NULL},
    {"another format", CLEAN, FRESH, NULL, "test-2", NULL},
    {"file empty", CLEAN, FRESH, NULL, NULL, empty},
    {"file of a page", CLEAN, FRESH, NULL, NULL, one_page},
    {"file half a page short", CLEAN, FRESH, NULL, NULL, half_a_page_less},
    {"file cut in half", CLEAN, FRESH, NULL, NULL, cut_in_half},
    {"file gone", CLEAN, FRESH, NULL, NULL, file_gone},
    {"file is a link", CLEAN, FOREIGN, NULL, NULL, file_is_link},
    {"file is a pipe", CLEAN, FOREIGN, NULL, NULL, file_is_pipe},
    {"all random", CLEAN, FRESH, NULL, NULL, all_random},
    {"head random", CLEAN, FRESH, NULL, NULL, head_random},
    {"second head zero", CLEAN, FRESH, NULL, NULL, second_meta_zero},
    {"tree random", CLEAN, EITHER, NULL, NULL, tree_random},
    {"tree zero", CLEAN, EITHER, NULL, NULL, tree_zero},
    {"tree ones", CLEAN, EITHER, NULL, NULL, tree_ones},
    {"page heads random", CLEAN, EITHER, NULL, NULL, page_headers},
    {"mark empty", CLEAN, FRESH, NULL, NULL, mark_empty},
    {"mark random", CLEAN, FRESH, NULL, NULL, mark_random},
    {"mark cut", CLEAN, FRESH, NULL, NULL, mark_cut},
    {"mark gone", CLEAN, FRESH, NULL, NULL, mark_gone},
};

static enum rc
work_die(struct db_txn *txn, void *arg, struct why *why)
{
	(void)work_fill(txn, arg, why);
	(void)kill(getpid(), SIGKILL);
	return RC_OK;
}

/* In a child. */
static void
first_user(enum end end)
{
	struct fill fill = {0, RECORDS, 100};
	struct db *db;
	struct why why;
	bool fresh;

	if (db_open(&place, &db, &fresh, &why) != RC_OK || !fresh ||
	    db_update(db, work_fill, &fill, &why) != RC_OK)
		_exit(1);
	switch (end) {
	case CLEAN:
	case CLOSED:
		db_close(&db, end == CLEAN);
		_exit(0);
	case EXITED:
		_exit(0);
	case KILLED:
		(void)kill(getpid(), SIGKILL);
		_exit(1);
	case KILLED_INSIDE:
		fill.n *= 2;
		(void)db_update(db, work_die, &fill, &why);
		_exit(1);
	}
}

/* In a child: status 10 fresh, 11 kept, 12 damage was noticed. */
static void
second_user(void)
{
	const struct rlimit no_core = {0, 0};
	struct fill fill = {RECORDS, 10, 100};
	struct seen seen;
	struct db *db;
	struct why why;
	bool fresh, ok;

	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)alarm(20); /* a loop shows as SIGALRM */
	/* with sanitizers a SEGV would be an exit status */
	(void)signal(SIGSEGV, SIG_DFL);
	(void)signal(SIGBUS, SIG_DFL);
	(void)signal(SIGABRT, SIG_DFL);
	if (db_open(&place, &db, &fresh, &why) != RC_OK)
		_exit(2);
	ok = db_view(db, work_see, &seen, &why) == RC_OK &&
	     db_update(db, work_fill, &fill, &why) == RC_OK;
	db_close(&db, true);
	if (!ok)
		_exit(12);
	if (fresh)
		_exit(seen.count == 0 && seen.read == 0 ? 10 : 3);
	_exit(seen.count == RECORDS && seen.read == RECORDS &&
		      seen.n_values == RECORDS * 100
		  ? 11
		  : 12);
}

/* By a signal; or by a sanitizer, before the signal could come. */
static bool
was_killed(int status)
{
#ifdef __SANITIZE_ADDRESS__
	/* its exit status for what it finds; second_user() has no such */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
		return true;
#endif
	return WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM;
}

static int
wait_for(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Whatever happened, a cache can be had again. */
static void
third_user(bool fresh_wanted)
{
	struct fill fill = {0, 10, 10};
	struct seen seen;
	struct db *db;
	struct why why;
	bool fresh;

	assert_int_equal(db_open(&place, &db, &fresh, &why), RC_OK);
	assert_true(fresh || !fresh_wanted);
	if (fresh) {
		assert_int_equal(db_update(db, work_fill, &fill, &why), RC_OK);
		assert_int_equal(db_view(db, work_see, &seen, &why), RC_OK);
		assert_int_equal(seen.read, 10);
	}
	db_close(&db, false);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct db *db;
	struct why why;
	int status;
	bool fresh;
	pid_t pid;

	place_make();
	pid = fork();
	if (pid == 0)
		first_user(row->end);
	status = wait_for(pid);
	if (row->end == KILLED || row->end == KILLED_INSIDE)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	else
		assert_int_equal(status, 0);
	if (row->spoil != NULL)
		row->spoil();
	if (row->boot != NULL)
		(void)snprintf(
		    place.boot.id, sizeof(place.boot.id), "%s", row->boot);
	if (row->format != NULL)
		place.format = row->format;
	if (row->finds == FOREIGN) {
		/* not ours: it says so, and leaves it */
		assert_int_equal(db_open(&place, &db, &fresh, &why), RC_TEMP);
		place_remove();
		return;
	}
	pid = fork();
	if (pid == 0)
		second_user();
	status = wait_for(pid);
	if (row->finds == EITHER) {
		/* never a loop, and nothing that looks well and is not */
		assert_true(was_killed(status) ||
			    (WIFEXITED(status) && WEXITSTATUS(status) == 12));
	} else {
		assert_true(WIFEXITED(status));
		assert_int_equal(
		    WEXITSTATUS(status), row->finds == KEPT ? 11 : 10);
	}
	third_user(row->finds == EITHER && was_killed(status));
	place_remove();
}

ROWS_MAIN(rows, check_row)

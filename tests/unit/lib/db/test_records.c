/* Transactions, records, room, and who has a cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "lib/sandbox/sandbox.h"
#include "tests/unit/lib/db/place.h"
#include "lib/base/banned.h"

#define UID 61237

static struct db *db;
static struct why why;
static bool fresh;

static int
setup(void **state)
{
	(void)state;
	place_make();
	assert_int_equal(db_open(&place, &db, &fresh, &why), RC_OK);
	assert_true(fresh);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	db_close(&db, false);
	place_remove();
	return 0;
}

static void
fill(unsigned n, size_t size)
{
	struct fill f = {0, n, size};

	assert_int_equal(db_update(db, work_fill, &f, &why), RC_OK);
}

static uint64_t
count(void)
{
	struct seen seen;

	assert_int_equal(db_view(db, work_see, &seen, &why), RC_OK);
	assert_int_equal(seen.count, seen.read);
	return seen.count;
}

static enum rc
work_look(struct db_txn *t, void *arg, struct why *w)
{
	struct span key, value;

	(void)arg;
	(void)w;
	assert_true(db_get(t, SPAN_LIT("000003"), &value));
	assert_true(span_eq(value, SPAN_LIT("ddddd")));
	assert_false(db_get(t, SPAN_LIT("3"), &value));
	assert_false(db_get(t, SPAN_NONE, &value));
	assert_false(db_next(t, &key, &value));
	assert_true(db_seek(t, SPAN_NONE, &key, &value));
	assert_true(span_eq(key, SPAN_LIT("000000")));
	assert_false(db_prev(t, &key, &value));
	assert_true(db_seek(t, SPAN_LIT("0000045"), &key, &value));
	assert_true(span_eq(key, SPAN_LIT("000005")));
	assert_true(db_next(t, &key, &value));
	assert_true(span_eq(key, SPAN_LIT("000006")));
	assert_true(db_seek_before(t, SPAN_LIT("000005"), &key, &value));
	assert_true(span_eq(key, SPAN_LIT("000004")));
	assert_true(db_prev(t, &key, &value));
	assert_true(span_eq(key, SPAN_LIT("000003")));
	assert_false(db_seek(t, SPAN_LIT("1"), &key, &value));
	assert_true(db_seek_before(t, SPAN_LIT("1"), &key, &value));
	assert_true(span_eq(key, SPAN_LIT("000009")));
	assert_true(db_seek_before(t, SPAN_NONE, &key, &value));
	assert_true(span_eq(key, SPAN_LIT("000009")));
	assert_false(db_next(t, &key, &value));
	assert_false(db_seek_before(t, SPAN_LIT("000000"), &key, &value));
	return RC_OK;
}

static void
records(void **state)
{
	(void)state;
	fill(10, 5);
	assert_int_equal(db_view(db, work_look, NULL, &why), RC_OK);
}

static enum rc
work_empty(struct db_txn *t, void *arg, struct why *w)
{
	struct span key, value;

	(void)arg;
	(void)w;
	assert_false(db_seek(t, SPAN_NONE, &key, &value));
	assert_false(db_seek_before(t, SPAN_NONE, &key, &value));
	assert_false(db_seek_before(t, SPAN_LIT("x"), &key, &value));
	return RC_OK;
}

static void
no_records(void **state)
{
	(void)state;
	assert_int_equal(db_view(db, work_empty, NULL, &why), RC_OK);
}

static enum rc
work_change(struct db_txn *t, void *arg, struct why *w)
{
	struct span key, value;

	(void)w;
	assert_true(db_seek(t, SPAN_NONE, &key, &value));
	assert_true(db_del(t, SPAN_LIT("000000")));
	assert_false(db_del(t, SPAN_LIT("000000")));
	assert_false(db_del(t, SPAN_NONE));
	assert_false(db_next(t, &key, &value));
	db_put(t, SPAN_LIT("000001"), SPAN_NONE);
	assert_true(db_get(t, SPAN_LIT("000001"), &value));
	assert_int_equal(value.n, 0);
	assert_int_equal(db_count(t), 9);
	return arg == NULL ? RC_OK : why_set(w, RC_PERM, "5.0.0", "on purpose");
}

static void
undone(void **state)
{
	(void)state;
	fill(10, 5);
	assert_int_equal(db_update(db, work_change, &why, &why), RC_PERM);
	assert_string_equal(why.text, "on purpose");
	assert_true(db_usable(db));
	assert_int_equal(db_view(db, work_look, NULL, &why), RC_OK);
	assert_int_equal(db_update(db, work_change, NULL, &why), RC_OK);
	assert_int_equal(count(), 9);
}

static enum rc
work_key(struct db_txn *t, void *arg, struct why *w)
{
	char key[DB_KEY_MAX + 1];

	(void)w;
	memset(key, 'k', sizeof(key));
	db_put(t, SPAN_LIT("other"), SPAN_NONE);
	db_put(t, span_make(key, *(size_t *)arg), SPAN_LIT("v"));
	return RC_OK;
}

static void
keys(void **state)
{
	size_t n = DB_KEY_MAX;

	(void)state;
	assert_int_equal(db_update(db, work_key, &n, &why), RC_OK);
	assert_int_equal(count(), 2);
	n = DB_KEY_MAX + 1;
	assert_int_equal(db_update(db, work_key, &n, &why), RC_TEMP);
	n = 0;
	assert_int_equal(db_update(db, work_key, &n, &why), RC_TEMP);
	assert_true(db_usable(db));
	assert_int_equal(count(), 2);
	/* read only */
	n = 1;
	assert_int_equal(db_view(db, work_key, &n, &why), RC_TEMP);
}

static void
grows(void **state)
{
	(void)state;
	fill(20000, 200);
	assert_int_equal(count(), 20000);
	fill(30000, 200);
	db_close(&db, false);
	assert_int_equal(db_open(&place, &db, &fresh, &why), RC_OK);
	assert_false(fresh);
	assert_int_equal(count(), 30000);
	fill(40000, 300);
	assert_int_equal(count(), 40000);
}

static void
grows_no_further(void **state)
{
	struct fill f = {0, 20000, 200};

	(void)state;
	db_close(&db, false);
	place.map_max = 1 << 20;
	assert_int_equal(db_open(&place, &db, &fresh, &why), RC_OK);
	fill(1000, 200);
	assert_int_equal(db_update(db, work_fill, &f, &why), RC_TEMP);
	assert_string_equal(why.status, "4.3.1");
	assert_true(db_usable(db));
	assert_int_equal(count(), 1000);
}

static void
two_users(void **state)
{
	struct db *other;

	(void)state;
	assert_int_equal(db_open(&place, &other, &fresh, &why), RC_TEMP);
	assert_null(other);
	fill(10, 5);
	assert_int_equal(count(), 10);
}

static void
dropped_in_use(void **state)
{
	struct fill f = {0, 10, 10};
	struct db *other;

	(void)state;
	fill(10, 5);
	assert_int_equal(db_drop(place.dir, place.name, &why), RC_OK);
	assert_int_equal(db_drop(place.dir, place.name, &why), RC_OK);
	/* the next one need not wait for the old one's end */
	assert_int_equal(db_open(&place, &other, &fresh, &why), RC_OK);
	assert_true(fresh);
	assert_int_equal(count(), 10);
	assert_int_equal(db_update(db, work_fill, &f, &why), RC_TEMP);
	assert_false(db_usable(db));
	assert_int_equal(db_view(db, work_look, NULL, &why), RC_TEMP);
	db_close(&db, true);
	/* and the old one's end does not make the new one's file a clean one */
	db_close(&other, false);
	assert_int_equal(db_open(&place, &db, &fresh, &why), RC_OK);
	assert_false(fresh);
	assert_int_equal(count(), 0);
}

static void
file_replaced(void **state)
{
	struct fill f = {0, 10, 10};
	char path[128];

	(void)state;
	place_path(path, sizeof(path), "index.mdb");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(db_update(db, work_fill, &f, &why), RC_TEMP);
	assert_false(db_usable(db));
}

static void *
thread_fill(void *arg)
{
	struct fill f = {*(unsigned *)arg, 1, 50};
	struct why w;

	for (unsigned i = 0; i < 200; i++, f.first++)
		if (db_update(db, work_fill, &f, &w) != RC_OK)
			return &why;
	return NULL;
}

static void
threads(void **state)
{
	unsigned first[4] = {0, 200, 400, 600};
	pthread_t t[4];
	void *result;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&t[i], NULL, thread_fill, &first[i]), 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(t[i], &result), 0);
		assert_null(result);
	}
	assert_int_equal(count(), 800);
}

/* A full disk is an error, in a child that a SIGBUS would end. */
static int
on_full_disk(void)
{
	struct fill f = {0, 100, 100};
	struct seen seen;

	if (db_open(&place, &db, &fresh, &why) != RC_OK ||
	    db_update(db, work_fill, &f, &why) != RC_OK)
		return 2;
	for (f.n = 1000; db_update(db, work_fill, &f, &why) == RC_OK;
	     f.n += 1000)
		if (f.n > 1000000)
			return 3;
	if (strcmp(why.status, "4.3.1") != 0)
		return 4;
	/* what was there still is, unless LMDB itself gives it up */
	if (db_usable(db) && (db_view(db, work_see, &seen, &why) != RC_OK ||
				 seen.read < 100 || seen.read != seen.count))
		return 5;
	db_close(&db, true);
	/* with not even room for a mark */
	if (db_open(&place, &db, &fresh, &why) != RC_OK)
		return strcmp(why.status, "4.3.1") == 0 ? 0 : 6;
	db_close(&db, true);
	return 0;
}

static void
full_disk(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		print_message("in a container: no namespace of mounts\n");
		skip();
	}
	db_close(&db, false);
	place_remove();
	place_make();
	assert_int_equal(mount("none", top, "tmpfs", 0, "size=1m"), 0);
	io_close(&place.dir);
	place.dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		status = on_full_disk();
		if (status != 0)
			print_message("%s %s\n", why.status, why.text);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	io_close(&place.dir);
	assert_int_equal(umount2(top, MNT_DETACH), 0);
	assert_int_equal(status, 0);
}

/* In a child: all of it, with a role's rights. */
static int
confined(enum role role, unsigned abi)
{
	const struct sandbox_path path = {
	    top, SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE | SANDBOX_REMOVE};
	const struct sandbox_setup sandbox = {.role = role,
	    .set_ids = geteuid() == 0,
	    .uid = UID,
	    .gid = UID,
	    .paths = &path,
	    .n_paths = 1,
	    .landlock_abi_max = abi};
	struct sandbox_report report;
	struct fill f = {0, 20000, 100};
	struct seen seen;

	if (sandbox_enter(&sandbox, &report, &why) != RC_OK ||
	    db_open(&place, &db, &fresh, &why) != RC_OK || !fresh ||
	    db_update(db, work_fill, &f, &why) != RC_OK)
		return 2;
	db_close(&db, true);
	if (db_open(&place, &db, &fresh, &why) != RC_OK || fresh ||
	    db_view(db, work_see, &seen, &why) != RC_OK || seen.read != f.n ||
	    db_drop(place.dir, place.name, &why) != RC_OK)
		return 3;
	db_close(&db, true);
	if (db_open(&place, &db, &fresh, &why) != RC_OK || !fresh)
		return 4;
	db_close(&db, true);
	return db_drop(place.dir, place.name, &why) == RC_OK ? 0 : 5;
}

static void
in_sandbox(void **state)
{
	static const enum role roles[] = {ROLE_QMGR, ROLE_SESSION, ROLE_SPAWN};
	static const unsigned abis[] = {0, 2, 99};

	(void)state;
	db_close(&db, false);
	place_remove();
	for (unsigned i = 0; i < 9; i++) {
		int status = -1;
		pid_t pid;

		place_make();
		if (geteuid() == 0)
			assert_int_equal(fchown(place.dir, UID, UID), 0);
		pid = fork();
		if (pid == 0) {
			status = confined(roles[i / 3], abis[i % 3]);
			if (status != 0)
				print_message("%s\n", why.text);
			_exit(status);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		place_remove();
	}
	place_make();
}

static void
boot(void **state)
{
	struct db_boot a, b;

	(void)state;
	db_boot_read(&a);
	db_boot_read(&b);
	assert_int_equal(strlen(a.id), 36);
	assert_string_equal(a.id, b.id);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {TEST(records), TEST(no_records),
	    TEST(undone), TEST(keys), TEST(grows), TEST(grows_no_further),
	    TEST(two_users), TEST(dropped_in_use), TEST(file_replaced),
	    TEST(threads), TEST(full_disk), TEST(in_sandbox), TEST(boot)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

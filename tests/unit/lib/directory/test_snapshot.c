/*
 * Snapshots that are large, cut, foreign or not there, and aliases without
 * end.
 */
#include <fcntl.h>
#include <lmdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/io.h"
#include "lib/directory/compile.h"
#include "lib/directory/directory.h"
#include "lib/directory/format.h"
#include "lib/base/banned.h"

#define ACCOUNTS 10000

static char folder[] = "/tmp/mailstead-snapshot-XXXXXX";

static int
memfile(struct buf *text)
{
	int fd = io_memfd("source");

	assert_true(fd >= 0);
	assert_false(text->over);
	assert_true(io_write_all(fd, text->p, text->n));
	buf_fini(text);
	return fd;
}

static void
make(int accounts, int aliases)
{
	char one[] = "one.example";
	char *v[] = {one, NULL};
	struct conf_list domains = {v, 1};
	struct directory_source source = {.domains = &domains,
	    .postmaster = "",
	    .accounts = accounts,
	    .senders = -1,
	    .aliases = aliases,
	    .partly = true}; /* so that those without end are in it */
	struct why why = {.rc = RC_OK};

	assert_int_equal(chdir(folder), 0);
	assert_int_equal(
	    directory_compile(&source, "d.mdb", NULL, &why), RC_OK);
	io_close(&source.accounts);
	io_close(&source.aliases);
}

static int
many_accounts(size_t n)
{
	struct buf text;

	buf_init(&text, 16 << 20);
	for (size_t i = 0; i < n; i++)
		buf_putf(&text, "User%zu@one.example $6$salt$hash%zu\n", i, i);
	return memfile(&text);
}

static void
large(void **state)
{
	struct directory *d = NULL;
	struct buf in, out;

	(void)state;
	make(many_accounts(ACCOUNTS), -1);
	assert_int_equal(directory_open("d.mdb", &d, NULL), RC_OK);
	buf_init(&in, 100);
	buf_init(&out, 100);
	for (size_t i = 0; i < ACCOUNTS; i++) {
		buf_clear(&in);
		buf_clear(&out);
		assert_true(buf_putf(&in, "User%zu@one.example", i));
		assert_int_equal(
		    directory_find(d, buf_span(&in), &out), DIRECTORY_ACCOUNT);
		assert_true(span_eq(buf_span(&in), buf_span(&out)));
	}
	assert_int_equal(
	    directory_find(d, SPAN_LIT("user10000@one.example"), NULL),
	    DIRECTORY_UNKNOWN);
	/* no details, as it was said */
	assert_int_equal(
	    directory_find(d, SPAN_LIT("user1+x@one.example"), NULL),
	    DIRECTORY_UNKNOWN);
	directory_close(&d);
	buf_fini(&in);
	buf_fini(&out);
	assert_int_equal(unlink("d.mdb"), 0);
}

static void
refused(void)
{
	struct directory *d = NULL;
	struct why why = {.rc = RC_OK};

	assert_int_equal(directory_open("d.mdb", &d, &why), RC_TEMP);
	assert_null(d);
	assert_string_equal(why.status, "4.3.0");
}

static void
cut(void **state)
{
	static const off_t sizes[] = {0, 1, 16, 4095, 4096, 4097, 4248, 8191,
	    8192, 8193, 12288, 65536, 100000};
	struct directory *d = NULL;
	struct stat st;

	(void)state;
	make(many_accounts(ACCOUNTS), -1);
	assert_int_equal(stat("d.mdb", &st), 0);
	assert_true(st.st_size > 100000 + 8192);
	/* a byte more, a byte less, a page less, and on downwards */
	assert_int_equal(truncate("d.mdb", st.st_size + 1), 0);
	refused();
	assert_int_equal(truncate("d.mdb", st.st_size), 0);
	assert_int_equal(directory_open("d.mdb", &d, NULL), RC_OK);
	directory_close(&d);
	assert_int_equal(truncate("d.mdb", st.st_size - 1), 0);
	refused();
	assert_int_equal(truncate("d.mdb", st.st_size - 4096), 0);
	refused();
	for (size_t i = sizeof(sizes) / sizeof(sizes[0]); i-- > 0;) {
		assert_int_equal(truncate("d.mdb", sizes[i]), 0);
		refused();
	}
	assert_int_equal(unlink("d.mdb"), 0);
	refused();
}

/* Each byte of both meta pages' heads changed: refused, or still readable. */
static void
bytes(void **state)
{
	(void)state;
	make(many_accounts(100), -1);
	for (off_t at = 0; at < 4096 + 152; at++) {
		int fd = open("d.mdb", O_RDWR | O_CLOEXEC);
		struct directory *d = NULL;
		unsigned char was, now;

		if (at == 152)
			at = 4096;
		assert_int_equal(pread(fd, &was, 1, at), 1);
		now = (unsigned char)~was;
		/* roots and depths are not checked: a page of ours is whole */
		if ((at & 4095) >= 48 && (at & 4095) < 136) {
			io_close(&fd);
			continue;
		}
		assert_int_equal(pwrite(fd, &now, 1, at), 1);
		if (directory_open("d.mdb", &d, NULL) == RC_OK)
			(void)directory_find(
			    d, SPAN_LIT("user1@one.example"), NULL);
		directory_close(&d);
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
		io_close(&fd);
	}
	assert_int_equal(unlink("d.mdb"), 0);
}

static void
write_foreign(const char *key, const char *value)
{
	MDB_val k = {strlen(key), (void *)(uintptr_t)key};
	MDB_val v = {strlen(value), (void *)(uintptr_t)value};
	MDB_env *env = NULL;
	MDB_txn *txn = NULL;
	MDB_dbi dbi;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(
	    mdb_env_open(env, "d.mdb", MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void
foreign(void **state)
{
	struct directory *d = NULL;

	(void)state;
	assert_int_equal(chdir(folder), 0);
	write_foreign("a", "b");
	refused();
	/* that of ours is taken, that of another version is not */
	write_foreign("v", DIRECTORY_VERSION);
	refused();
	write_foreign("s", "+");
	assert_int_equal(directory_open("d.mdb", &d, NULL), RC_OK);
	directory_close(&d);
	write_foreign("v", DIRECTORY_VERSION "0");
	refused();
	assert_int_equal(unlink("d.mdb"), 0);
	assert_int_equal(mkdir("d.mdb", 0700), 0);
	refused();
	assert_int_equal(rmdir("d.mdb"), 0);
	make(-1, -1);
	assert_int_equal(rename("d.mdb", "e.mdb"), 0);
	assert_int_equal(symlink("e.mdb", "d.mdb"), 0);
	refused();
	assert_int_equal(unlink("d.mdb"), 0);
	assert_int_equal(unlink("e.mdb"), 0);
}

/* an alias of `n` targets, and a chain of n aliases that ends at user0 */
static void
make_aliases(size_t n)
{
	struct buf text;

	buf_init(&text, 16 << 20);
	buf_puts(&text, "many:");
	for (size_t i = 0; i < n; i++)
		buf_putf(&text, "%s a%zu@far.example", i == 0 ? "" : ",\n", i);
	buf_puts(&text, "\n");
	for (size_t i = 1; i < n; i++)
		buf_putf(&text, "c%zu: c%zu\n", i, i - 1);
	buf_puts(&text, "c0: user0\n");
	make(many_accounts(1), memfile(&text));
}

static enum rc
expand(const struct directory *d, const char *who, size_t room, size_t *lines,
    struct why *why)
{
	struct buf accounts, elsewhere;
	enum rc rc;

	buf_init(&accounts, room);
	buf_init(&elsewhere, room);
	rc = directory_expand(d, span_of(who), &accounts, &elsewhere, why);
	*lines = 0;
	for (size_t i = 0; i < accounts.n; i++)
		*lines += accounts.p[i] == '\n';
	for (size_t i = 0; i < elsewhere.n; i++)
		*lines += elsewhere.p[i] == '\n';
	buf_fini(&accounts);
	buf_fini(&elsewhere);
	return rc;
}

static void
endless(void **state)
{
	struct directory *d = NULL;
	struct why why;
	size_t lines;

	(void)state;
	make_aliases(DIRECTORY_EXPAND_MAX);
	assert_int_equal(directory_open("d.mdb", &d, NULL), RC_OK);
	assert_int_equal(
	    expand(d, "many@one.example", 1 << 20, &lines, &why), RC_OK);
	assert_int_equal(lines, DIRECTORY_EXPAND_MAX);
	assert_int_equal(
	    expand(d, "many@one.example", 1000, &lines, &why), RC_TEMP);
	assert_int_equal(lines, 0);
	assert_int_equal(
	    expand(d, "c19@one.example", 1000, &lines, &why), RC_OK);
	assert_int_equal(lines, 1);
	assert_int_equal(
	    expand(d, "c20@one.example", 1000, &lines, &why), RC_PERM);
	assert_string_equal(why.status, "5.4.6");
	assert_int_equal(lines, 0);
	directory_close(&d);
	assert_int_equal(unlink("d.mdb"), 0);

	make_aliases(DIRECTORY_EXPAND_MAX + 1);
	assert_int_equal(directory_open("d.mdb", &d, NULL), RC_OK);
	assert_int_equal(
	    expand(d, "many@one.example", 1 << 20, &lines, &why), RC_PERM);
	assert_string_equal(why.status, "5.5.3");
	assert_int_equal(lines, 0);
	directory_close(&d);
	assert_int_equal(unlink("d.mdb"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(large),
	    cmocka_unit_test(cut),
	    cmocka_unit_test(bytes),
	    cmocka_unit_test(foreign),
	    cmocka_unit_test(endless),
	};
	int rc;

	if (mkdtemp(folder) == NULL)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	return rmdir(folder) == 0 ? rc : 1;
}

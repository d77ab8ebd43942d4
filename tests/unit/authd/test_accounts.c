#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authd/accounts.h"
#include "lib/base/io.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define H1 "$6$salt$one"
#define H2 "$6$salt$two"
/* salt and digest of nothing but zeros */
#define ZEROS                       \
	"AAAAAAAAAAAAAAAAAAAAAA==:" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define PHONE " app=my%20phone:pop3,imap:2026-11-28:" ZEROS
#define OTHER " app=other:smtp:2026-11-28:" ZEROS
#define FOUR  OTHER OTHER OTHER OTHER

enum op {
	NONE,
	ADD,
	PASSWD,
	REMOVE,
	ADD_APP,
	REMOVE_APP,
	FIND
};

static const struct row {
	const char *name;
	const char *before; /* NULL: no file */
	enum op op;
	const char *login;
	enum rc rc;
	size_t count;
	const char *after; /* NULL: as before */
} rows[] = {
    {"no file is no accounts", NULL, NONE, "", RC_OK, 0, NULL},
    {"first account makes it", NULL, ADD, "a@b.c", RC_OK, 1,
	"a@b.c " H1 " name=Al%20B scram=S$new\n"},
    {"added at the end", "x@b.c !\n", ADD, "a@b.c", RC_OK, 2,
	"x@b.c !\na@b.c " H1 " name=Al%20B scram=S$new\n"},
    {"end without line end", "x@b.c !", ADD, "a@b.c", RC_OK, 2,
	"x@b.c !\na@b.c " H1 " name=Al%20B scram=S$new\n"},
    {"exists", "a@b.c !\n", ADD, "a@b.c", RC_PERM, 1, NULL},
    {"exists in other case", "A@b.c !\n", ADD, "a@b.c", RC_PERM, 1, NULL},
    {"password", "# one\na@b.c " H2 " name=x state=s\n\nz@b.c !\n", PASSWD,
	"A@b.c", RC_OK, 2,
	"# one\na@b.c " H1 " name=x state=s scram=S$new\n\nz@b.c !\n"},
    {"the old verifiers go", "a@b.c " H2 " scram=S$a scram=T$b name=x\n",
	PASSWD, "a@b.c", RC_OK, 1, "a@b.c " H1 " name=x scram=S$new\n"},
    {"password of nobody", "a@b.c !\n", PASSWD, "b@b.c", RC_PERM, 1, NULL},
    {"removed", "# c\na@b.c !\nz@b.c !\n", REMOVE, "a@b.c", RC_OK, 1,
	"# c\nz@b.c !\n"},
    {"last removed", "# c\na@b.c !", REMOVE, "a@b.c", RC_OK, 0, "# c\n"},
    {"removed but not there", "a@b.c !\n", REMOVE, "a@b.d", RC_PERM, 1, NULL},
    {"application password", "# c\na@b.c " H1 " name=x\nz@b.c !\n", ADD_APP,
	"A@b.c", RC_OK, 2, "# c\na@b.c " H1 " name=x" PHONE "\nz@b.c !\n"},
    {"a second one", "a@b.c !" OTHER "\n", ADD_APP, "a@b.c", RC_OK, 1,
	"a@b.c !" OTHER PHONE "\n"},
    {"of a name there is", "a@b.c !" PHONE "\n", ADD_APP, "a@b.c", RC_PERM, 1,
	NULL},
    {"of nobody", "a@b.c !\n", ADD_APP, "b@b.c", RC_PERM, 1, NULL},
    {"too many", "a@b.c !" FOUR FOUR FOUR FOUR "\n", ADD_APP, "a@b.c", RC_PERM,
	1, NULL},
    {"taken back", "a@b.c !" OTHER PHONE OTHER "\nz@b.c !\n", REMOVE_APP,
	"A@b.c", RC_OK, 2, "a@b.c !" OTHER OTHER "\nz@b.c !\n"},
    {"taken back but not there", "a@b.c !" OTHER "\n", REMOVE_APP, "a@b.c",
	RC_PERM, 1, NULL},
    {"taken back from nobody", "a@b.c !" PHONE "\n", REMOVE_APP, "b@b.c",
	RC_PERM, 1, NULL},
    {"they outlive a new password", "a@b.c " H2 PHONE "\n", PASSWD, "a@b.c",
	RC_OK, 1, "a@b.c " H1 " scram=S$new" PHONE "\n"},
    {"broken lines stay", "no line\na@b.c !\n%zz !\n", REMOVE, "a@b.c", RC_OK,
	0, "no line\n%zz !\n"},
    {"broken lines are left out", "junk\na@b.c !\nb@b.c ! what=1\n", FIND,
	"a@b.c", RC_OK, 1, NULL},
    {"a broken line is no account", "a@b.c ! what=1\n", FIND, "a@b.c", RC_PERM,
	0, NULL},
    {"the first of two counts", "a@b.c !\nA@b.c " H1 "\n", FIND, "a@b.c", RC_OK,
	1, NULL},
    {"no prefix", "a@b.c !\n", FIND, "a@b.", RC_PERM, 1, NULL},
    {"nothing behind", "a@b.c !\n", FIND, "a@b.cc", RC_PERM, 1, NULL},
    {"local part without case", "a@b.c !\n", FIND, "A@B.c", RC_OK, 1, NULL},
    {"among many", "d@b.c !\nb@b.c !\na@b.c !\nc@b.c !\n", FIND, "c@b.c", RC_OK,
	4, NULL},
};

static char folder[64];
static const struct accounts_secret secret = {
    .hash = SPAN_LIT(H1), .scram = {SPAN_LIT("S$new")}, .n_scram = 1};

static const struct app phone = {.name = "my phone",
    .services = 1U << SERVICE_IMAP | 1U << SERVICE_POP3,
    .made = "2026-11-28"};

static void
put(const char *text)
{
	char path[80];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/edited", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && io_write_all(fd, text, strlen(text)));
	io_close(&fd);
}

/* as an editor: a new file under the old name */
static void
put_over(const char *text)
{
	char from[80], to[80];

	put(text);
	(void)snprintf(from, sizeof(from), "%s/edited", folder);
	(void)snprintf(to, sizeof(to), "%s/accounts", folder);
	assert_int_equal(rename(from, to), 0);
}

static struct accounts *
begin(const char *text)
{
	int dir;

	(void)snprintf(folder, sizeof(folder), "/tmp/accounts.XXXXXX");
	assert_non_null(mkdtemp(folder));
	if (text != NULL)
		put_over(text);
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	return accounts_new(dir);
}

static void
finish(struct accounts *a, const char *expect)
{
	char path[80];
	struct stat st;
	struct buf b;
	int fd;

	accounts_free(&a);
	(void)snprintf(path, sizeof(path), "%s/accounts", folder);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (expect == NULL) {
		assert_true(fd < 0);
	} else {
		buf_init(&b, 4096);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(io_read_file(fd, &b, NULL), RC_OK);
		assert_string_equal(buf_cstr(&b), expect);
		assert_int_equal(st.st_mode & 0777, 0600);
		buf_fini(&b);
		io_close(&fd);
		assert_int_equal(unlink(path), 0);
	}
	/* nothing else is left */
	assert_int_equal(rmdir(folder), 0);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct accounts *a = begin(row->before);
	struct span login = span_of(row->login);
	struct why why = {0};
	enum rc rc = RC_OK;

	assert_int_equal(accounts_refresh(a, &why), RC_OK);
	if (row->op == ADD)
		rc = accounts_add(a, login, &secret, SPAN_LIT("Al B"), &why);
	else if (row->op == PASSWD)
		rc = accounts_set_secret(a, login, &secret, &why);
	else if (row->op == REMOVE)
		rc = accounts_remove(a, login, &why);
	else if (row->op == ADD_APP)
		rc = accounts_add_app(a, login, &phone, &why);
	else if (row->op == REMOVE_APP)
		rc = accounts_remove_app(a, login, span_of(phone.name), &why);
	else if (row->op == FIND)
		rc = accounts_find(a, login) != NULL ? RC_OK : RC_PERM;
	assert_int_equal(rc, row->rc);
	assert_int_equal(accounts_count(a), row->count);
	finish(a, row->after != NULL ? row->after : row->before);
}

/* An editor's change is seen at the next look, however soon it comes. */
static void
check_edits(void **state)
{
	struct accounts *a = begin("a@b.c !\n");
	char path[80], text[32];
	struct why why;
	int fd;

	(void)state;
	assert_int_equal(accounts_refresh(a, &why), RC_OK);
	put_over("b@b.c !\n");
	assert_int_equal(accounts_refresh(a, &why), RC_OK);
	assert_null(accounts_find(a, SPAN_LIT("a@b.c")));
	assert_non_null(accounts_find(a, SPAN_LIT("b@b.c")));
	/* in place, of the same size, perhaps within one tick of the clock */
	(void)snprintf(path, sizeof(path), "%s/accounts", folder);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	for (int c = 'c'; c < 'z'; c++) {
		(void)snprintf(text, sizeof(text), "%c@b.c !\n", (char)c);
		assert_int_equal(pwrite(fd, text, 8, 0), 8);
		assert_int_equal(accounts_refresh(a, &why), RC_OK);
		assert_non_null(accounts_find(a, span_make(text, 5)));
	}
	io_close(&fd);
	finish(a, "y@b.c !\n");
}

/* What cannot be read is not taken from memory. */
static void
check_gone(void **state)
{
	struct accounts *a = begin("a@b.c !\n");
	char path[80];
	struct why why;

	(void)state;
	assert_int_equal(accounts_refresh(a, &why), RC_OK);
	(void)snprintf(path, sizeof(path), "%s/accounts", folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(accounts_refresh(a, &why), RC_TEMP);
	assert_int_equal(
	    accounts_add(a, SPAN_LIT("x@b.c"), &secret, SPAN_LIT(""), &why),
	    RC_TEMP);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(accounts_refresh(a, &why), RC_TEMP);
	assert_int_equal(unlink(path), 0);
	put_over("b@b.c !\n");
	assert_int_equal(accounts_refresh(a, &why), RC_OK);
	assert_null(accounts_find(a, SPAN_LIT("a@b.c")));
	finish(a, "b@b.c !\n");
}

static void
check_order(void **state)
{
	struct accounts *a = begin("C@b.c !\na@b.c !\nb@b.c !\n");
	const struct accounts_entry *e;
	struct why why;

	(void)state;
	assert_int_equal(accounts_refresh(a, &why), RC_OK);
	e = accounts_after(a, SPAN_LIT(""));
	assert_string_equal(e->login, "a@b.c");
	e = accounts_after(a, span_of(e->key));
	assert_string_equal(e->login, "b@b.c");
	e = accounts_after(a, span_of(e->key));
	assert_string_equal(e->login, "C@b.c");
	assert_null(accounts_after(a, span_of(e->key)));
	/* nobody here has a hash to do the same work with */
	assert_int_equal(accounts_decoy(a, 7).n, 0);
	finish(a, "C@b.c !\na@b.c !\nb@b.c !\n");
}

/* What is malformed is passed over; nothing of another account's is shown. */
static void
check_apps(void **state)
{
	struct accounts *a = begin("a@b.c !" OTHER " app=junk" PHONE
				   " name=x\nb@b.c !\nc@b.c !" PHONE "\n");
	const struct accounts_entry *e;
	struct why why;
	struct app app;
	size_t at = 0;

	(void)state;
	assert_int_equal(accounts_refresh(a, &why), RC_OK);
	e = accounts_find(a, SPAN_LIT("a@b.c"));
	assert_true(accounts_app(a, e, &at, &app));
	assert_string_equal(app.name, "other");
	assert_true(accounts_app(a, e, &at, &app));
	assert_string_equal(app.name, "my phone");
	assert_false(accounts_app(a, e, &at, &app));
	at = 0;
	e = accounts_find(a, SPAN_LIT("b@b.c"));
	assert_false(accounts_app(a, e, &at, &app));
	finish(a, "a@b.c !" OTHER " app=junk" PHONE
		  " name=x\nb@b.c !\nc@b.c !" PHONE "\n");
}

int
main(void)
{
	enum {
		N = sizeof(rows) / sizeof(rows[0])
	};
	struct CMUnitTest tests[N + 4] = {[N] = cmocka_unit_test(check_edits),
	    [N + 1] = cmocka_unit_test(check_gone),
	    [N + 2] = cmocka_unit_test(check_order),
	    [N + 3] = cmocka_unit_test(check_apps)};

	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

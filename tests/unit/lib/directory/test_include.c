/*
 * Which included files are read, and what becomes of those that are. All is
 * below a folder of /tmp, which everybody may write to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/io.h"
#include "lib/directory/compile.h"
#include "lib/directory/directory.h"
#include "lib/directory/include.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define U 20001
#define V 20002

static const struct row {
	const char *name;
	mode_t folder;
	uid_t folder_uid;
	mode_t file;
	uid_t file_uid;
	const char *path; /* below the folder; "/..." below none */
	const char *said; /* NULL: read; else behind the path of all */
} rows[] = {
    {"root's", 0755, 0, 0644, 0, "d/list", NULL},
    {"for root only", 0700, 0, 0600, 0, "d/list", NULL},
    {"a user's", 0755, U, 0600, U, "d/list", NULL},
    {"a user's in root's", 0755, 0, 0644, U, "d/list", NULL},
    {"root's in a user's", 0755, U, 0644, 0, "d/list",
	"/d/list is in a folder of somebody else's"},
    {"a user's in another's", 0755, V, 0644, U, "d/list",
	"/d/list is in a folder of somebody else's"},
    {"group may write", 0755, U, 0664, U, "d/list",
	"/d/list may be written to by others"},
    {"all may write", 0755, 0, 0646, 0, "d/list",
	"/d/list may be written to by others"},
    {"group may change the folder", 0775, U, 0644, U, "d/list",
	"/d may be written to by others"},
    {"right in everybody's folder", 01777, 0, 0644, U, "d/list",
	"/d/list is in a folder of everybody's"},
    {"in a folder in everybody's", 01777, 0, 0644, U, "d/in/list", NULL},
    {"link", 0755, 0, 0644, 0, "d/link", "/d/link is no regular file"},
    {"by a linked folder", 0755, 0, 0644, 0, "ln/list", "/ln: Not a directory"},
    {"pipe", 0755, 0, 0644, 0, "d/pipe", "/d/pipe is no regular file"},
    {"folder", 0755, 0, 0644, 0, "d/in", "/d/in is no regular file"},
    {"not there", 0755, 0, 0644, 0, "d/no", "/d/no: No such file or directory"},
    {"file in a file", 0755, 0, 0644, 0, "d/list/x",
	"/d/list: Not a directory"},
    {"upwards", 0755, 0, 0644, 0, "d/../d/list", "/d/.. is no plain path"},
    {"empty step", 0755, 0, 0644, 0, "d//list", "/d//list is no plain path"},
    {"nothing behind", 0755, 0, 0644, 0, "d/list/", "/d/list: Not a directory"},
    {"device", 0755, 0, 0644, 0, "/dev/null", "/dev/null is no regular file"},
    {"root", 0755, 0, 0644, 0, "/", "/ is no plain path"},
};

static char folder[] = "/tmp/mailstead-include-XXXXXX";

static void
write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && io_write_all(fd, text, strlen(text)));
	io_close(&fd);
}

static void
own(const char *name, uid_t uid, mode_t mode)
{
	assert_int_equal(lchown(name, uid, uid), 0);
	assert_int_equal(chmod(name, mode), 0);
}

static void
make(const struct row *row)
{
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(mkdir("d", 0755), 0);
	assert_int_equal(mkdir("d/in", 0755), 0);
	assert_int_equal(symlink("list", "d/link"), 0);
	assert_int_equal(symlink("d", "ln"), 0);
	assert_int_equal(mkfifo("d/pipe", 0644), 0);
	write_file("d/list", "text");
	write_file("d/in/list", "text");
	own("d/in/list", row->file_uid, row->file);
	own("d/list", row->file_uid, row->file);
	own("d/in", row->file_uid, 0755);
	own("d", row->folder_uid, row->folder);
}

static void
remove_all(void)
{
	static const char *const names[] = {
	    "d/in/list", "d/link", "d/pipe", "d/list", "ln"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(names[i]);
	(void)rmdir("d/in");
	(void)rmdir("d");
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct buf path, out;
	struct why why;
	size_t skip = row->path[0] == '/' ? 0 : strlen(folder);
	enum rc rc;

	if (geteuid() != 0 && (row->folder_uid != 0 || row->file_uid != 0))
		return; /* only root gives files away */
	make(row);
	buf_init(&path, 200);
	buf_init(&out, 5);
	assert_true(buf_putc(&out, '>'));
	if (skip > 0)
		buf_putf(&path, "%s/", folder);
	buf_puts(&path, row->path);
	rc = include_read(buf_span(&path), &out, &why);
	if (row->said == NULL) {
		assert_int_equal(rc, RC_OK);
		assert_string_equal(buf_cstr(&out), ">text");
		assert_int_equal(
		    include_read(buf_span(&path), &out, &why), RC_PERM);
	} else {
		assert_int_equal(rc, RC_PERM);
		assert_string_equal(why.status, "5.3.5");
		assert_string_equal(why.text + skip, row->said);
	}
	assert_string_equal(buf_cstr(&out), row->said == NULL ? ">text" : ">");
	buf_fini(&path);
	buf_fini(&out);
	remove_all();
}

/* What an alias makes of it. */
static void
compile(const char *list, const char *said, const char *targets)
{
	char one[] = "one.example", two[] = "two.example";
	char *v[] = {one, two, NULL};
	struct conf_list domains = {v, 2};
	struct directory_source source = {.domains = &domains,
	    .delimiters = "+",
	    .postmaster = "",
	    .accounts = io_memfd("accounts"),
	    .senders = -1,
	    .aliases = io_memfd("aliases"),
	    .partly = true};
	struct directory_report report;
	struct directory *d = NULL;
	struct buf text, out;
	struct why why;

	write_file("list", list);
	buf_init(&text, 1000);
	buf_putf(&text,
	    "team: x@far.example, :include:%s/list\n"
	    "one@one.example: \":include:%s/list\"\n",
	    folder, folder);
	assert_true(io_write_all(source.aliases, text.p, text.n));
	directory_report_init(&report);
	assert_int_equal(
	    directory_compile(&source, "d.mdb", &report, &why), RC_OK);
	buf_clear(&text);
	if (said[0] != '\0')
		buf_putf(&text, "%s/list:%s\n%s/list:%s\n", folder, said,
		    folder, said);
	assert_string_equal(buf_cstr(&report.text), buf_cstr(&text));
	assert_int_equal(directory_open("d.mdb", &d, &why), RC_OK);
	buf_init(&out, 1000);
	assert_int_equal(directory_find(d, SPAN_LIT("team@two.example"), &out),
	    said[0] == '\0' ? DIRECTORY_ALIAS : DIRECTORY_BROKEN);
	assert_string_equal(buf_cstr(&out), targets);
	assert_int_equal(directory_find(d, SPAN_LIT("one@one.example"), NULL),
	    said[0] == '\0' ? DIRECTORY_ALIAS : DIRECTORY_BROKEN);
	buf_fini(&out);
	buf_fini(&text);
	directory_close(&d);
	directory_report_fini(&report);
	io_close(&source.accounts);
	io_close(&source.aliases);
	assert_int_equal(unlink("d.mdb"), 0);
	assert_int_equal(unlink("list"), 0);
}

static void
lists(void **state)
{
	(void)state;
	assert_int_equal(chdir(folder), 0);
	compile("joe\n# no\n\n ann@far.example , \"a, b\"@c\r\n", "",
	    "x@far.example\njoe@two.example\nann@far.example\n\"a, b\"@c");
	compile(
	    "joe,\njim", "", "x@far.example\njoe@two.example\njim@two.example");
	compile("joe\nb c\n", "2:1: @ expected behind the local part", "");
	compile("joe, |/bin/sh\n",
	    "1:6: programs and files are for the aliases file itself, and need "
	    "delivery.program_user",
	    "");
	compile("/etc/passwd\n",
	    "1:1: programs and files are for the aliases file itself, and need "
	    "delivery.program_user",
	    "");
	compile("root:x:0:0::/root:/bin/sh\n",
	    "1:1: @ expected behind the local part", "");
	compile("joe\n:include:/x\n", "2:1: only :include:/path is known", "");
}

int
main(void)
{
	struct CMUnitTest tests[sizeof(rows) / sizeof(rows[0]) + 1];
	size_t n = sizeof(rows) / sizeof(rows[0]);
	int rc;

	if (mkdtemp(folder) == NULL)
		return 1;
	(void)umask(022);
	for (size_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	tests[n] = (struct CMUnitTest)cmocka_unit_test(lists);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	return rmdir(folder) == 0 ? rc : 1;
}

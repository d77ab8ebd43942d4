/*
 * Appending to a file of many messages: what stands there then, what is
 * flushed, and what is left when that fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/maildir/mbox.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define FROM "From a@b.example Sun Nov 29 06:30:05 2026\n"
#define HEAD                                              \
	"Return-Path: <a@b.example>\nDelivered-To: x@y\n" \
	"Received: r\n"
#define ARRIVED 1795933805123456

static struct {
	unsigned files; /* flushed: how many */
	unsigned folders;
	off_t size; /* of the file then */
	bool fails;
} flushed;

/* Stands for libc's, for all of this program. */
int
fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	if (S_ISDIR(st.st_mode)) {
		flushed.folders++;
	} else {
		flushed.files++;
		flushed.size = st.st_size;
	}
	if (flushed.fails) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

static const struct row {
	const char *name;
	const char *before; /* NULL: there is no file */
	const char *body;
	const char *behind; /* its head */
} rows[] = {
    {"a new file", NULL, "S: x\r\n\r\nhi\r\n", "S: x\n\nhi\n\n"},
    {"an empty one", "", "S: x\r\n\r\nhi\r\n", "S: x\n\nhi\n\n"},
    {"behind another", "From x\n\nhello\n\n", "S: x\r\n\r\n", "S: x\n\n\n"},
    {"behind one without an end", "From x\n\nhel", "S: x\r\n\r\n",
	"S: x\n\n\n"},
    {"without an end", NULL, "S: x\r\n\r\nhi", "S: x\n\nhi\n\n"},
    {"nothing", NULL, "", "\n"},
    {"From", NULL,
	"S: x\r\n\r\nFrom here\r\nFrom\r\n From\r\n>From x\r\nxFrom x",
	"S: x\n\n>From here\nFrom\n From\n>From x\nxFrom x\n\n"},
    {"From at the end", NULL, "S: x\r\n\r\nFrom ", "S: x\n\n>From \n\n"},
};

static struct maildir_deliver
job(const char *body)
{
	struct maildir_deliver d = {.qid = SPAN_LIT("q"),
	    .account = SPAN_LIT("/x"),
	    .sender = SPAN_LIT("a@b.example"),
	    .trace = SPAN_LIT("Delivered-To: x@y\nReceived: r\n"),
	    .arrived_us = ARRIVED,
	    .file = io_memfd("message"),
	    .size = strlen(body)};

	assert_true(io_write_all(d.file, body, d.size));
	return d;
}

static void
write_file(const char *text)
{
	int fd = open("box", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && io_write_all(fd, text, strlen(text)));
	io_close(&fd);
}

static void
expect_file(const char *text)
{
	int fd = open("box", O_RDONLY | O_CLOEXEC);
	struct stat st;
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_true(fd >= 0 && io_read_file(fd, &b, NULL) == RC_OK);
	assert_string_equal(buf_cstr(&b), text);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	buf_fini(&b);
	io_close(&fd);
}

static char *
path_of(const char *name)
{
	struct buf b;
	char *path, *here = getcwd(NULL, 0);

	assert_non_null(here);
	buf_init(&b, 4096);
	buf_putf(&b, "%s/%s", here, name);
	path = span_dup(buf_span(&b));
	buf_fini(&b);
	free(here);
	return path;
}

static enum rc
append(const char *name, const char *body, struct why *why)
{
	struct maildir_deliver d = job(body);
	char *path = path_of(name);
	enum rc rc = mbox_append(path, &d, why);

	io_close(&d.file);
	free(path);
	return rc;
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	const char *before = row->before == NULL ? "" : row->before;
	bool cut = before[0] != '\0' && before[strlen(before) - 1] != '\n';
	struct why why;
	struct buf b;

	(void)unlink("box");
	if (row->before != NULL)
		write_file(row->before);
	buf_init(&b, 4096);
	buf_putf(
	    &b, "%s%s" FROM HEAD "%s", before, cut ? "\n\n" : "", row->behind);
	flushed.files = flushed.folders = 0;
	assert_int_equal(append("box", row->body, &why), RC_OK);
	expect_file(buf_cstr(&b));
	assert_int_equal(flushed.files, 1);
	assert_int_equal(flushed.size, b.n);
	assert_int_equal(flushed.folders, before[0] == '\0');
	/* and as it was, when that cannot be */
	write_file(before);
	flushed.fails = true;
	assert_int_equal(append("box", row->body, &why), RC_TEMP);
	flushed.fails = false;
	assert_string_equal(why.status, "4.3.0");
	expect_file(before);
	buf_fini(&b);
}

/* Lines longer than what is read at a time, and From at each place in it. */
static void
long_ones(void **state)
{
	const size_t n = 200000;
	char *body = calloc(n + 1, 1);
	struct why why;
	struct buf b;

	(void)state;
	assert_non_null(body);
	for (size_t shift = 0; shift < 16; shift++) {
		(void)unlink("box");
		for (size_t i = 0; i < n; i++)
			body[i] = (i + shift) % 70000 == 0 ? '\n' : 'x';
		for (size_t i = 65520 + shift % 8; i < 65552; i += 8)
			for (size_t k = 0; k < 8; k++)
				body[i + k] = "\nFrom x\n"[k];
		buf_init(&b, 1 << 20);
		buf_puts(&b, FROM HEAD);
		for (size_t i = 0; i < n; i++) {
			buf_putc(&b, body[i]);
			if (body[i] == '\n' &&
			    strncmp(body + i + 1, "From ", 5) == 0)
				buf_putc(&b, '>');
		}
		buf_puts(&b, body[n - 1] == '\n' ? "\n" : "\n\n");
		assert_int_equal(append("box", body, &why), RC_OK);
		expect_file(buf_cstr(&b));
		buf_fini(&b);
	}
	free(body);
}

static void
what_is_no_file(void **state)
{
	struct why why;

	(void)state;
	(void)unlink("box");
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(symlink("box", "link"), 0);
	assert_int_equal(append("fifo", "x", &why), RC_TEMP);
	assert_non_null(strstr(why.text, "no regular file"));
	assert_int_equal(append("link", "x", &why), RC_TEMP);
	assert_int_equal(append("..", "x", &why), RC_TEMP);
	assert_int_equal(append("no/box", "x", &why), RC_TEMP);
	assert_int_equal(access("box", F_OK), -1);
	assert_int_equal(
	    append("../../../../../../dev/null", "x", &why), RC_OK);
	assert_int_equal(unlink("fifo"), 0);
	assert_int_equal(unlink("link"), 0);
}

int
main(void)
{
	char folder[] = "/tmp/mailstead-mbox-XXXXXX";
	struct CMUnitTest tests[sizeof(rows) / sizeof(rows[0]) + 2];
	size_t n = sizeof(rows) / sizeof(rows[0]);
	int rc;

	if (mkdtemp(folder) == NULL || chdir(folder) != 0)
		return 1;
	for (size_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	tests[n] = (struct CMUnitTest)cmocka_unit_test(long_ones);
	tests[n + 1] = (struct CMUnitTest)cmocka_unit_test(what_is_no_file);
	rc = _cmocka_run_group_tests("mbox", tests, n + 2, NULL, NULL);
	(void)unlink("box");
	return chdir("/") == 0 && rmdir(folder) == 0 ? rc : 1;
}

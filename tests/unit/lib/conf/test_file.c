/*
 * Files on disk: the one that is installed, and files of odd sizes. Run from
 * the top of the tree.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/io.h"
#include "lib/conf/conf.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define HEAD "hostname: a.b\ndomains: [c.d]\n"

static const struct row {
	const char *name;
	const char *head;
	const char *again; /* as often as it fits */
	size_t size;
	enum rc rc;
	const char *begins; /* the report */
	size_t lines;
} rows[] = {
    {"largest", HEAD, "#\n", CONF_FILE_MAX, RC_OK, "", 0},
    {"too large", HEAD, "#\n", CONF_FILE_MAX + 1, RC_PERM,
	"m:1:1: larger than 1048576 bytes\n", 1},
    {"far too large", HEAD, "#\n", 3 * CONF_FILE_MAX, RC_PERM,
	"m:1:1: larger than 1048576 bytes\n", 1},
    {"mistakes without end", HEAD, "x:\n", CONF_FILE_MAX, RC_PERM,
	"m:3:1: x: unknown option\n", CONF_REPORT_MAX + 1},
    {"brackets without end", "", "[", CONF_FILE_MAX, RC_PERM,
	"m:1:1: expected options like", 2},
    {"many domains", "hostname: a.b\ndomains:\n", "- c.d\n", 60023, RC_OK, "",
	0},
    {"too many domains", "hostname: a.b\ndomains:\n", "- c.d\n", 66023, RC_PERM,
	"m:10003:3: domains: more than 10000 items\n", 1},
};

static void
fill(const struct row *row, struct buf *text)
{
	size_t n = strlen(row->again);

	assert_true(buf_puts(text, row->head));
	while (text->n + n <= row->size)
		assert_true(buf_puts(text, row->again));
	/* a comment's end */
	while (text->n < row->size)
		assert_true(buf_putc(text, '\n'));
}

static size_t
count_lines(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	int fd = memfd_create("conf", MFD_CLOEXEC);
	struct conf *conf = NULL;
	struct buf text, errors;

	assert_true(fd >= 0);
	buf_init(&text, row->size);
	buf_init(&errors, 65536);
	fill(row, &text);
	assert_true(io_write_all(fd, text.p, text.n));
	assert_int_equal(conf_load(fd, "m", &conf, &errors), row->rc);
	assert_true((conf != NULL) == (row->rc == RC_OK));
	assert_true(span_starts(buf_span(&errors), span_of(row->begins)));
	assert_int_equal(count_lines(buf_span(&errors)), row->lines);
	conf_free(&conf);
	buf_fini(&text);
	buf_fini(&errors);
	io_close(&fd);
}

static void
check_installed(void **state)
{
	int fd = open("conf/mailstead.yaml", O_RDONLY | O_CLOEXEC);
	struct conf *conf = NULL;
	struct buf errors;

	(void)state; /* no row */
	assert_true(fd >= 0);
	buf_init(&errors, 65536);
	assert_int_equal(
	    conf_load(fd, "mailstead.yaml", &conf, &errors), RC_OK);
	assert_string_equal(buf_cstr(&errors), "");
	assert_string_equal(conf->hostname, "mail.example.org");
	conf_free(&conf);
	buf_fini(&errors);
	io_close(&fd);
}

static void
check_unreadable(void **state)
{
	struct conf *conf = NULL;
	struct buf errors;

	(void)state; /* no row */
	buf_init(&errors, 65536);
	assert_int_equal(conf_load(-1, "m", &conf, &errors), RC_TEMP);
	assert_string_equal(
	    buf_cstr(&errors), "m: read: Bad file descriptor\n");
	assert_null(conf);
	buf_fini(&errors);
}

/* tests/data/conf: x.errors is what is said of x.yaml; nothing without it */
static void
check_corpus(void **state)
{
	DIR *dir = opendir("tests/data/conf");
	struct dirent *e;
	int n = 0;

	(void)state; /* no row */
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		struct span stem = span_of(e->d_name);
		struct conf *conf = NULL;
		struct buf errors, expected, name;
		int fd;

		stem = span_head(stem, span_rfind(stem, '.'));
		if (!span_eq(span_from(span_of(e->d_name), stem.n),
			SPAN_LIT(".yaml")))
			continue;
		buf_init(&errors, 65536);
		buf_init(&expected, 65536);
		buf_init(&name, 512);
		assert_true(
		    buf_put_span(&name, stem) && buf_puts(&name, ".errors"));
		fd = io_open_read(dirfd(dir), buf_cstr(&name));
		if (fd >= 0)
			assert_int_equal(
			    io_read_file(fd, &expected, NULL), RC_OK);
		io_close(&fd);
		fd = io_open_read(dirfd(dir), e->d_name);
		assert_true(fd >= 0);
		/* RC_PERM exactly when something is said */
		assert_true((conf_load(fd, e->d_name, &conf, &errors) ==
				RC_OK) == (expected.n == 0));
		assert_string_equal(buf_cstr(&errors), buf_cstr(&expected));
		conf_free(&conf);
		buf_fini(&errors);
		buf_fini(&expected);
		buf_fini(&name);
		io_close(&fd);
		n++;
	}
	assert_true(n > 5);
	(void)closedir(dir); /* was only read */
}

int
main(void)
{
	struct CMUnitTest tests[sizeof(rows) / sizeof(rows[0]) + 3] = {
	    cmocka_unit_test(check_installed),
	    cmocka_unit_test(check_unreadable),
	    cmocka_unit_test(check_corpus),
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		tests[i + 3] = (struct CMUnitTest){rows[i].name, check_row,
		    NULL, NULL, (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

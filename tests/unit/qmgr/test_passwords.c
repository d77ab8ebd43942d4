/* Passwords for other hosts: each goes to its host and login only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "qmgr/passwords.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const char table[] = "# comment\n"
			    "#a.example joe no\n"
			    "\n"
			    "a.example joe one\r\n"
			    "  A.example\tann@b   two words \n"
			    "b.example joe three\n"
			    "b.example joe four\n"
			    "c.example joe\n"
			    "d.example\n"
			    "[192.0.2.1] joe five";

static const struct row {
	const char *name;
	const char *host, *login;
	const char *password; /* NULL: there is none */
} rows[] = {
    {"host and login", "a.example", "joe", "one"},
    {"another login", "a.example", "ann@b", "two words"},
    {"case of the host", "A.EXAMPLE", "joe", "one"},
    {"case of the login", "a.example", "Joe", NULL},
    {"the first one", "b.example", "joe", "three"},
    {"another host", "e.example", "joe", NULL},
    {"a comment", "#a.example", "joe", NULL},
    {"no password", "c.example", "joe", NULL},
    {"no login", "d.example", "", NULL},
    {"the last line", "[192.0.2.1]", "joe", "five"},
    {"nobody", "", "", NULL},
};

static int
file_of(struct span text)
{
	int fd = io_memfd("passwords");

	assert_true(fd >= 0 && io_write_all(fd, text.p, text.n));
	return fd;
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct passwords p = {0};
	int fd = file_of(span_of(table));
	struct span found;

	passwords_take_table(&p, fd);
	found = passwords_find(&p, span_of(row->host), span_of(row->login));
	assert_true(span_eq(found, span_of(row->password)));
	/* a changed file, an empty one */
	assert_int_equal(ftruncate(fd, 0), 0);
	passwords_take_table(&p, fd);
	found = passwords_find(&p, span_of(row->host), span_of(row->login));
	assert_null(found.p);
	io_close(&fd);
	fd = file_of(SPAN_LIT("sm art\r\nmore\n"));
	passwords_take_smart(&p, fd);
	assert_string_equal(p.smart.p, "sm art");
	io_close(&fd);
	passwords_fini(&p);
}

ROWS_MAIN(rows, check_row)

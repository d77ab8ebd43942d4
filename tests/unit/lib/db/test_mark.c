/* The text beside a cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/io.h"
#include "lib/db/mark.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define M "mailstead-cache "

static const struct row {
	const char *name;
	const char *text;
	enum db_mark mark;
} rows[] = {
    {"open", M "f-1 b open\n", DB_MARK_OPEN},
    {"closed", M "f-1 b closed\n", DB_MARK_CLOSED},
    {"clean", M "f-1 b clean\n", DB_MARK_CLEAN},
    {"clean, another boot", M "f-1 c clean\n", DB_MARK_CLEAN},
    {"clean, no boot", M "f-1  clean\n", DB_MARK_CLEAN},
    {"closed, another boot", M "f-1 c closed\n", DB_MARK_NONE},
    {"closed, no boot", M "f-1  closed\n", DB_MARK_NONE},
    {"another format", M "f-2 b clean\n", DB_MARK_NONE},
    {"no format", M " b clean\n", DB_MARK_NONE},
    {"nothing", "", DB_MARK_NONE},
    {"a line's end", "\n", DB_MARK_NONE},
    {"no line's end", M "f-1 b clean", DB_MARK_NONE},
    {"two lines", M "f-1 b clean\nx", DB_MARK_NONE},
    {"another word", M "f-1 b shut\n", DB_MARK_NONE},
    {"no word", M "f-1 b \n", DB_MARK_NONE},
    {"one word more", M "f-1 b clean clean\n", DB_MARK_NONE},
    {"another name", "mailstead-db f-1 b clean\n", DB_MARK_NONE},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	const struct db_boot boot = {"b"};
	int fd = io_memfd("mark");
	struct why why;

	assert_int_equal(
	    db_mark_parse(span_of(row->text), "f-1", &boot), row->mark);
	assert_true(io_write_all(fd, row->text, strlen(row->text)));
	assert_int_equal(db_mark_read(fd, "f-1", &boot), row->mark);
	/* and whatever stood there, what is written is read */
	for (int m = DB_MARK_OPEN; m <= DB_MARK_CLEAN; m++) {
		assert_int_equal(
		    db_mark_write(fd, "f-1", &boot, (enum db_mark)m, &why),
		    RC_OK);
		assert_int_equal(db_mark_read(fd, "f-1", &boot), m);
	}
	io_close(&fd);
}

ROWS_MAIN(rows, check_row)

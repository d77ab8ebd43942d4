#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "imapd/seqset.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *in;
	uint32_t last;
	const char *out;
	uint32_t next_of_5;
	bool has_5;
} rows[] = {
    {"one", "5", 9, "5", 5, true},
    {"a range", "3:7", 9, "3:7", 5, true},
    {"backwards", "7:3", 9, "3:7", 5, true},
    {"star", "*", 9, "9", 9, false},
    {"star in a range", "7:*", 9, "7:9", 7, false},
    {"star is less than the other end", "20:*", 9, "9:20", 9, false},
    {"nothing is there", "*", 0, "", 0, false},
    {"nothing is there, a range", "1:*", 0, "", 0, false},
    {"in any order, once", "9,1:3,2,4", 9, "1:4,9", 9, false},
    {"the largest number", "4294967295,1:4294967295", 9, "1:4294967295", 5,
	true},
    {"all below", "1:4", 9, "1:4", 0, false},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct seqset s;
	struct buf b;

	buf_init(&b, 4096);
	seqset_init(&s);
	seqset_parse(&s, span_of(row->in), row->last);
	seqset_put(&s, &b);
	assert_string_equal(buf_cstr(&b), row->out);
	assert_int_equal(seqset_next(&s, 5), row->next_of_5);
	assert_int_equal(seqset_has(&s, 5), row->has_5);
	seqset_fini(&s);
	buf_fini(&b);
}

ROWS_MAIN(rows, check_row)

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/num.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

typedef bool parse_fn(struct span, uint64_t *);

static const struct row {
	const char *name;
	parse_fn *parse;
	const char *text;
	bool ok;
	uint64_t value;
} rows[] = {
    {"zero", num_u64, "0", true, 0},
    {"largest", num_u64, "18446744073709551615", true, UINT64_MAX},
    {"one too large", num_u64, "18446744073709551616", false, 0},
    {"empty", num_u64, "", false, 0},
    {"leading zero", num_u64, "025", false, 0},
    {"letters behind", num_u64, "12abc", false, 0},
    {"sign", num_u64, "+1", false, 0},
    {"space", num_u64, " 1", false, 0},
    {"padded takes zeros", num_u64_padded, "0025", true, 25},
    {"hex", num_hex, "9b1F0c22", true, 0x9b1f0c22},
    {"hex too long", num_hex, "11111111111111111", false, 0},
    {"minutes", num_duration, "5m", true, 300000},
    {"milliseconds", num_duration, "500ms", true, 500},
    {"duration wants a unit", num_duration, "5", false, 0},
    {"no time at all", num_duration, "0", true, 0},
    {"unknown unit", num_duration, "5x", false, 0},
    {"duration overflow", num_duration, "99999999999999999w", false, 0},
    {"plain size", num_size, "4096", true, 4096},
    {"megabytes", num_size, "25MB", true, 25 * 1048576},
    {"size case counts", num_size, "25mb", false, 0},
    {"size overflow", num_size, "99999999999TB", false, 0},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	uint64_t v = 0;

	assert_int_equal(row->parse(span_of(row->text), &v), row->ok);
	if (row->ok)
		assert_int_equal(v, row->value);
}

ROWS_MAIN(rows, check_row)

/* Dates as RFC 3339 writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *in;
	const char *out; /* as clock_put_rfc3339() says it; NULL: none */
} rows[] = {
    {"UTC", "2026-11-30T08:00:00Z", "2026-11-30T08:00:00.000Z"},
    {"small letters", "2026-11-30t08:00:00z", "2026-11-30T08:00:00.000Z"},
    {"east", "2026-11-30T08:00:00+01:30", "2026-11-30T06:30:00.000Z"},
    {"west", "2026-12-31T23:00:00-02:00", "2027-01-01T01:00:00.000Z"},
    {"a fraction", "2026-11-30T08:00:00.9999Z", "2026-11-30T08:00:00.000Z"},
    {"a leap second", "2026-12-31T23:59:60Z", "2027-01-01T00:00:00.000Z"},
    {"the first", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"},
    {"before it", "1970-01-01T00:00:00+00:01", NULL},
    {"the last", "9999-12-31T23:59:59-23:59", "10000-01-01T23:58:59.000Z"},
    {"no zone", "2026-11-30T08:00:00", NULL},
    {"no colon", "2026-11-30T08:00:00+0100", NULL},
    {"large zone", "2026-11-30T08:00:00+24:00", NULL},
    {"no fraction", "2026-11-30T08:00:00.Z", NULL},
    {"a space", "2026-11-30 08:00:00Z", NULL},
    {"a date", "2026-11-30", NULL},
    {"month 0", "2026-00-30T08:00:00Z", NULL},
    {"month 13", "2026-13-30T08:00:00Z", NULL},
    {"day 0", "2026-11-00T08:00:00Z", NULL},
    {"hour 24", "2026-11-30T24:00:00Z", NULL},
    {"minute 60", "2026-11-30T08:60:00Z", NULL},
    {"sign", "+026-11-30T08:00:00Z", NULL},
    {"something behind", "2026-11-30T08:00:00Zx", NULL},
    {"nothing", "", NULL},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	uint64_t us = 77;
	struct buf b;

	assert_int_equal(
	    clock_get_date_time(span_of(row->in), &us), row->out != NULL);
	if (row->out == NULL) {
		assert_int_equal(us, 77);
		return;
	}
	buf_init(&b, 100);
	clock_put_rfc3339(&b, us);
	if (strlen(row->out) == 24)
		assert_string_equal(buf_cstr(&b), row->out);
	buf_fini(&b);
}

ROWS_MAIN(rows, check_row)

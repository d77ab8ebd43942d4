/* Until when a message is wanted: what MAIL says, and what is kept of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/addr/by.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

/* 2026-11-29T12:00:00.500Z */
#define NOW    1795953600500000
#define SECOND 1000000

static const struct row {
	const char *name;
	const char *value;
	const char *kept; /* NULL: it is refused */
	const char *said; /* two seconds and a half later */
} rows[] = {
    {"return", "600;R", "2026-11-29T12:10:00.500Z;R", "597;R"},
    {"notify", "600;N", "2026-11-29T12:10:00.500Z;N", "597;N"},
    {"trace", "600;nt", "2026-11-29T12:10:00.500Z;NT", "597;NT"},
    {"plus", "+3;r", "2026-11-29T12:00:03.500Z;R", "0;R"},
    {"in the past", "-60;N", "2026-11-29T11:59:00.500Z;N", "-63;N"},
    {"now", "0;N", "2026-11-29T12:00:00.500Z;N", "-3;N"},
    {"the most", "999999999;RT", "2058-08-07T13:46:39.500Z;RT", "999999996;RT"},
    {"the least", "-999999999;N", "1995-03-23T10:13:21.500Z;N", "-999999999;N"},
    {"to be back before", "-1;R", NULL, NULL},
    {"to be back now", "0;R", NULL, NULL},
    {"to be back now, long", "000000000;R", NULL, NULL},
    {"ten digits", "1000000000;R", NULL, NULL},
    {"no number", ";R", NULL, NULL},
    {"only a sign", "-;N", NULL, NULL},
    {"two signs", "--1;N", NULL, NULL},
    {"no mode", "600", NULL, NULL},
    {"empty mode", "600;", NULL, NULL},
    {"another mode", "600;X", NULL, NULL},
    {"both", "600;RN", NULL, NULL},
    {"trace alone", "600;T", NULL, NULL},
    {"trace twice", "600;RTT", NULL, NULL},
    {"more", "600;R;N", NULL, NULL},
    {"empty", "", NULL, NULL},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct addr_by by = {.mode = ADDR_BY_NONE}, again = by;
	struct buf b;

	buf_init(&b, 100);
	if (row->kept == NULL) {
		assert_false(addr_by_ask(span_of(row->value), NOW, &by));
		assert_int_equal(by.mode, ADDR_BY_NONE);
	} else {
		assert_true(addr_by_ask(span_of(row->value), NOW, &by));
		addr_by_put(&b, &by);
		assert_string_equal(buf_cstr(&b), row->kept);
		assert_true(addr_by_get(buf_span(&b), &again));
		assert_int_equal(again.mode, by.mode);
		assert_int_equal(again.trace, by.trace);
		assert_int_equal(again.until_us, by.until_us);
		buf_clear(&b);
		addr_by_say(&b, &by, NOW + SECOND * 5 / 2);
		assert_string_equal(buf_cstr(&b), row->said);
	}
	buf_fini(&b);
}

static void
kept_form_only(void **state)
{
	static const char *const wrong[] = {"", ";R", "2026-11-29T12:10:00Z;R",
	    "2026-11-29T12:10:00.500Z", "2026-11-29T12:10:00.500Z;",
	    "2026-11-29T12:10:00.500Z;r", "2026-11-29T12:10:00.500Z;Rt",
	    "2026-11-29T12:10:00.500Z;X", "600;R"};
	struct addr_by by = {.mode = ADDR_BY_NONE};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(addr_by_get(span_of(wrong[i]), &by));
	assert_false(addr_by_over(&by, UINT64_MAX));
	buf_init(&b, 100);
	addr_by_put(&b, &by);
	assert_int_equal(b.n, 0);
	buf_fini(&b);
	assert_true(addr_by_ask(SPAN_LIT("1;R"), NOW, &by));
	assert_false(addr_by_over(&by, NOW + SECOND - 1));
	assert_true(addr_by_over(&by, NOW + SECOND));
	assert_int_equal(addr_by_left(&by, NOW + SECOND), 0);
	assert_int_equal(addr_by_left(&by, NOW + SECOND + 1), -1);
	by.until_us = UINT64_MAX;
	assert_int_equal(addr_by_left(&by, 0), 999999999);
}

static const struct CMUnitTest more[] = {cmocka_unit_test(kept_form_only)};

ROWS_MAIN_AND(rows, check_row, more)

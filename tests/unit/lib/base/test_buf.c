/* Bytes with a maximum: numbers, and formats that fit, nearly fit, do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static void
numbers(void)
{
	struct buf b;

	buf_init(&b, 200);
	buf_put_u64(&b, 0);
	buf_putc(&b, ' ');
	buf_put_u64(&b, 9);
	buf_putc(&b, ' ');
	buf_put_u64(&b, 10);
	buf_putc(&b, ' ');
	buf_put_u64(&b, UINT64_MAX);
	buf_putc(&b, ' ');
	buf_put_padded(&b, 7, 3);
	buf_putc(&b, ' ');
	buf_put_padded(&b, 12345, 3);
	buf_putc(&b, ' ');
	buf_put_padded(&b, UINT64_MAX, 20);
	assert_string_equal(buf_cstr(&b),
	    "0 9 10 18446744073709551615 007 345 18446744073709551615");
	buf_fini(&b);
}

/* With every amount of text before it, so that it grows at each place. */
static void
formats(void)
{
	char expect[400], text[64];
	struct buf b;

	for (size_t before = 0; before < 300; before++) {
		buf_init(&b, 400);
		memset(expect, 'x', before);
		for (size_t i = 0; i < before; i++)
			buf_putc(&b, 'x');
		assert_true(buf_putf(&b, "%s-%d", "abc", 12345));
		memcpy(expect + before, "abc-12345", 10);
		assert_string_equal(buf_cstr(&b), expect);
		buf_fini(&b);
	}
	/* in somebody's own memory, up to its maximum */
	for (size_t max = 0; max < 12; max++) {
		b = (struct buf){.p = text, .cap = sizeof(text), .max = max};
		assert_int_equal(buf_putf(&b, "%s-%d", "abc", 12345), max >= 9);
		assert_int_equal(b.n, max >= 9 ? 9 : 0);
		assert_int_equal(b.over, max < 9);
	}
}

static void
times(void)
{
	struct buf b;

	buf_init(&b, 100);
	clock_put_rfc3339(&b, 0);
	buf_putc(&b, ' ');
	clock_put_rfc3339(&b, 1795770123045678);
	assert_string_equal(
	    buf_cstr(&b), "1970-01-01T00:00:00.000Z 2026-11-27T09:02:03.045Z");
	buf_fini(&b);
}

static const struct row {
	const char *name;
	void (*act)(void);
} rows[] = {
    {"numbers", numbers},
    {"formats", formats},
    {"times", times},
};

static void
check_row(void **state)
{
	const struct row *row = *state;

	row->act();
}

ROWS_MAIN(rows, check_row)

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/ev/line.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

/* max is 4; a line is shown as <line>, one that was too long as ! */
static const struct row {
	const char *name;
	struct span in;
	struct span seen;
} rows[] = {
    {"a line", SPAN_LIT("ab\r\n"), SPAN_LIT("<ab>")},
    {"two", SPAN_LIT("a\r\nb\r\n"), SPAN_LIT("<a><b>")},
    {"an empty one", SPAN_LIT("\r\n"), SPAN_LIT("<>")},
    {"not yet", SPAN_LIT("ab\r"), SPAN_LIT("")},
    {"LF alone ends nothing", SPAN_LIT("a\nb\r\n"), SPAN_LIT("<a\nb>")},
    {"CR alone ends nothing", SPAN_LIT("a\rb\r\n"), SPAN_LIT("<a\rb>")},
    {"CR CR LF", SPAN_LIT("a\r\r\n"), SPAN_LIT("<a\r>")},
    {"as long as may be", SPAN_LIT("abcd\r\n"), SPAN_LIT("<abcd>")},
    {"too long", SPAN_LIT("abcde\r\nx\r\n"), SPAN_LIT("!<x>")},
    {"much too long", SPAN_LIT("abcdefghijklmnop\r\nx\r\n"), SPAN_LIT("!<x>")},
    {"the rest has no line in it", SPAN_LIT("abcdefgh\rQUIT\nQ\r\nx\r\n"),
	SPAN_LIT("!<x>")},
};

static void
check_cut(const struct row *row, size_t n)
{
	struct line l = {.max = 4};
	struct buf in, seen;
	struct span text;

	buf_init(&in, 4096);
	buf_init(&seen, 4096);
	for (size_t at = 0; at < row->in.n; at += n) {
		enum line_kind kind;
		size_t used;

		buf_put_span(&in, span_head(span_from(row->in, at), n));
		do {
			kind = line_next(&l, buf_span(&in), &text, &used);
			if (kind == LINE_WHOLE)
				buf_putf(
				    &seen, "<" SPAN_FMT ">", SPAN_ARG(text));
			else if (kind == LINE_TOO_LONG)
				buf_putc(&seen, '!');
			buf_drop(&in, used);
		} while (kind != LINE_NONE);
		assert_true(in.n <= l.max + 1);
	}
	assert_int_equal(seen.n, row->seen.n);
	assert_memory_equal(buf_cstr(&seen), row->seen.p, seen.n);
	buf_fini(&in);
	buf_fini(&seen);
}

static void
check_row(void **state)
{
	const struct row *row = *state;

	for (size_t n = 1; n <= row->in.n; n++)
		check_cut(row, n);
}

ROWS_MAIN(rows, check_row)

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "imapd/input.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

/*
 * max is 24. Seen: <command>, +n for a literal that waits, ~n for one that
 * does not, data in (), ! for one that was too long. A literal is streamed
 * when its text begins with "S", refused when it begins with "R" or does not
 * fit, else kept.
 */
static const struct row {
	const char *name;
	struct span in;
	struct span seen;
} rows[] = {
    {"a line", SPAN_LIT("a NOOP\r\n"), SPAN_LIT("<a NOOP>")},
    {"two", SPAN_LIT("a\r\nb\r\n"), SPAN_LIT("<a><b>")},
    {"LF alone ends nothing", SPAN_LIT("a\nb\r\n"), SPAN_LIT("<a\nb>")},
    {"CR alone ends nothing", SPAN_LIT("a\rb\r\n"), SPAN_LIT("<a\rb>")},
    {"a literal", SPAN_LIT("a {3}\r\nxyz b\r\n"),
	SPAN_LIT("+3<a {3}\r\nxyz b>")},
    {"CRLF in a literal", SPAN_LIT("a {4}\r\n\r\n\r\n b\r\n"),
	SPAN_LIT("+4<a {4}\r\n\r\n\r\n b>")},
    {"a literal that ends in CR", SPAN_LIT("a {1}\r\n\r\nb\r\n"),
	SPAN_LIT("+1<a {1}\r\n\r\nb>")},
    {"an empty literal", SPAN_LIT("a {0}\r\n b\r\n"),
	SPAN_LIT("+0<a {0}\r\n b>")},
    {"LITERAL+", SPAN_LIT("a {1+}\r\nx\r\n"), SPAN_LIT("~1<a {1+}\r\nx>")},
    {"two literals", SPAN_LIT("a {1}\r\nx {1}\r\ny\r\n"),
	SPAN_LIT("+1+1<a {1}\r\nx {1}\r\ny>")},
    {"no literal: digits lack", SPAN_LIT("a {}\r\nb\r\n"),
	SPAN_LIT("<a {}><b>")},
    {"no literal: no number", SPAN_LIT("a {1-}\r\n"), SPAN_LIT("<a {1-}>")},
    {"no literal: too large a number", SPAN_LIT("a {99999999999999999999}\r\n"),
	SPAN_LIT("!")},
    {"streamed", SPAN_LIT("S {5}\r\nhello\r\nb\r\n"),
	SPAN_LIT("+5(h)(e)(l)(l)(o)<><b>")},
    {"streamed, with more behind", SPAN_LIT("S {1}\r\nx y\r\nb\r\n"),
	SPAN_LIT("+1(x)< y><b>")},
    {"streamed, and empty", SPAN_LIT("S {0}\r\n\r\nb\r\n"),
	SPAN_LIT("+0<><b>")},
    {"refused, the client has not sent it", SPAN_LIT("R {5}\r\nb\r\n"),
	SPAN_LIT("+5<b>")},
    {"refused, the client sends it", SPAN_LIT("R {3+}\r\nx\r\n z\r\nb\r\n"),
	SPAN_LIT("~3<b>")},
    {"refused, and one behind it",
	SPAN_LIT("R {1+}\r\nx {2+}\r\n\r\n\r\nb\r\n"), SPAN_LIT("~1<b>")},
    {"a literal too long to keep", SPAN_LIT("a {99+}\r\n"), SPAN_LIT("~99")},
    {"too long", SPAN_LIT("abcdefghijklmnopqrstuvwxyz\r\nb\r\n"),
	SPAN_LIT("!<b>")},
    {"much too long",
	SPAN_LIT(
	    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\r\nb\r\n"),
	SPAN_LIT("!<b>")},
    {"too long, with a literal in it",
	SPAN_LIT("abcdefghijklmnopqrstuvwxyz {3+}\r\n\r\nX\r\nb\r\n"),
	SPAN_LIT("!<b>")},
    {"too long, with an empty literal at its end",
	SPAN_LIT("abcdefghijklmnopqrstuvwxyz {0+}\r\n\r\nb\r\n"),
	SPAN_LIT("!<b>")},
    {"too long, and its literal waits for an answer",
	SPAN_LIT("abcdefghijklmnopqrstuvwxyz {3}\r\nb\r\n"), SPAN_LIT("!<b>")},
    {"too long behind a literal",
	SPAN_LIT("a {1+}\r\nx abcdefghijklmnopqrstuvwxyz\r\nb\r\n"),
	SPAN_LIT("~1!<b>")},
};

static void
see(struct input *in, enum input_kind kind, struct span data, struct buf *seen)
{
	char first = in->text.n > 0 ? in->text.p[0] : ' ';

	switch (kind) {
	case INPUT_NONE:
		break;
	case INPUT_COMMAND:
		buf_putc(seen, '<');
		buf_put_span(seen, buf_span(&in->text));
		buf_putc(seen, '>');
		break;
	case INPUT_TOO_LONG:
		buf_putc(seen, '!');
		break;
	case INPUT_DATA:
		/* however it is cut, byte by byte */
		for (size_t i = 0; i < data.n; i++)
			buf_putf(seen, "(%c)", data.p[i]);
		break;
	case INPUT_LITERAL:
		buf_putf(seen, "%c%d", in->sync ? '+' : '~', (int)in->literal);
		if (first == 'S')
			input_stream(in);
		else if (first == 'R' || !input_keep(in))
			input_refuse(in);
		break;
	}
}

static void
check_cut(const struct row *row, size_t n)
{
	struct input in;
	struct buf bytes, seen;

	input_init(&in, 24);
	buf_init(&bytes, 4096);
	buf_init(&seen, 4096);
	for (size_t at = 0; at < row->in.n; at += n) {
		enum input_kind kind;
		struct span data;
		size_t used;

		buf_put_span(&bytes, span_head(span_from(row->in, at), n));
		do {
			kind = input_next(&in, buf_span(&bytes), &data, &used);
			assert_true(used <= bytes.n);
			see(&in, kind, data, &seen);
			buf_drop(&bytes, used);
		} while (kind != INPUT_NONE || used > 0);
		/* whatever is left would wait for more to come */
		assert_int_equal(bytes.n, 0);
	}
	buf_putc(&seen, '\0');
	assert_string_equal(seen.p, row->seen.p);
	input_fini(&in);
	buf_fini(&bytes);
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

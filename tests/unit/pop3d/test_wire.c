#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pop3d/wire.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define WHOLE -1

static const struct row {
	const char *name;
	int lines; /* of TOP, or WHOLE */
	struct span in;
	struct span out;
} rows[] = {
    {"LF becomes CRLF", WHOLE, SPAN_LIT("a\n\nb\n"),
	SPAN_LIT("a\r\n\r\nb\r\n.\r\n")},
    {"CRLF stays", WHOLE, SPAN_LIT("a\r\n\r\nb\r\n"),
	SPAN_LIT("a\r\n\r\nb\r\n.\r\n")},
    {"both in one file", WHOLE, SPAN_LIT("a\nb\r\nc\n"),
	SPAN_LIT("a\r\nb\r\nc\r\n.\r\n")},
    {"a dot is doubled", WHOLE, SPAN_LIT(".\n..\na.b\n.x\n"),
	SPAN_LIT("..\r\n...\r\na.b\r\n..x\r\n.\r\n")},
    {"a dot before CRLF too", WHOLE, SPAN_LIT(".\r\n"),
	SPAN_LIT("..\r\n.\r\n")},
    {"no line end at the end", WHOLE, SPAN_LIT("a\nb"),
	SPAN_LIT("a\r\nb\r\n.\r\n")},
    {"a CR at the end", WHOLE, SPAN_LIT("a\r"), SPAN_LIT("a\r\n.\r\n")},
    {"only a dot", WHOLE, SPAN_LIT("."), SPAN_LIT("..\r\n.\r\n")},
    {"nothing", WHOLE, SPAN_LIT(""), SPAN_LIT(".\r\n")},
    {"a bare CR stays", WHOLE, SPAN_LIT("a\rb\n.\r.\n"),
	SPAN_LIT("a\rb\r\n..\r.\r\n.\r\n")},
    {"NUL and eight bits", WHOLE, SPAN_LIT("\0\xff\n"),
	SPAN_LIT("\0\xff\r\n.\r\n")},
    {"TOP 0", 0, SPAN_LIT("h: 1\ni: 2\n\nb\n"),
	SPAN_LIT("h: 1\r\ni: 2\r\n\r\n.\r\n")},
    {"TOP 1", 1, SPAN_LIT("h: 1\n\n.b\nc\n"),
	SPAN_LIT("h: 1\r\n\r\n..b\r\n.\r\n")},
    {"TOP counts empty lines", 2, SPAN_LIT("h: 1\n\n\n\nc\n"),
	SPAN_LIT("h: 1\r\n\r\n\r\n\r\n.\r\n")},
    {"TOP of CRLF", 1, SPAN_LIT("h: 1\r\n\r\nb\r\nc\r\n"),
	SPAN_LIT("h: 1\r\n\r\nb\r\n.\r\n")},
    {"TOP of more than there is", 9, SPAN_LIT("h: 1\n\nb\n"),
	SPAN_LIT("h: 1\r\n\r\nb\r\n.\r\n")},
    {"TOP without a body", 0, SPAN_LIT("h: 1\n"), SPAN_LIT("h: 1\r\n.\r\n")},
    {"TOP: CR CR LF is no empty line", 0, SPAN_LIT("h\n\r\r\ni\n"),
	SPAN_LIT("h\r\n\r\r\ni\r\n.\r\n")},
};

/* In pieces of n octets: where the reads cut must not matter. */
static void
check_cut(const struct row *row, size_t n)
{
	struct wire w = {0};
	struct buf out;

	buf_init(&out, 4096);
	if (row->lines != WHOLE)
		wire_init_top(&w, (uint64_t)row->lines);
	for (size_t at = 0; at < row->in.n; at += n)
		wire_put(&w, span_head(span_from(row->in, at), n), &out);
	wire_end(&w, &out);
	assert_int_equal(out.n, row->out.n);
	assert_memory_equal(out.p, row->out.p, out.n);
	buf_fini(&out);
}

static void
check_row(void **state)
{
	const struct row *row = *state;

	for (size_t n = 1; n <= row->in.n + 1; n++)
		check_cut(row, n);
}

ROWS_MAIN(rows, check_row)

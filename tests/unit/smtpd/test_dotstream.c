#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "smtpd/dotstream.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	struct span in;
	struct span content;
	unsigned faults;
	bool done;
	size_t left;  /* behind the end */
	bool counted; /* octets of BDAT, and all of them */
} rows[] = {
    {"a line", SPAN_LIT("Hi\r\n.\r\n"), SPAN_LIT("Hi\r\n"), 0, true, 0, false},
    {"no content", SPAN_LIT(".\r\n"), SPAN_LIT(""), 0, true, 0, false},
    {"what follows stays", SPAN_LIT("a\r\n.\r\nQUIT\r\n"), SPAN_LIT("a\r\n"), 0,
	true, 6, false},
    {"a stuffed dot", SPAN_LIT("..\r\n.\r\n"), SPAN_LIT(".\r\n"), 0, true, 0,
	false},
    {"dot before text", SPAN_LIT(".x\r\n.\r\n"), SPAN_LIT("x\r\n"), 0, true, 0,
	false},
    {"dots within a line", SPAN_LIT("a.b.\r\n.\r\n"), SPAN_LIT("a.b.\r\n"), 0,
	true, 0, false},
    {"not yet the end", SPAN_LIT("a\r\n.\r"), SPAN_LIT("a\r\n"), 0, false, 0,
	false},
    {"LF dot LF is no end", SPAN_LIT("a\n.\nMAIL\r\n.\r\n"),
	SPAN_LIT("a\n.\nMAIL\r\n"), DOTSTREAM_BARE_LF, true, 0, false},
    {"LF dot CRLF is no end", SPAN_LIT("a\n.\r\nb\r\n.\r\n"),
	SPAN_LIT("a\n.\r\nb\r\n"), DOTSTREAM_BARE_LF, true, 0, false},
    {"CRLF dot LF is no end", SPAN_LIT("a\r\n.\nb\r\n.\r\n"),
	SPAN_LIT("a\r\n\nb\r\n"), DOTSTREAM_BARE_LF, true, 0, false},
    {"CR dot CR is no end", SPAN_LIT("a\r.\rb\r\n.\r\n"),
	SPAN_LIT("a\r.\rb\r\n"), DOTSTREAM_BARE_CR, true, 0, false},
    {"CRLF dot CR is no end", SPAN_LIT("a\r\n.\rb\r\n.\r\n"),
	SPAN_LIT("a\r\n\rb\r\n"), DOTSTREAM_BARE_CR, true, 0, false},
    {"CR CR LF", SPAN_LIT("a\r\r\n.\r\n"), SPAN_LIT("a\r\r\n"),
	DOTSTREAM_BARE_CR, true, 0, false},
    {"NUL", SPAN_LIT("a\0b\r\n.\r\n"), SPAN_LIT("a\0b\r\n"), DOTSTREAM_NUL,
	true, 0, false},
    {"eight bits pass", SPAN_LIT("\xc3\xa4\r\n.\r\n"), SPAN_LIT("\xc3\xa4\r\n"),
	0, true, 0, false},
    {"counted: dots stay", SPAN_LIT(".\r\n..\r\n.\r\n"),
	SPAN_LIT(".\r\n..\r\n.\r\n"), 0, true, 0, true},
    {"counted: no last line end", SPAN_LIT("a\r\nb"), SPAN_LIT("a\r\nb"), 0,
	true, 0, true},
    {"counted: bare LF", SPAN_LIT("a\n.\nb"), SPAN_LIT("a\n.\nb"),
	DOTSTREAM_BARE_LF, true, 0, true},
    {"counted: bare CR", SPAN_LIT("a\rb\r\r\n"), SPAN_LIT("a\rb\r\r\n"),
	DOTSTREAM_BARE_CR, true, 0, true},
    {"counted: CR at the end", SPAN_LIT("a\r\n\r"), SPAN_LIT("a\r\n\r"),
	DOTSTREAM_BARE_CR, true, 0, true},
    {"counted: NUL", SPAN_LIT("\0"), SPAN_LIT("\0"), DOTSTREAM_NUL, true, 0,
	true},
};

/* In pieces of n octets: where the network cuts must not matter. */
static void
check_cut(const struct row *row, size_t n)
{
	struct dotstream d = {0};
	struct buf out;
	size_t used = 0;

	buf_init(&out, 4096);
	while (used < row->in.n && d.state != DOTSTREAM_DONE) {
		size_t part = row->in.n - used < n ? row->in.n - used : n;

		if (row->counted) {
			dotstream_chunk(
			    &d, span_make(row->in.p + used, part), &out);
			used += part;
			continue;
		}
		used +=
		    dotstream_feed(&d, span_make(row->in.p + used, part), &out);
	}
	if (row->counted)
		dotstream_end(&d, &out);
	assert_int_equal(d.state == DOTSTREAM_DONE, row->done);
	assert_int_equal(d.faults, row->faults);
	assert_int_equal(out.n, row->content.n);
	assert_memory_equal(out.p == NULL ? "" : out.p, row->content.p, out.n);
	assert_int_equal(row->in.n - used, row->left);
	buf_fini(&out);
}

static void
check_row(void **state)
{
	const struct row *row = *state;

	for (size_t n = 1; n <= row->in.n; n++)
		check_cut(row, n);
}

ROWS_MAIN(rows, check_row)

/* What goes out behind DATA; where the file is cut must not matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "delivery/client_dot.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *in;
	const char *out;
} rows[] = {
    {"plain", "a\r\nb\r\n", "a\r\nb\r\n.\r\n"},
    {"empty", "", ".\r\n"},
    {"a dot alone", ".\r\n", "..\r\n.\r\n"},
    {"dots that begin lines", ".a\r\n..b\r\nc.\r\n",
	"..a\r\n...b\r\nc.\r\n.\r\n"},
    {"the end is missing", "a", "a\r\n.\r\n"},
    {"half of the end", "a\r", "a\r\n.\r\n"},
    {"a dot without an end", "a\r\n.", "a\r\n..\r\n.\r\n"},
    {"bare LF", "a\n.\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"},
    {"bare CR", "a\r.\rb\r\n", "a\r\n..\r\nb\r\n.\r\n"},
    {"CR CR LF", "a\r\r\n.\r\n", "a\r\n\r\n..\r\n.\r\n"},
    {"an end in disguise", "a\n.\r\nMAIL FROM:<b>\r\n",
	"a\r\n..\r\nMAIL FROM:<b>\r\n.\r\n"},
    {"empty lines", "\r\n\r\n", "\r\n\r\n.\r\n"},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct span in = span_of(row->in);

	for (size_t step = 1; step <= in.n + 1; step++) {
		struct client_dot d = {0};
		struct buf out;

		buf_init(&out, 2 * in.n + 5);
		for (size_t i = 0; i < in.n; i += step)
			client_dot_put(
			    &d, span_head(span_from(in, i), step), &out);
		client_dot_end(&d, &out);
		assert_false(out.over);
		assert_string_equal(buf_cstr(&out), row->out);
		buf_fini(&out);
	}
}

ROWS_MAIN(rows, check_row)

/* Lines of the history: what is written is read back, and what strangers
 * wrote stays a value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "qmgr/history_line.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define TIME "2026-11-26T19:00:00.123Z "

static const struct row {
	const char *name;
	const char *value; /* NULL: `line` is only read */
	const char *line;  /* behind the event; NULL: not a line */
} rows[] = {
    {"plain", "a@b.example", " text=a@b.example"},
    {"empty", "", " text="},
    {"a space", "no such user", " text=\"no such user\""},
    {"a line end", "x\nforged", " text=x%0aforged"},
    {"a line end and spaces", "x\r\n2026 done id=1",
	" text=\"x%0d%0a2026 done id%3d1\""},
    {"a quote", "\" id=1 x=\"", " text=\"%22 id%3d1 x%3d%22\""},
    {"a percent", "100%20", " text=100%2520"},
    {"brackets", "<a@b>", " text=%3ca@b%3e"},
    {"eight bits", "\xc3\xa4\xff", " text=%c3%a4%ff"},
    {"control", "\x01\x1b\x7f", " text=%01%1b%7f"},
    {"no field", NULL, ""},
    {"two", NULL, " id=1 to=x"},
    {"cut in an escape", NULL, " text=a%2"},
    {"ended by its writer", NULL, " text=a%torn"},
    {"ended in quotes", NULL, " text=\"a b%torn"},
    {"quotes not closed", NULL, " text=\"a b"},
    {"behind quotes", NULL, " text=\"a b\"c"},
    {"a quote inside", NULL, " text=a\"b"},
    {"two equals", NULL, " a=b=c"},
    {"no key", NULL, " =c"},
    {"no equals", NULL, " abc"},
    {"two spaces", NULL, "  a=b"},
    {"a space at the end", NULL, " a=b "},
    {"a bare byte", NULL, " a=\xff"},
};

static bool
is_line(const char *name)
{
	static const char *const good[] = {"no field", "two"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (strcmp(name, good[i]) == 0)
			return true;
	return false;
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct history_line l;
	struct buf b;

	buf_init(&b, HISTORY_LINE_MAX);
	if (row->value == NULL) {
		buf_puts(&b, TIME "failed");
		buf_puts(&b, row->line);
		assert_int_equal(
		    history_line_parse(buf_span(&b), &l), is_line(row->name));
	} else {
		history_line_begin(&b, 1795719600123000, HISTORY_FAILED);
		history_line_text(&b, "none", SPAN_NONE);
		history_line_text(&b, "text", span_of(row->value));
		history_line_end(&b);
		assert_int_equal(b.p[b.n - 1], '\n');
		b.p[--b.n] = '\0';
		assert_int_equal(
		    strncmp(b.p, TIME "failed", sizeof(TIME "failed") - 1), 0);
		assert_string_equal(b.p + sizeof(TIME "failed") - 1, row->line);
		assert_true(history_line_parse(buf_span(&b), &l));
		assert_int_equal(l.n, 1);
		assert_int_equal(l.event, HISTORY_FAILED);
		assert_int_equal(l.time_us, 1795719600123000);
		assert_true(history_line_is(&l, "text", span_of(row->value)));
		assert_false(history_line_is(&l, "id", SPAN_LIT("")));
	}
	buf_fini(&b);
}

ROWS_MAIN(rows, check_row)

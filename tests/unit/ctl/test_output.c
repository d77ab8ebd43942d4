#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ctl/output.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define U "\xef\xbf\xbd"

static void
string(struct buf *b, struct span s)
{
	output_json_string(b, s);
}

static void
object(struct buf *b, struct span s)
{
	struct output_row row;

	output_parse(&row, s);
	output_json_row(b, &row, "login name");
	output_fini(&row);
}

static const struct row {
	const char *name;
	void (*make)(struct buf *b, struct span s);
	struct span in;
	const char *out;
} rows[] = {
    {"plain", string, SPAN_LIT("abc"), "\"abc\""},
    {"empty", string, SPAN_LIT(""), "\"\""},
    {"quote, backslash, slash", string, SPAN_LIT("\"\\/"), "\"\\\"\\\\/\""},
    {"control", string, SPAN_LIT("\x01\n\t\r\x1f\x7f"),
	"\"\\u0001\\n\\t\\u000d\\u001f\\u007f\""},
    {"NUL", string, SPAN_LIT("a\0b"), "\"a\\u0000b\""},
    {"UTF-8 of 2, 3, 4", string, SPAN_LIT("\u00e4\u20ac\U0001f600"),
	"\"\u00e4\u20ac\U0001f600\""},
    {"lone continuation", string, SPAN_LIT("a\x80z"), "\"a" U "z\""},
    {"cut", string, SPAN_LIT("\xe2\x82"), "\"" U U "\""},
    {"cut by ASCII", string, SPAN_LIT("\xc3z"), "\"" U "z\""},
    {"overlong", string, SPAN_LIT("\xc0\xaf"), "\"" U U "\""},
    {"overlong of 3", string, SPAN_LIT("\xe0\x80\xaf"), "\"" U U U "\""},
    {"surrogate", string, SPAN_LIT("\xed\xa0\x80"), "\"" U U U "\""},
    {"beyond", string, SPAN_LIT("\xf4\x90\x80\x80"), "\"" U U U U "\""},
    {"latin1", string, SPAN_LIT("\xe4\xff"), "\"" U U "\""},
    {"row", object, SPAN_LIT("kind=x a=1 b=yes c=no d=x%20y"),
	"{\"a\":1,\"b\":true,\"c\":false,\"d\":\"x y\"}"},
    {"texts stay texts", object, SPAN_LIT("login=7 name=yes locked=yes"),
	"{\"login\":\"7\",\"name\":\"yes\",\"locked\":true}"},
    {"no JSON number", object, SPAN_LIT("a=007 b=-1 c=1.5 d=%31"),
	"{\"a\":\"007\",\"b\":\"-1\",\"c\":\"1.5\",\"d\":1}"},
    {"empty value", object, SPAN_LIT("a= b=1"), "{\"a\":\"\",\"b\":1}"},
    {"no pairs", object, SPAN_LIT("junk =x  a=1"), "{\"a\":1}"},
    {"bad escape", object, SPAN_LIT("a=%zz"), "{\"a\":\"%zz\"}"},
    {"nothing", object, SPAN_LIT(""), "{}"},
    {"for a terminal", output_plain, SPAN_LIT("a\x1b[2J\u00e4"), "a?[2J\u00e4"},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct buf b;

	buf_init(&b, 4096);
	row->make(&b, row->in);
	assert_string_equal(buf_cstr(&b), row->out);
	buf_fini(&b);
}

ROWS_MAIN(rows, check_row)

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "imapd/parse.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

enum what {
	TAG,
	ATOM,
	STRING,
	ASTRING,
	LIST,
	NUMBER,
	NZ,
	SET,
	WORD, /* FLAGS */
	DATE,
	DATE_TIME,
};

/* Seen is what was taken, "" for nothing; the rest is what stands behind. */
static const struct row {
	const char *name;
	enum what what;
	struct span in;
	const char *seen; /* NULL: refused */
	const char *rest;
} rows[] = {
    {"tag", TAG, SPAN_LIT("a.1 x"), "a.1", " x"},
    {"tag without plus", TAG, SPAN_LIT("+ x"), NULL, "+ x"},
    {"atom", ATOM, SPAN_LIT("INBOX/a]b x"), "INBOX/a]b", " x"},
    {"atom without wildcards", ATOM, SPAN_LIT("a*b"), "a", "*b"},
    {"atom is not empty", ATOM, SPAN_LIT(" a"), NULL, " a"},
    {"quoted", STRING, SPAN_LIT("\"a b\" c"), "a b", " c"},
    {"quoted, empty", STRING, SPAN_LIT("\"\""), "", ""},
    {"quoted with escapes", STRING, SPAN_LIT("\"a\\\"b\\\\\"x"), "a\"b\\", "x"},
    {"quoted, wrong escape", STRING, SPAN_LIT("\"a\\b\""), NULL, "\"a\\b\""},
    {"quoted, not closed", STRING, SPAN_LIT("\"ab"), NULL, "\"ab"},
    {"quoted, escape at the end", STRING, SPAN_LIT("\"ab\\"), NULL, "\"ab\\"},
    {"quoted, a line end in it", STRING, SPAN_LIT("\"a\nb\""), NULL,
	"\"a\nb\""},
    {"literal", STRING, SPAN_LIT("{3}\r\na\"b c"), "a\"b", " c"},
    {"literal that does not wait", STRING, SPAN_LIT("{1+}\r\na"), "a", ""},
    {"literal, empty", STRING, SPAN_LIT("{0}\r\n x"), "", " x"},
    {"literal, cut", STRING, SPAN_LIT("{3}\r\nab"), NULL, "{3}\r\nab"},
    {"literal with NUL", STRING, SPAN_LIT("{1}\r\n\0"), NULL, "{1}\r\n"},
    {"astring: atom", ASTRING, SPAN_LIT("ab c"), "ab", " c"},
    {"astring: string", ASTRING, SPAN_LIT("\"ab\""), "ab", ""},
    {"list wildcards", LIST, SPAN_LIT("a%*/b x"), "a%*/b", " x"},
    {"number", NUMBER, SPAN_LIT("0 "), "0", " "},
    {"number, largest", NUMBER, SPAN_LIT("4294967295"), "4294967295", ""},
    {"number, too large", NUMBER, SPAN_LIT("4294967296"), NULL, "4294967296"},
    {"nz-number", NZ, SPAN_LIT("0"), NULL, "0"},
    {"set", SET, SPAN_LIT("1:*,3,*:7 x"), "1:*,3,*:7", " x"},
    {"set without zero", SET, SPAN_LIT("0:3"), NULL, "0:3"},
    {"set, a comma too many", SET, SPAN_LIT("1,"), NULL, "1,"},
    {"word", WORD, SPAN_LIT("flags)"), "FLAGS", ")"},
    {"word, longer", WORD, SPAN_LIT("flagsx"), NULL, "flagsx"},
    {"date", DATE, SPAN_LIT("1-Jan-1970"), "0", ""},
    {"date, in quotes", DATE, SPAN_LIT("\"25-nov-2026\""), "20782", ""},
    {"date, leap day", DATE, SPAN_LIT("1-Mar-2000"), "11017", ""},
    {"date, no such month", DATE, SPAN_LIT("1-Foo-2000"), NULL, "1-Foo-2000"},
    {"date, no such day", DATE, SPAN_LIT("31-Apr-2000"), NULL, "31-Apr-2000"},
    {"date, cut", DATE, SPAN_LIT("1-"), NULL, "1-"},
    {"date-time", DATE_TIME, SPAN_LIT("\" 1-Jan-1970 00:00:01 +0000\""), "1",
	""},
    {"date-time, east", DATE_TIME, SPAN_LIT("\"01-Jan-1970 02:00:00 +0200\""),
	"0", ""},
    {"date-time, west", DATE_TIME, SPAN_LIT("\"31-Dec-1969 16:00:00 -0800\""),
	"0", ""},
    {"date-time without quotes", DATE_TIME,
	SPAN_LIT("1-Jan-1970 00:00:01 +0000"), NULL,
	"1-Jan-1970 00:00:01 +0000"},
};

static bool
take(enum what what, struct parse *p, struct buf *seen)
{
	struct span s = SPAN_NONE;
	int64_t wide = 0;
	uint32_t n = 0;
	bool ok = false;

	switch (what) {
	case TAG:
		ok = parse_tag(p, &s);
		break;
	case ATOM:
		ok = parse_atom(p, &s);
		break;
	case STRING:
		ok = parse_string(p, &s);
		break;
	case ASTRING:
		ok = parse_astring(p, &s);
		break;
	case LIST:
		ok = parse_list_mailbox(p, &s);
		break;
	case NUMBER:
		ok = parse_number(p, &n);
		break;
	case NZ:
		ok = parse_nz_number(p, &n);
		break;
	case SET:
		ok = parse_set(p, &s);
		break;
	case WORD:
		ok = parse_word(p, SPAN_LIT("FLAGS"));
		s = SPAN_LIT("FLAGS");
		break;
	case DATE:
		ok = parse_date(p, &wide);
		break;
	case DATE_TIME:
		ok = parse_date_time(p, &wide);
		break;
	}
	if (what == NUMBER || what == NZ)
		buf_putf(seen, "%u", n);
	else if (what == DATE || what == DATE_TIME)
		buf_putf(seen, "%lld", (long long)wide);
	else
		buf_put_span(seen, s);
	return ok;
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct parse p;
	struct buf seen, rest;

	buf_init(&seen, 4096);
	buf_init(&rest, 4096);
	parse_init(&p, row->in);
	assert_int_equal(take(row->what, &p, &seen), row->seen != NULL);
	if (row->seen != NULL)
		assert_string_equal(buf_cstr(&seen), row->seen);
	buf_put_span(&rest, p.rest);
	assert_string_equal(buf_cstr(&rest), row->rest);
	parse_fini(&p);
	buf_fini(&seen);
	buf_fini(&rest);
}

ROWS_MAIN(rows, check_row)

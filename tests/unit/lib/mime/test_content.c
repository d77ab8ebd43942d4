#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/mime/content.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *in;
	const char *value; /* of parameter "a"; NULL: none */
	const char *charset;
} rows[] = {
    {"token", "x/y; a=b", "b", ""},
    {"quoted", "x/y; A = \"b;\\\"c\"", "b;\"c", ""},
    {"first of two", "x; a=b; a=c", "b", ""},
    {"none", "x; b=a=c; ab=d", NULL, ""},
    {"in a comment or in quotes", "x (;a=b); c=\";a=d\"", NULL, ""},
    {"bare text", "x; a=b c (d) ; e=f", "b c", ""},
    {"with an equals sign", "x; a=--=_b", "--=_b", ""},
    {"quote not closed", "x; a=\"b; c=d", "b; c=d", ""},
    {"encoded", "x; a*=iso-8859-1'en'b%E9%zz%", "b\xe9%zz%", "iso-8859-1"},
    {"encoded without charset", "x; a*=b%41", "bA", ""},
    {"pieces", "x; a*0=b; a*1=\"c d\"; a*2=e", "bc de", ""},
    {"pieces out of order", "x; a*2=e; a*1=d; a*0=b", "bde", ""},
    {"piece missing", "x; a*0=b; a*2=e", "b", ""},
    {"pieces mixed", "x; a*0*=utf-8''%41; a*1=%42; a*2*=%43", "A%42C", "utf-8"},
    {"all of it among the pieces", "x; a*0=b; a*=c; a*1=d", "bd", ""},
    {"encoded comes first", "x; a=plain; a*=utf-8''%41", "A", "utf-8"},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	char charset[MIME_CHARSET_MAX];
	struct buf out;
	bool found;

	buf_init(&out, 4096);
	found =
	    mime_content_find(span_of(row->in), SPAN_LIT("a"), &out, charset);
	assert_int_equal(found, row->value != NULL);
	assert_string_equal(
	    buf_cstr(&out), row->value == NULL ? "" : row->value);
	assert_string_equal(charset, row->charset);
	buf_fini(&out);
}

ROWS_MAIN(rows, check_row)

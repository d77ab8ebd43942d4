#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/addr/detail.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *delimiters;
	const char *mailbox; /* of bases: a local part */
	const char *account; /* NULL: its bases, each with a space behind */
	const char *out;
} rows[] = {
    {"no delimiter", "+", "joe", NULL, ""},
    {"one", "+", "joe+x", NULL, "joe "},
    {"details are off", "", "joe+x", NULL, ""},
    {"another one", "-", "joe+x", NULL, ""},
    {"longest first", "+-", "a-b+c-d", NULL, "a-b+c a-b a "},
    {"the same twice", "+", "a++b", NULL, "a+ a "},
    {"nothing behind", "+", "a+", NULL, "a "},
    {"nothing before", "+", "+a", NULL, ""},
    {"nothing before the second", "+", "+a+b", NULL, "+a "},
    {"nothing else", "+", "+", NULL, ""},
    {"empty", "+", "", NULL, ""},
    {"quotes are needed no more", "+", "\"a+b c\"", NULL, "a "},
    {"quotes are needed", "+", "\"a b+c\"", NULL, "\"a b\" "},
    {"escapes stay whole", "+", "\"a\\\"+b\\\\+\"", NULL,
	"\"a\\\"+b\\\\\" \"a\\\"\" "},
    {"nothing before in quotes", "+", "\"+ a\"", NULL, ""},
    {"at in quotes", "+", "\"a@+b\"", NULL, "\"a@\" "},
    {"dot before the delimiter", "+", "a.+b", NULL, "\"a.\" "},

    {"detail of", "+", "joe+x@a", "joe@a", "joe+x@a"},
    {"case of the mailbox is kept", "+", "JOE+X@a", "joe@a", "JOE+X@a"},
    {"the account's domain", "+", "joe+x@b", "joe@a", "joe+x@a"},
    {"user of the system", "+", "joe+x@b", "joe", "joe+x@b"},
    {"no detail", "+", "joe@a", "joe@a", NULL},
    {"somebody else's", "+", "jim+x@a", "joe@a", NULL},
    {"a prefix", "+", "joey+x@a", "joe@a", NULL},
    {"shorter base", "+", "joe+x+y@a", "joe@a", "joe+x+y@a"},
    {"off", "", "joe+x@a", "joe@a", NULL},
    {"quoted", "+", "\"a b+c d\"@x", "\"a b\"@y", "\"a b+c d\"@y"},
    {"beyond ASCII", "+", "J\xc3\x9c+x@a", "j\xc3\xbc@a", "J\xc3\x9c+x@a"},
    {"no mailbox", "+", "postmaster", "postmaster@a", NULL},
};

static void
bases(const struct row *row)
{
	struct buf all, base;
	size_t at = SIZE_MAX;

	buf_init(&all, 200);
	buf_init(&base, 100);
	while (addr_detail_base(
	    span_of(row->mailbox), row->delimiters, &at, &base)) {
		assert_true(buf_put_span(&all, buf_span(&base)));
		assert_true(buf_putc(&all, ' '));
	}
	assert_string_equal(buf_cstr(&all), row->out);
	buf_fini(&all);
	buf_fini(&base);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct buf out;

	if (row->account == NULL) {
		bases(row);
		return;
	}
	buf_init(&out, row->out == NULL ? 100 : strlen(row->out) + 1);
	assert_true(buf_putc(&out, '>'));
	assert_int_equal(addr_detail_of(span_of(row->mailbox),
			     span_of(row->account), row->delimiters, &out),
	    row->out != NULL);
	assert_string_equal(
	    buf_cstr(&out) + 1, row->out == NULL ? "" : row->out);
	/* now it does not fit */
	assert_false(addr_detail_of(span_of(row->mailbox),
	    span_of(row->account), row->delimiters, &out));
	assert_string_equal(
	    buf_cstr(&out) + 1, row->out == NULL ? "" : row->out);
	buf_fini(&out);
}

ROWS_MAIN(rows, check_row)

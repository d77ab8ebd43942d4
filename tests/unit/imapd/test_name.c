#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "imapd/name.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *in;
	const char *folder; /* NULL: refused */
	const char
	    *pattern; /* "+a*" matches, "-a%" does not; NULL: not asked */
} rows[] = {
    {"inbox", "INBOX", "", NULL},
    {"inbox in any case", "inBox", "", NULL},
    {"a level", "Work", ".Work", "+*"},
    {"two levels", "Work/Reports", ".Work.Reports", "-%"},
    {"two levels, each", "Work/Reports", ".Work.Reports", "+%/%"},
    {"two levels, all", "Work/Reports", ".Work.Reports", "+W*s"},
    {"the last level", "Work/Reports", ".Work.Reports", "+*/%"},
    {"percent does not pass the separator", "a/b", ".a.b", "-a%"},
    {"percent goes back to the star", "a/b/cd", ".a.b.cd", "+*%d"},
    {"percent behind star", "aXbXc", ".aXbXc", "+*X%c"},
    {"not that one", "abc", ".abc", "-ab"},
    {"empty pattern", "abc", ".abc", "-"},
    {"a dot", "v1.0", ".v1&AC4-0", NULL},
    {"a space", "Sent Items", ".Sent Items", NULL},
    {"an ampersand", "R&-D", ".R&-D", NULL},
    {"umlauts", "Entw&APw-rfe", ".Entw&APw-rfe", NULL},
    {"outside of the plane", "&2D3eAA-", ".&2D3eAA-", NULL},
    {"half a pair", "&2D0-", NULL, NULL},
    {"printable characters encoded", "&AGE-", NULL, NULL},
    {"the dot encoded", "a&AC4-b", NULL, NULL},
    {"two shifts in a row", "&APw-&APw-", NULL, NULL},
    {"not closed", "a&APw", NULL, NULL},
    {"not base64", "a&!-", NULL, NULL},
    {"rest bits", "a&APx-", NULL, NULL},
    {"8 bits", "\xc3\xbc", NULL, NULL},
    {"empty", "", NULL, NULL},
    {"empty level", "a//b", NULL, NULL},
    {"separator in front", "/a", NULL, NULL},
    {"up", "../x", ".&AC4-&AC4-.x", NULL},
    {"wildcard", "a*b", NULL, NULL},
    {"control", "a\tb", NULL, NULL},
    {"too long",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	NULL, NULL},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct buf folder, back;
	bool ok;

	buf_init(&folder, 4096);
	buf_init(&back, 4096);
	ok = name_to_folder(span_of(row->in), &folder);
	assert_int_equal(ok, row->folder != NULL);
	if (ok) {
		assert_string_equal(buf_cstr(&folder), row->folder);
		assert_true(name_from_folder(buf_span(&folder), &back));
		assert_true(span_eq_ci(buf_span(&back), span_of(row->in)));
	}
	if (row->pattern != NULL)
		assert_int_equal(
		    name_matches(span_of(row->in), span_of(row->pattern + 1)),
		    row->pattern[0] == '+');
	buf_fini(&folder);
	buf_fini(&back);
}

ROWS_MAIN(rows, check_row)

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/mime/word.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define E_ACUTE "\xc3\xa9"
#define BAD     "\xef\xbf\xbd"

static const struct row {
	const char *name;
	const char *in;
	const char *out;
} rows[] = {
    {"plain", "a b", "a b"},
    {"Q", "=?utf-8?Q?a_=C3=A9=5F?= b", "a " E_ACUTE "_ b"},
    {"B", "=?UTF-8?b?w6k=?=", E_ACUTE},
    {"padding missing", "=?UTF-8?b?w6k?=", E_ACUTE},
    {"latin 1", "=?iso-8859-1?q?=E9?=", E_ACUTE},
    {"by iconv", "=?koi8-r?B?8NLJ18XU?=",
	"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"},
    {"language", "=?iso-8859-1*fr?q?=E9?=", E_ACUTE},
    {"space between words goes", "=?utf-8?Q?a?= \t =?utf-8?Q?b?=", "ab"},
    {"space before text stays", "=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"},
    {"a character in two words", "=?utf-8?Q?=C3?= =?UTF-8?Q?=A9?=", E_ACUTE},
    {"but not in two charsets", "=?utf-8?Q?=C3?= =?us-ascii?Q?a?=", BAD "a"},
    {"shifted over two words",
	"=?iso-2022-jp?B?GyRCRnw=?= =?iso-2022-jp?B?S1wbKEI=?=",
	"\xe6\x97\xa5\xe6\x9c\xac"},
    {"no space around", "x=?utf-8?Q?a?=y", "xay"},
    {"in quotes", "\"=?utf-8?Q?a?=\"", "\"a\""},
    {"with spaces in it", "=?utf-8?Q?a b?=", "a b"},
    {"question mark in it", "=?utf-8?Q?a?b?=", "a?b"},
    {"space at the end", "=?utf-8?Q?a_?=", "a "},
    {"not closed", "=?utf-8?Q?a", "=?utf-8?Q?a"},
    {"other encoding", "=?utf-8?X?a?=", "=?utf-8?X?a?="},
    {"no charset", "=??Q?a?=", "=??Q?a?="},
    {"unknown charset", "=?x-none?Q?a=E9?=", "a" BAD},
    {"charset with a suffix", "=?ascii//IGNORE?Q?a?=", "a"},
    {"word behind half a one", "=?a =?utf-8?Q?b?=", "=?a b"},
    {"raw bytes", "a\xe9 " E_ACUTE, "a" BAD " " E_ACUTE},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct buf out;

	buf_init(&out, 4096);
	mime_word_decode(span_of(row->in), &out);
	assert_string_equal(buf_cstr(&out), row->out);
	buf_fini(&out);
}

ROWS_MAIN(rows, check_row)

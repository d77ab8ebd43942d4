/* An account's folders: names that nobody escapes from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/maildir/place.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

struct row {
	const char *name;
	struct span account;
	const char *path; /* NULL: refused */
};

#define X64  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X63  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X255 X64 X64 X64 X63
#define L(s) SPAN_LIT(s)

static const struct row rows[] = {
    {"plain", L("bob@example.org"), "example.org/bob/Maildir"},
    {"case does not matter", L("Bob@Example.ORG"), "example.org/bob/Maildir"},
    {"detail stays", L("b.o-b+x@a.b"), "a.b/b.o-b+x/Maildir"},
    {"slash", L("../../etc@a"), "a/%2e.%2f..%2fetc/Maildir"},
    {"only dots", L("..@.."), "%2e./%2e./Maildir"},
    {"one dot", L(".@."), "%2e/%2e/Maildir"},
    {"percent cannot be forged", L("%2e@a"), "a/%252e/Maildir"},
    {"last @ cuts", L("\"a@b\"@c"), "c/%22a@b%22/Maildir"},
    {"NUL, newline, DEL", L("a\0\n\x7f@b"), "b/a%00%0a%7f/Maildir"},
    {"UTF-8", L("\xc3\xa4@b"), "b/%c3%a4/Maildir"},
    {"space", L("\"a b\"@c"), "c/%22a%20b%22/Maildir"},
    {"literal", L("a@[192.0.2.1]"), "[192.0.2.1]/a/Maildir"},
    {"tmp and the like are names too", L("tmp@new"), "new/tmp/Maildir"},
    {"longest", L("a@" X255), X255 "/a/Maildir"},
    {"too long", L("a@x" X255), NULL},
    {"too long when encoded", L("a@%" X63 X64 X64 X63), NULL},
    {"no @", L("bob"), NULL},
    {"no local part", L("@b"), NULL},
    {"no domain", L("b@"), NULL},
    {"nothing", L(""), NULL},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	/* exactly as long as it is: an overrun is seen */
	char *text = span_dup(row->account);
	struct span account = span_make(text, row->account.n);
	struct maildir_place p;
	struct buf b;
	struct why why;
	enum rc rc = maildir_place_of(account, &p, &why);

	buf_init(&b, 1024);
	if (row->path == NULL) {
		assert_int_equal(rc, RC_PERM);
		assert_string_equal(why.status, "5.1.1");
	} else {
		assert_int_equal(rc, RC_OK);
		assert_true(maildir_place_path(&p, &b));
		assert_string_equal(buf_cstr(&b), row->path);
	}
	buf_fini(&b);
	free(text);
}

ROWS_MAIN(rows, check_row)

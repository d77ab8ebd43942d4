#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/directory/account.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define TEXT(s)                  \
	{                        \
		s, sizeof(s) - 1 \
	}
#define HASH "$y$j9T$abcdefghijklmnop$0123456789./ABCDEF"
#define X16  "xxxxxxxxxxxxxxxx"
#define X64  X16 X16 X16 X16
#define X256 X64 X64 X64 X64
#define APP4 " app=a app=a app=a app=a"
#define NO_ASCII(n) \
	"byte " n ": only printable ASCII is allowed (other bytes as %XX)"
#define BAD_NAME \
	"name: malformed or too long %XX text, or control characters in it"

static const struct row {
	const char *name;
	struct span line;
	const char *login; /* NULL: refused */
	const char *hash;  /* or the reason */
	const char *display;
	const char *state;
	const char *again; /* canonical; NULL: as it was */
} rows[] = {
    {"least", TEXT("joe@a.b !"), "joe@a.b", "!", "", "", NULL},
    {"hash", TEXT("joe@a.b " HASH), "joe@a.b", HASH, "", "", NULL},
    {"hash with =", TEXT("j@a $md5,rounds=5000$x$y"), "j@a",
	"$md5,rounds=5000$x$y", "", "", NULL},
    {"name", TEXT("j@a ! name=Joe%20D%c3%b6"), "j@a", "!", "Joe D\xc3\xb6", "",
	NULL},
    {"state", TEXT("j@a ! state=off"), "j@a", "!", "", "off", NULL},
    {"both", TEXT("j@a ! state=off name=J"), "j@a", "!", "J", "off",
	"j@a ! name=J state=off"},
    {"domain in capitals", TEXT("Joe@A.B !"), "Joe@a.b", "!", "", "",
	"Joe@a.b !"},
    {"quoted login", TEXT("%22a%20%3d%22@b !"), "\"a =\"@b", "!", "", "", NULL},
    {"needless escapes", TEXT("%6a@b ! name=%4A"), "j@b", "!", "J", "",
	"j@b ! name=J"},
    {"= in the name", TEXT("j@b ! name=a=b"), "j@b", "!", "a=b", "",
	"j@b ! name=a%3db"},
    {"longest hash", TEXT("j@b " X256 X64 X64), "j@b", X256 X64 X64, "", "",
	NULL},
    {"longest name", TEXT("j@b ! name=" X256), "j@b", "!", X256, "", NULL},
    {"longest state", TEXT("j@b ! state=" X64), "j@b", "!", "", X64, NULL},

    {"empty", TEXT(""), NULL, "login: local part expected", "", "", NULL},
    {"no domain", TEXT("joe !"), NULL,
	"login: @ expected behind the local part", "", "", NULL},
    {"login malformed", TEXT("j%@b !"), NULL,
	"login: malformed or too long %XX text", "", "", NULL},
    {"login with a line end", TEXT("%22a%0a%22@b !"), NULL,
	"login: control character in the address", "", "", NULL},
    {"login only", TEXT("j@b"), NULL,
	"password hash (or !) expected behind the login", "", "", NULL},
    {"two spaces", TEXT("j@b  !"), NULL,
	"password hash (or !) expected behind the login", "", "", NULL},
    {"no hash but a name", TEXT("j@b name=Joe"), NULL,
	"password hash (or !) expected behind the login", "", "", NULL},
    {"no hash but a state", TEXT("j@b state=off"), NULL,
	"password hash (or !) expected behind the login", "", "", NULL},
    {"hash too long", TEXT("j@b " X256 X64 X64 "x"), NULL,
	"password hash longer than 384 bytes", "", "", NULL},
    {"name too long", TEXT("j@b ! name=" X256 "x"), NULL, BAD_NAME, "", "",
	NULL},
    {"name with a line end", TEXT("j@b ! name=%0a"), NULL, BAD_NAME, "", "",
	NULL},
    {"name with DEL", TEXT("j@b ! name=%7f"), NULL, BAD_NAME, "", "", NULL},
    {"name malformed", TEXT("j@b ! name=%4"), NULL, BAD_NAME, "", "", NULL},
    {"name twice", TEXT("j@b ! name=a name=b"), NULL, "name: given twice", "",
	"", NULL},
    {"name empty", TEXT("j@b ! name="), NULL, "name: value expected", "", "",
	NULL},
    {"state twice", TEXT("j@b ! state=a state=a"), NULL, "state: given twice",
	"", "", NULL},
    {"unknown key", TEXT("j@b ! nmae=b"), NULL,
	"unknown key (name=, state=, scram= and app= are known)", "", "", NULL},
    {"verifiers", TEXT("j@a ! name=J scram=A$1:x=$y scram=B"), "j@a", "!", "J",
	"", NULL},
    {"verifier empty", TEXT("j@b ! scram="), NULL,
	"scram: 1 to 384 bytes expected", "", "", NULL},
    {"too many verifiers",
	TEXT("j@b ! scram=a scram=b scram=c scram=d scram=e"), NULL,
	"scram: given more than 4 times", "", "", NULL},
    {"application passwords", TEXT("j@a ! scram=A app=b:c app=d=="), "j@a", "!",
	"", "", NULL},
    {"they come last", TEXT("j@a ! app=b scram=A"), "j@a", "!", "", "",
	"j@a ! scram=A app=b"},
    {"application password empty", TEXT("j@b ! app="), NULL,
	"app: 1 to 384 bytes expected", "", "", NULL},
    {"too many application passwords",
	TEXT("j@b !" APP4 APP4 APP4 APP4 " app=a"), NULL,
	"app: given more than 16 times", "", "", NULL},
    {"no hash before the application password", TEXT("j@b app=a"), NULL,
	"password hash (or !) expected behind the login", "", "", NULL},
    {"no hash before the verifier", TEXT("j@b scram=a"), NULL,
	"password hash (or !) expected behind the login", "", "", NULL},
    {"no key", TEXT("j@b ! secret"), NULL,
	"key=value expected behind the password hash", "", "", NULL},
    {"space behind", TEXT("j@b ! "), NULL,
	"key=value expected behind the password hash", "", "", NULL},
    {"tab", TEXT("j@b\t!"), NULL, NO_ASCII("4"), "", "", NULL},
    {"CR", TEXT("j@b !\r"), NULL, NO_ASCII("6"), "", "", NULL},
    {"NUL", TEXT("j@b !\0"), NULL, NO_ASCII("6"), "", "", NULL},
    {"UTF-8", TEXT("j@b ! name=\xc3\xa4"), NULL, NO_ASCII("12"), "", "", NULL},
};

static void
check_text(const struct account *a, const struct row *row)
{
	assert_true(span_eq(buf_span(&a->login), span_of(row->login)));
	assert_true(span_eq(a->hash, span_of(row->hash)));
	assert_true(span_eq(buf_span(&a->name), span_of(row->display)));
	assert_true(span_eq(buf_span(&a->state), span_of(row->state)));
}

static void
check_again(const struct account *a, const struct row *row)
{
	struct span want = row->again == NULL ? row->line : span_of(row->again);
	struct account b;
	struct buf line;

	buf_init(&line, want.n - 1);
	assert_false(account_format(&line, a));
	assert_int_equal(line.n, 0);
	buf_fini(&line);
	buf_init(&line, want.n);
	assert_true(account_format(&line, a));
	assert_true(span_eq(buf_span(&line), want));
	account_init(&b);
	assert_int_equal(account_parse(buf_span(&line), &b, NULL), RC_OK);
	check_text(&b, row);
	account_fini(&b);
	buf_fini(&line);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct account a;
	struct why why;

	account_init(&a);
	/* what was there before is replaced */
	assert_int_equal(
	    account_parse(SPAN_LIT("z@z x name=z state=z"), &a, &why), RC_OK);
	if (row->login != NULL) {
		assert_int_equal(account_parse(row->line, &a, &why), RC_OK);
		check_text(&a, row);
		check_again(&a, row);
	} else {
		assert_int_equal(account_parse(row->line, &a, &why), RC_PERM);
		assert_string_equal(why.status, "5.3.5");
		assert_string_equal(why.text, row->hash);
	}
	account_fini(&a);
	assert_true(account_is_comment(SPAN_LIT("")));
	assert_true(account_is_comment(SPAN_LIT("# x")));
	assert_false(account_is_comment(row->line) && row->line.n > 0);
}

ROWS_MAIN(rows, check_row)

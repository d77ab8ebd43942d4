#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/conf/conf.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define TEXT(s)                  \
	{                        \
		s, sizeof(s) - 1 \
	}
#define AUTH     "auth.threads=2\nauth.remember=0\nauth.scram=none\n"
#define TOP      "hostname=a.b\ndomains=c.d\n"
#define REST     "alias_domains=\nrecipient_delimiter=+\nproxies=\n"

#define PROGRAMS "delivery.program_user=\ndelivery.program_timeout=600000\n"

static const struct row {
	const char *name;
	struct span text;
	bool ok;
} rows[] = {
    {"nothing", TEXT(""), true},
    {"one section", TEXT(AUTH "auth.allow_plaintext=true\n"), true},
    {"two sections",
	TEXT("delivery.processes=1\ndelivery.threads=1\n" PROGRAMS
	     "log.level=info\n"),
	true},
    {"empty text", TEXT(TOP "postmaster=\n" REST), true},
    {"sections out of order",
	TEXT("log.level=info\ndelivery.processes=1\n"
	     "delivery.threads=1\n" PROGRAMS),
	false},
    {"half a section", TEXT(AUTH), false},
    {"second half", TEXT("delivery.threads=1\n" PROGRAMS), false},
    {"option twice", TEXT("log.level=info\nlog.level=info\n"), false},
    {"options swapped",
	TEXT("delivery.threads=1\ndelivery.processes=1\n" PROGRAMS), false},
    {"unknown option", TEXT("log.colour=red\n"), false},
    {"no line end", TEXT("log.level=info"), false},
    {"empty line", TEXT("log.level=info\n\n"), false},
    {"carriage return", TEXT("log.level=info\r\n"), false},
    {"no value", TEXT("log.level\n"), false},
    {"empty value", TEXT("log.level=\n"), false},
    {"NUL", TEXT("log.level=info\0\n"), false},
    {"NUL in an address", TEXT(TOP "postmaster=a%00@b.c\n" REST), false},
    {"out of bounds",
	TEXT("delivery.processes=17\ndelivery.threads=1\n" PROGRAMS), false},
    {"unit",
	TEXT("auth.threads=2\nauth.remember=5m\nauth.scram=none\n"
	     "auth.allow_plaintext=true\n"),
	false},
    {"other word for true", TEXT(AUTH "auth.allow_plaintext=yes\n"), false},
    {"needless escape", TEXT("log.level=inf%6f\n"), false},
    {"escape cut", TEXT("log.level=info%6\n"), false},
    {"upper case host", TEXT("hostname=A.b\ndomains=c.d\npostmaster=\n" REST),
	false},
    {"no domains", TEXT("hostname=a.b\ndomains=\npostmaster=\n" REST), false},
    {"two spaces", TEXT("hostname=a.b\ndomains=c.d  e.f\npostmaster=\n" REST),
	false},
    {"space behind", TEXT("hostname=a.b\ndomains=c.d \npostmaster=\n" REST),
	false},
    {"not a path", TEXT("paths.spool=x\n"), false},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct why why = {.rc = RC_OK};
	struct conf *conf = NULL;

	assert_int_equal(
	    conf_decode(row->text, &conf, &why), row->ok ? RC_OK : RC_PERM);
	assert_true((conf != NULL) == row->ok);
	assert_string_equal(
	    why.text, row->ok ? "" : "not the text of a configuration");
	conf_free(&conf);
	assert_null(conf);
}

ROWS_MAIN(rows, check_row)

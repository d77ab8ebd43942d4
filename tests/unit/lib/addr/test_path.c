#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/addr/path.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define TEXT(s)                  \
	{                        \
		s, sizeof(s) - 1 \
	}
#define X10      "xxxxxxxxxx"
#define X60      X10 X10 X10 X10 X10 X10
#define X63      X60 "xxx"
#define BAD_UTF8 "local part is no UTF-8, or has a control character in it"
#define REV      ADDR_REVERSE
#define FWD      ADDR_FORWARD

static const struct row {
	const char *name;
	enum addr_form form;
	struct span in;
	const char *out;  /* NULL: refused */
	const char *rest; /* what is left of `in`, or the reason */
} rows[] = {
    {"plain", REV, TEXT("<a@b.example>"), "a@b.example", ""},
    {"parameters stay", REV, TEXT("<a@b> SIZE=1"), "a@b", " SIZE=1"},
    {"next path stays", REV, TEXT("<a@b><c@d>"), "a@b", "<c@d>"},
    {"null", REV, TEXT("<> X"), "", " X"},
    {"null forward", FWD, TEXT("<>"), NULL, "local part expected"},
    {"postmaster", FWD, TEXT("<Postmaster>"), "postmaster", ""},
    {"postmaster in capitals", FWD, TEXT("<POSTMASTER> N"), "postmaster", " N"},
    {"postmaster reverse", REV, TEXT("<postmaster>"), NULL,
	"@ expected behind the local part"},
    {"postmaster with a domain", FWD, TEXT("<Postmaster@b>"), "Postmaster@b",
	""},
    {"other name without a domain", FWD, TEXT("<postmasters>"), NULL,
	"@ expected behind the local part"},
    {"local part's case stays", FWD, TEXT("<McX@B.Example>"), "McX@b.example",
	""},
    {"atext", REV, TEXT("<a!#$%&'*+-/=?^_`{|}~9@b>"), "a!#$%&'*+-/=?^_`{|}~9@b",
	""},
    {"dots", REV, TEXT("<a.b.c@b>"), "a.b.c@b", ""},
    {"dot in front", REV, TEXT("<.a@b>"), NULL,
	"dot at an end of the local part or doubled"},
    {"dot behind", REV, TEXT("<a.@b>"), NULL,
	"dot at an end of the local part or doubled"},
    {"dot twice", REV, TEXT("<a..b@b>"), NULL,
	"dot at an end of the local part or doubled"},

    /* source routes, RFC 5321 appendix C */
    {"route", REV, TEXT("<@r.example:a@b>"), "a@b", ""},
    {"route of three", FWD, TEXT("<@r.x,@s.x,@t:a@b>x"), "a@b", "x"},
    {"route without @", REV, TEXT("<@r,s:a@b>"), NULL, "@ expected behind ,"},
    {"route without colon", REV, TEXT("<@r a@b>"), NULL,
	": expected behind the source route"},
    {"route alone", REV, TEXT("<@r:>"), NULL, "local part expected"},
    {"route to null", REV, TEXT("<@r:"), NULL, "local part expected"},
    {"route to postmaster", FWD, TEXT("<@r:Postmaster>"), NULL,
	"@ expected behind the local part"},
    {"route with an empty domain", REV, TEXT("<@:a@b>"), NULL,
	"domain expected"},
    {"route with a literal", REV, TEXT("<@[1.2.3.4]:a@b>"), NULL,
	"domain expected"},

    /* quoted strings */
    {"needless quotes", REV, TEXT("<\"a.b\"@c>"), "a.b@c", ""},
    {"needless backslash", REV, TEXT("<\"\\a\\.b\"@c>"), "a.b@c", ""},
    {"space", REV, TEXT("<\"a b\"@c>"), "\"a b\"@c", ""},
    {"space with a backslash", REV, TEXT("<\"a\\ b\"@c>"), "\"a b\"@c", ""},
    {"quote and backslash", REV, TEXT("<\"\\\"\\\\\"@c>"), "\"\\\"\\\\\"@c",
	""},
    {"at and brackets", REV, TEXT("<\"<a@b>,\"@c>"), "\"<a@b>,\"@c", ""},
    {"at behind a quoted quote", REV, TEXT("<\"\\\"@\"@c>"), "\"\\\"@\"@c", ""},
    {"empty quotes", REV, TEXT("<\"\"@c>"), "\"\"@c", ""},
    {"quoted dot", REV, TEXT("<\".\"@c>"), "\".\"@c", ""},
    {"quote not closed", REV, TEXT("<\"a@c>"), NULL,
	"closing quote is missing"},
    {"backslash in the end", REV, TEXT("<\"a\\"), NULL,
	"closing quote is missing"},
    {"backslash before the quote", REV, TEXT("<\"a\\\"@c>"), NULL,
	"closing quote is missing"},
    {"quotes within", REV, TEXT("<a\"b\"@c>"), NULL,
	"@ expected behind the local part"},
    {"quotes and more", REV, TEXT("<\"a\"b@c>"), NULL,
	"@ expected behind the local part"},
    {"quotes and dot", REV, TEXT("<\"a\".b@c>"), NULL,
	"@ expected behind the local part"},
    {"backslash without quotes", REV, TEXT("<a\\b@c>"), NULL,
	"@ expected behind the local part"},

    /* bytes that nobody wants */
    {"NUL", REV, TEXT("<a\0@c>"), NULL, "control character in the address"},
    {"quoted NUL", REV, TEXT("<\"a\0\"@c>"), NULL,
	"control character in the address"},
    {"quoted LF", REV, TEXT("<\"a\n\"@c>"), NULL,
	"control character in the address"},
    {"quoted pair of CR", REV, TEXT("<\"a\\\r\"@c>"), NULL,
	"control character in the address"},
    {"quoted tab", REV, TEXT("<\"a\t\"@c>"), NULL,
	"control character in the address"},
    {"quoted DEL", REV, TEXT("<\"a\177\"@c>"), NULL,
	"control character in the address"},
    {"NUL in the domain", REV, TEXT("<a@c\0>"), NULL,
	"control character in the address"},
    {"UTF-8 local part", REV, TEXT("<\xc3\xa4@c>"), "\xc3\xa4@c", ""},
    {"its case stays", REV, TEXT("<\xc3\x84.B@C>"), "\xc3\x84.B@c", ""},
    {"UTF-8 in quotes", FWD, TEXT("<\"\xc3\xa4\"@c>"), "\xc3\xa4@c", ""},
    {"and stays there", FWD, TEXT("<\"\xc3\xa4 b\"@c>"), "\"\xc3\xa4 b\"@c",
	""},
    {"U-label", REV,
	TEXT("<a@b\xc3\xbc"
	     "cher.Example>"),
	"a@xn--bcher-kva.example", ""},
    {"U-label in capitals", REV,
	TEXT("<a@B\xc3\x9c"
	     "CHER>"),
	"a@xn--bcher-kva", ""},
    {"U-label, decomposed", REV,
	TEXT("<a@bu\xcc\x88"
	     "cher>"),
	"a@xn--bcher-kva", ""},
    {"sharp s is a letter", REV, TEXT("<a@fa\xc3\x9f>"), "a@xn--fa-hia", ""},
    {"U-label in a route", FWD, TEXT("<@\xc3\xa4:a@b>"), "a@b", ""},
    {"no U-label", REV, TEXT("<a@\xe2\x98\xba_>"), NULL,
	"no domain name, neither in ASCII nor beyond"},
    {"no UTF-8 in the domain", REV, TEXT("<a@\xc3>"), NULL,
	"no domain name, neither in ASCII nor beyond"},
    {"two dots beyond ASCII", REV, TEXT("<a@\xc3\xa4..b>"), NULL,
	"domain expected"},
    {"behind a U-label", REV, TEXT("<a@\xc3\xa4_>"), NULL,
	"> expected behind the address"},
    {"no UTF-8", REV, TEXT("<\xc3@c>"), NULL, BAD_UTF8},
    {"overlong", REV, TEXT("<\xc0\xaf@c>"), NULL, BAD_UTF8},
    {"surrogate", REV, TEXT("<\xed\xa0\x80@c>"), NULL, BAD_UTF8},
    {"C1 control", REV, TEXT("<\xc2\x85@c>"), NULL, BAD_UTF8},
    {"line separator", REV, TEXT("<\xe2\x80\xa8@c>"), NULL, BAD_UTF8},
    {"64 octets of UTF-8", REV, TEXT("<" X60 "\xc3\xa4\xc3\xa4@c>"),
	X60 "\xc3\xa4\xc3\xa4@c", ""},
    {"66 octets", REV, TEXT("<" X60 "\xc3\xa4\xc3\xa4\xc3\xa4@c>"), NULL,
	"local part longer than 64 octets"},
    {"0xff", REV, TEXT("\xff"), NULL, "address in <> expected"},

    /* domains */
    {"one label", REV, TEXT("<a@localhost>"), "a@localhost", ""},
    {"digits and hyphens", REV, TEXT("<a@1-2.xn--p1ai>"), "a@1-2.xn--p1ai", ""},
    {"no domain", REV, TEXT("<a@>"), NULL, "domain expected"},
    {"no local part", REV, TEXT("<@b>"), NULL,
	": expected behind the source route"},
    {"dot at the end", REV, TEXT("<a@b.>"), NULL, "domain expected"},
    {"dot in front of the domain", REV, TEXT("<a@.b>"), NULL,
	"domain expected"},
    {"two dots", REV, TEXT("<a@b..c>"), NULL, "domain expected"},
    {"underscore", REV, TEXT("<a@b_c>"), NULL, "> expected behind the address"},
    {"hyphen in front", REV, TEXT("<a@-b>"), NULL,
	"hyphen at an end of a domain's label"},
    {"hyphen behind", REV, TEXT("<a@b.c-.d>"), NULL,
	"hyphen at an end of a domain's label"},
    {"two at", REV, TEXT("<a@b@c>"), NULL, "> expected behind the address"},

    /* around it */
    {"empty", REV, TEXT(""), NULL, "address in <> expected"},
    {"no brackets", REV, TEXT("a@b"), NULL, "address in <> expected"},
    {"space in front", REV, TEXT(" <a@b>"), NULL, "address in <> expected"},
    {"bracket alone", REV, TEXT("<"), NULL, "local part expected"},
    {"bracket alone forward", FWD, TEXT("<"), NULL, "local part expected"},
    {"brackets twice", REV, TEXT("<<a@b>>"), NULL, "local part expected"},
    {"cut in the local part", REV, TEXT("<a"), NULL,
	"@ expected behind the local part"},
    {"cut in the domain", REV, TEXT("<a@b"), NULL,
	"> expected behind the address"},
    {"cut postmaster", FWD, TEXT("<Postmaster"), NULL,
	"@ expected behind the local part"},
    {"space in the end", REV, TEXT("<a@b >"), NULL,
	"> expected behind the address"},
    {"comment", REV, TEXT("<a(x)@b>"), NULL,
	"@ expected behind the local part"},

    /* address literals */
    {"IPv4", REV, TEXT("<a@[192.0.2.1]>"), "a@[192.0.2.1]", ""},
    {"IPv4 zeros are decimal", REV, TEXT("<a@[010.000.02.001]>"),
	"a@[10.0.2.1]", ""},
    {"IPv4 256", REV, TEXT("<a@[192.0.2.256]>"), NULL,
	"invalid address literal"},
    {"IPv4 four digits", REV, TEXT("<a@[192.0.2.0001]>"), NULL,
	"invalid address literal"},
    {"IPv4 three", REV, TEXT("<a@[192.0.2]>"), NULL, "invalid address literal"},
    {"IPv4 five", REV, TEXT("<a@[192.0.2.1.1]>"), NULL,
	"invalid address literal"},
    {"IPv4 empty part", REV, TEXT("<a@[192..2.1]>"), NULL,
	"invalid address literal"},
    {"IPv6", REV, TEXT("<a@[ipv6:2001:DB8::1]>"), "a@[IPv6:2001:db8::1]", ""},
    {"IPv6 full", REV, TEXT("<a@[IPv6:1:2:3:4:5:6:7:0008]>"),
	"a@[IPv6:1:2:3:4:5:6:7:8]", ""},
    {"IPv6 nothing", REV, TEXT("<a@[IPv6:::]>"), "a@[IPv6:::]", ""},
    {"IPv6 gap in front", REV, TEXT("<a@[IPv6:::3:4:5:6:7:8]>"),
	"a@[IPv6:::3:4:5:6:7:8]", ""},
    {"IPv6 gap behind", REV, TEXT("<a@[IPv6:1:2:3:4:5:6::]>"),
	"a@[IPv6:1:2:3:4:5:6::]", ""},
    {"IPv6 gap for one", REV, TEXT("<a@[IPv6:1:2:3:4:5:6:7::]>"), NULL,
	"invalid address literal"},
    {"IPv6 gap for none", REV, TEXT("<a@[IPv6:1:2:3:4::5:6:7:8]>"), NULL,
	"invalid address literal"},
    {"IPv6 two gaps", REV, TEXT("<a@[IPv6:1::2::3]>"), NULL,
	"invalid address literal"},
    {"IPv6 three colons", REV, TEXT("<a@[IPv6:1:::2]>"), NULL,
	"invalid address literal"},
    {"IPv6 seven", REV, TEXT("<a@[IPv6:1:2:3:4:5:6:7]>"), NULL,
	"invalid address literal"},
    {"IPv6 nine", REV, TEXT("<a@[IPv6:1:2:3:4:5:6:7:8:9]>"), NULL,
	"invalid address literal"},
    {"IPv6 five digits", REV, TEXT("<a@[IPv6:1::00002]>"), NULL,
	"invalid address literal"},
    {"IPv6 one colon behind", REV, TEXT("<a@[IPv6:1::2:]>"), NULL,
	"invalid address literal"},
    {"IPv6 one colon in front", REV, TEXT("<a@[IPv6::1:2:3:4:5:6:7]>"), NULL,
	"invalid address literal"},
    {"IPv6 zone", REV, TEXT("<a@[IPv6:fe80::1%eth0]>"), NULL,
	"invalid address literal"},
    {"IPv6 empty", REV, TEXT("<a@[IPv6:]>"), NULL, "invalid address literal"},
    {"IPv6 without its tag", REV, TEXT("<a@[::1]>"), NULL,
	"invalid address literal"},
    {"IPv6 with IPv4", REV, TEXT("<a@[IPv6:::FFFF:192.0.2.1]>"),
	"a@[IPv6:::ffff:192.0.2.1]", ""},
    {"IPv6 full with IPv4", REV, TEXT("<a@[IPv6:1:2:3:4:5:6:1.2.3.4]>"),
	"a@[IPv6:1:2:3:4:5:6:102:304]", ""},
    {"IPv6 IPv4 alone", REV, TEXT("<a@[IPv6:1.2.3.4]>"), NULL,
	"invalid address literal"},
    {"IPv6 IPv4 too far", REV, TEXT("<a@[IPv6:1:2:3:4:5:6:7:1.2.3.4]>"), NULL,
	"invalid address literal"},
    {"IPv6 IPv4 not in the end", REV, TEXT("<a@[IPv6:1.2.3.4::]>"), NULL,
	"invalid address literal"},
    {"general", REV, TEXT("<a@[X-y9:A@b!]>"), "a@[x-y9:A@b!]", ""},
    {"general hyphen behind", REV, TEXT("<a@[x-:a]>"), NULL,
	"invalid address literal"},
    {"general empty", REV, TEXT("<a@[x:]>"), NULL, "invalid address literal"},
    {"general empty tag", REV, TEXT("<a@[:x]>"), NULL,
	"invalid address literal"},
    {"general other tag", REV, TEXT("<a@[x_y:a]>"), NULL,
	"invalid address literal"},
    {"empty literal", REV, TEXT("<a@[]>"), NULL, "invalid address literal"},
    {"literal not closed", REV, TEXT("<a@[1.2.3.4>"), NULL,
	"closing ] is missing"},
    {"backslash in a literal", REV, TEXT("<a@[x:\\]]>"), NULL,
	"closing ] is missing"},
    {"space in a literal", REV, TEXT("<a@[x:a b]>"), NULL,
	"closing ] is missing"},
    {"literal and more", REV, TEXT("<a@[1.2.3.4].b>"), NULL,
	"> expected behind the address"},

    /* RFC 5321 4.5.3.1 */
    {"longest local part", REV, TEXT("<" X63 "x@b>"), X63 "x@b", ""},
    {"local part too long", REV, TEXT("<" X63 "xx@b>"), NULL,
	"local part longer than 64 octets"},
    {"local part far too long", REV, TEXT("<" X63 X63 X63 X63 X63 "@b>"), NULL,
	"local part longer than 64 octets"},
    {"quotes do not count when needless", REV, TEXT("<\"" X63 "\\x\"@b>"),
	X63 "x@b", ""},
    {"longest quoted local part", REV, TEXT("<\"" X60 "x \"@b>"),
	"\"" X60 "x \"@b", ""},
    {"quoted local part too long", REV, TEXT("<\"" X60 "xx \"@b>"), NULL,
	"local part longer than 64 octets"},
    {"longest label", REV, TEXT("<a@" X63 ">"), "a@" X63, ""},
    {"label too long", REV, TEXT("<a@" X63 "x>"), NULL,
	"domain's label longer than 63 octets"},
    {"longest path", REV, TEXT("<abcdefg@" X60 "." X60 "." X60 "." X60 ".xx>"),
	"abcdefg@" X60 "." X60 "." X60 "." X60 ".xx", ""},
    {"path too long", REV,
	TEXT("<abcdefgh@" X60 "." X60 "." X60 "." X60 ".xx>"), NULL,
	"address longer than 254 octets"},
    {"domain too long", REV,
	TEXT("<a@" X60 "." X60 "." X60 "." X60 "." X60 ">"), NULL,
	"domain longer than 255 octets"},
    {"route does not count", REV,
	TEXT("<@" X63 "." X63 ",@" X63 "." X63 ",@" X63 ":a@b>"), "a@b", ""},
    {"route's domain too long", REV,
	TEXT("<@" X63 "." X63 "." X63 "." X63 ".x:a@b>"), NULL,
	"domain longer than 255 octets"},
    {"route's longest domain", REV,
	TEXT("<@" X63 "." X63 "." X63 "." X63 ":a@b>"), "a@b", ""},
    {"route's domain of 256", REV,
	TEXT("<@" X63 "." X63 "." X63 "." X60 ".xxx:a@b>"), NULL,
	"domain longer than 255 octets"},
    {"long literal", REV, TEXT("<abc@[x:" X60 X60 X60 X60 "xxxxxxx]>"), NULL,
	"address longer than 254 octets"},
};

static void
check_path(const struct row *row, size_t room)
{
	const char *status = row->form == ADDR_REVERSE ? "5.1.7" : "5.1.3";
	struct span in = row->in;
	struct why why;
	struct buf out;
	enum rc rc;

	buf_init(&out, room);
	assert_true(buf_puts(&out, "!"));
	rc = addr_path(&in, row->form, &out, &why);
	if (row->out == NULL || room <= strlen(row->out)) {
		assert_int_equal(rc, RC_PERM);
		assert_string_equal(why.status, status);
		assert_string_equal(why.text,
		    row->out == NULL ? row->rest : "no room for the address");
		assert_ptr_equal(in.p, row->in.p);
		assert_int_equal(in.n, row->in.n);
		assert_string_equal(buf_cstr(&out), "!");
		assert_false(out.over);
	} else {
		assert_int_equal(rc, RC_OK);
		assert_string_equal(buf_cstr(&out) + 1, row->out);
		assert_true(span_eq(in, span_of(row->rest)));
	}
	buf_fini(&out);
}

/* without brackets; what is canonical stays and is cut at the right '@' */
static void
check_mailbox(const struct row *row)
{
	struct span out = span_of(row->out), local, domain;
	struct buf again;

	buf_init(&again, 1000);
	assert_int_equal(addr_mailbox(out, &again, NULL), RC_OK);
	assert_true(span_eq(buf_span(&again), out));
	assert_true(addr_split(out, &local, &domain));
	buf_clear(&again);
	assert_true(buf_put_span(&again, local));
	assert_true(buf_puts(&again, "@[192.0.2.1]"));
	assert_int_equal(addr_mailbox(buf_span(&again), &again, NULL), RC_OK);
	buf_clear(&again);
	assert_true(buf_puts(&again, "a@"));
	assert_true(buf_put_span(&again, domain));
	assert_int_equal(addr_mailbox(buf_span(&again), &again, NULL), RC_OK);
	buf_fini(&again);
}

static void
check_row(void **state)
{
	const struct row *row = *state;

	check_path(row, 400);
	if (row->out == NULL)
		return;
	check_path(row, strlen(row->out) + 1);
	if (row->out[0] != '\0')
		check_path(row, strlen(row->out));
	if (strchr(row->out, '@') != NULL)
		check_mailbox(row);
}

ROWS_MAIN(rows, check_row)

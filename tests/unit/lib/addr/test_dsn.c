/* NOTIFY, ORCPT, RET and ENVID as clients write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/addr/dsn.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

enum what {
	NOTIFY,
	RET,
	ENVID,
	ORCPT,
	PLAIN,
	XTEXT,
	EMBED,
	UNEMBED
};

#define FIFTY "12345678901234567890123456789012345678901234567890"

static const struct row {
	const char *name;
	enum what what;
	const char *in;
	const char *out; /* NULL: refused */
} rows[] = {
    {"never", NOTIFY, "NEVER", "NEVER"},
    {"all", NOTIFY, "delay,FAILURE,Success", "SUCCESS,FAILURE,DELAY"},
    {"twice", NOTIFY, "SUCCESS,SUCCESS", "SUCCESS"},
    {"never is alone", NOTIFY, "NEVER,DELAY", NULL},
    {"unknown", NOTIFY, "SUCCESS,ALWAYS", NULL},
    {"nothing between", NOTIFY, "SUCCESS,,DELAY", NULL},
    {"nothing behind", NOTIFY, "SUCCESS,", NULL},
    {"a space", NOTIFY, "SUCCESS, DELAY", NULL},
    {"no notify", NOTIFY, "", NULL},
    {"full", RET, "full", "FULL"},
    {"headers", RET, "HDRS", "HDRS"},
    {"no ret", RET, "", NULL},
    {"unknown ret", RET, "HEADERS", NULL},
    {"envid", ENVID, "QQ314159", "QQ314159"},
    {"every printable one", ENVID, "!\"#$%&'()*,-./09:;<>?@AZ[\\]^_`az{|}~",
	"!\"#$%&'()*,-./09:;<>?@AZ[\\]^_`az{|}~"},
    {"digits become capitals", ENVID, "a+2bb+3d", "a+2Bb+3D"},
    {"a space, encoded", ENVID, "a+20b", "a+20b"},
    {"an equals sign", ENVID, "a=b", NULL},
    {"bare plus", ENVID, "a+", NULL},
    {"plus and one digit", ENVID, "a+4", NULL},
    {"no hexadecimal", ENVID, "a+4g", NULL},
    {"a newline, encoded", ENVID, "a+0Ab", NULL},
    {"a NUL, encoded", ENVID, "a+00", NULL},
    {"eight bits, encoded", ENVID, "a+E4", NULL},
    {"eight bits", ENVID, "a\xe4", NULL},
    {"a control character", ENVID, "a\tb", NULL},
    {"empty", ENVID, "", NULL},
    {"as long as may be", ENVID, FIFTY FIFTY, FIFTY FIFTY},
    {"longer", ENVID, FIFTY FIFTY "1", NULL},
    {"orcpt", ORCPT, "rfc822;Bob+2Bx@Example.org",
	"rfc822;Bob+2Bx@Example.org"},
    {"another type", ORCPT, "X.400;a", NULL},
    {"its own type", ORCPT, "x-foo;+3d", "x-foo;+3D"},
    {"utf-8", ORCPT, "utf-8;\xc3\xa9\xf0\x9f\x90\x91@a",
	"utf-8;\\x{E9}\\x{1F411}@a"},
    {"utf-8 in ASCII", ORCPT, "UTF-8;\\x{E9}@a", "UTF-8;\\x{E9}@a"},
    {"utf-8, cut", ORCPT, "utf-8;\xc3@a", NULL},
    {"utf-8 of another type", ORCPT, "rfc822;\xc3\xa9@a", NULL},
    {"embedded", EMBED, "a\xc3\xa9\xff", "a\\x{E9}\xff"},
    {"unembedded", UNEMBED, "a\\x{E9}\\x{1f411}", "a\xc3\xa9\xf0\x9f\x90\x91"},
    {"not what is ASCII", UNEMBED, "\\x{41}\\x{0A}", "\\x{41}\\x{0A}"},
    {"nor a control", UNEMBED, "\\x{85}\\x{2028}", "\\x{85}\\x{2028}"},
    {"nor what is none", UNEMBED, "\\x{}\\x{E9\\x{1234567}\\x{D800}",
	"\\x{}\\x{E9\\x{1234567}\\x{D800}"},
    {"no type", ORCPT, ";a@b", NULL},
    {"no address", ORCPT, "rfc822;", NULL},
    {"neither", ORCPT, "", NULL},
    {"no semicolon", ORCPT, "rfc822", NULL},
    {"encoded type", ORCPT, "rfc+38;a", NULL},
    {"500", ORCPT,
	"rfc822;123" FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY
	"1234567890123456789012345678901234567890",
	"rfc822;123" FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY
	"1234567890123456789012345678901234567890"},
    {"501", ORCPT,
	"rfc822;1234" FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY
	"1234567890123456789012345678901234567890",
	NULL},
    {"decoded", PLAIN, "a+2Bb+40+3d", "a+b@="},
    {"encoded", XTEXT, "a+b =\n\xe4", "a+2Bb+20+3D+0A+E4"},
    {"what is none stays", PLAIN, "a+2", "a+2"},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct span in = span_of(row->in);
	uint8_t value = 77;
	bool ok = true;
	struct buf b;

	buf_init(&b, 1000);
	buf_puts(&b, "x");
	switch (row->what) {
	case NOTIFY:
		ok = addr_dsn_notify(in, &value);
		if (ok)
			addr_dsn_put_notify(&b, value);
		break;
	case RET:
		ok = addr_dsn_ret(in, &value);
		if (ok)
			buf_puts(&b, addr_dsn_ret_text(value));
		break;
	case ENVID:
		ok = addr_dsn_envid(&b, in);
		break;
	case ORCPT:
		ok = addr_dsn_orcpt(&b, in);
		break;
	case XTEXT:
		addr_dsn_put_xtext(&b, in);
		break;
	case EMBED:
		addr_dsn_put_embedded(&b, in);
		break;
	case UNEMBED:
		addr_dsn_put_unembedded(&b, in);
		break;
	case PLAIN:
		addr_dsn_put_plain(&b, in);
		break;
	}
	assert_int_equal(ok, row->out != NULL);
	assert_string_equal(buf_cstr(&b) + 1, row->out == NULL ? "" : row->out);
	if (!ok)
		assert_int_equal(value, 77);
	buf_fini(&b);
}

ROWS_MAIN(rows, check_row)

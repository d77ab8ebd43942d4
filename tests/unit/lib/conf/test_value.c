#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/conf/value.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define X10  "xxxxxxxxxx"
#define X60  X10 X10 X10 X10 X10 X10
#define X63  X60 "xxx"
#define X253 X63 "." X63 "." X63 "." X60 "x"
#define P1000                                                               \
	"/" X60 X60 X60 X60 X60 X60 X60 X60 X60 X60 X60 X60 X60 X60 X60 X60 \
	    X10 X10 X10 "xxxxxxxxx"

static const struct row {
	const char *name;
	enum conf_id id;
	const char *text;
	bool ok;
} rows[] = {
    {"one letter", CONF_ID_hostname, "x", true},
    {"longest label", CONF_ID_hostname, X63 ".x", true},
    {"label too long", CONF_ID_hostname, X63 "x.x", false},
    {"longest name", CONF_ID_hostname, X253, true},
    {"name too long", CONF_ID_hostname, X253 "x", false},
    {"digits first", CONF_ID_hostname, "3com.example", true},
    {"digits last", CONF_ID_hostname, "example.3", false},
    {"dash first", CONF_ID_hostname, "-a.example", false},
    {"dash last", CONF_ID_hostname, "a-.example", false},
    {"dot first", CONF_ID_hostname, ".example", false},
    {"space", CONF_ID_hostname, "a b", false},
    {"longest local part", CONF_ID_postmaster, X60 "xxxx@x", true},
    {"local part too long", CONF_ID_postmaster, X60 "xxxxx@x", false},
    {"no local part", CONF_ID_postmaster, "@x", false},
    {"no domain", CONF_ID_postmaster, "x@", false},
    {"two dots", CONF_ID_postmaster, "a..b@x", false},
    {"dot behind", CONF_ID_postmaster, "a.@x", false},
    {"quoted local part", CONF_ID_postmaster, "\"a\"@x", false},
    {"two at", CONF_ID_postmaster, "a@b@x", false},
    {"header injection", CONF_ID_postmaster, "a@x>\nb", false},
    {"longest path", CONF_ID_paths_spool, P1000 X10 X10 "xxxx", true},
    {"path too long", CONF_ID_paths_spool, P1000 X10 X10 "xxxxx", false},
    {"UTF-8 path", CONF_ID_paths_spool, "/\xe2\x82\xac\xf0\x9f\x90\x91", true},
    {"highest character", CONF_ID_paths_spool, "/\xf4\x8f\xbf\xbd", true},
    {"above it", CONF_ID_paths_spool, "/\xf4\x90\x80\x80", false},
    {"overlong of two", CONF_ID_paths_spool, "/\xc1\xbf", false},
    {"overlong of three", CONF_ID_paths_spool, "/\xe0\x9f\xbf", false},
    {"overlong of four", CONF_ID_paths_spool, "/\xf0\x8f\xbf\xbd", false},
    {"surrogate", CONF_ID_paths_spool, "/\xed\xa0\x80", false},
    {"cut character", CONF_ID_paths_spool, "/\xe2\x82", false},
    {"continuation alone", CONF_ID_paths_spool, "/\x82", false},
    {"byte order mark", CONF_ID_paths_spool, "/\xef\xbb\xbf", false},
    {"C1 control", CONF_ID_paths_spool, "/\xc2\x85", false},
    {"line separator", CONF_ID_paths_spool, "/\xe2\x80\xa8", false},
    {"delete", CONF_ID_paths_spool, "/\x7f", false},
    {"delimiters", CONF_ID_recipient_delimiter, "+-=_~!%", true},
    {"no delimiter", CONF_ID_recipient_delimiter, "", true},
    {"delimiter twice", CONF_ID_recipient_delimiter, "+-+", false},
    {"dot as a delimiter", CONF_ID_recipient_delimiter, ".", false},
    {"quote as a delimiter", CONF_ID_recipient_delimiter, "\"", false},
    {"backslash as a delimiter", CONF_ID_recipient_delimiter, "\\", false},
    {"letter as a delimiter", CONF_ID_recipient_delimiter, "+x", false},
    {"no U-label", CONF_ID_domains, "\xc3\xbc..example", false},
    {"local part beyond ASCII", CONF_ID_postmaster, "\xc3\xbc@a", false},
    {"alias domain", CONF_ID_alias_domains, "a.b=c.d", true},
    {"alias domain without target", CONF_ID_alias_domains, "a.b", false},
    {"alias domain of nothing", CONF_ID_alias_domains, "a.b=", false},
    {"target without alias domain", CONF_ID_alias_domains, "=a.b", false},
    {"alias domain with two targets", CONF_ID_alias_domains, "a=b=c", false},
    {"relay domain", CONF_ID_relay_domains, "a.b", true},
    {"relay domain and host", CONF_ID_relay_domains, "a.b=mx.c", true},
    {"relay domain, host, port", CONF_ID_relay_domains, "a.b=mx.c:25", true},
    {"relay to IPv4", CONF_ID_relay_domains, "a.b=[192.0.2.1]:25", true},
    {"relay to IPv6", CONF_ID_relay_domains, "a.b=[IPv6:2001:db8::1]", true},
    {"relay to IPv4 bare", CONF_ID_relay_domains, "a.b=192.0.2.1", false},
    {"relay to IPv6 without its tag", CONF_ID_relay_domains, "a.b=[::1]",
	false},
    {"relay to port 0", CONF_ID_relay_domains, "a.b=c:0", false},
    {"relay to no port", CONF_ID_relay_domains, "a.b=c:", false},
    {"relay to a large port", CONF_ID_relay_domains, "a.b=c:65536", false},
    {"relay to nobody", CONF_ID_relay_domains, "a.b=", false},
    {"relay for an address", CONF_ID_relay_domains, "x@a.b", false},
    {"certificate and key", CONF_ID_tls_more, "/a b=/c", true},
    {"certificate alone", CONF_ID_tls_more, "/a", false},
    {"key alone", CONF_ID_tls_more, "=/a", false},
    {"no key", CONF_ID_tls_more, "/a=", false},
    {"relative certificate", CONF_ID_tls_more, "a=/b", false},
    {"relative key", CONF_ID_tls_more, "/a=b", false},
    {"two keys", CONF_ID_tls_more, "/a=/b=/c", false},
    {"empty choice", CONF_ID_log_level, "", false},
    {"choice cut", CONF_ID_log_level, "inf", false},
    {"two choices", CONF_ID_log_level, "info debug", false},
    {"empty number", CONF_ID_smtpd_max_sessions, "", false},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	const struct conf_option *o = &conf_option_table[row->id];
	struct conf conf = {.sections = 0};
	struct buf out;

	assert_int_equal(
	    conf_value_set(o, CONF_FORM_FILE, span_of(row->text), &conf),
	    row->ok);
	if (row->ok && o->type == CONF_TYPE_PATH)
		assert_string_equal(conf.paths.spool, row->text);
	conf_value_clear(o, &conf);
	/* what it should have been can be said of anything */
	buf_init(&out, 400);
	conf_value_expected(o, span_of(row->text), &out);
	assert_true(out.n > 0 && !out.over);
	buf_fini(&out);
}

/* What is written beyond ASCII is kept as A-labels. */
static const struct beyond {
	const char *name;
	enum conf_id id;
	const char *text;
	const char *kept;
} beyond[] = {
    {"U-label", CONF_ID_domains,
	"B\xc3\xbc"
	"cher.example",
	"\"xn--bcher-kva.example\""},
    {"U-label of an address", CONF_ID_postmaster, "A@\xc3\xbc",
	"\"A@xn--tda\""},
    {"U-labels of two domains", CONF_ID_alias_domains, "\xc3\xa4=\xc3\xbc",
	"\"xn--4ca=xn--tda\""},
    {"U-label and port", CONF_ID_relay_domains, "\xc3\xa4=\xc3\xbc:25",
	"\"xn--4ca=xn--tda:25\""},
    {"U-label and a literal", CONF_ID_relay_domains,
	"\xc3\xa4=[IPv6:2001:db8::1]", "\"xn--4ca=[ipv6:2001:db8::1]\""},
};

static void
check_beyond(void **state)
{
	const struct beyond *row = *state;
	const struct conf_option *o = &conf_option_table[row->id];
	struct conf conf = {.sections = 0};
	struct buf out;

	buf_init(&out, 400);
	assert_true(
	    conf_value_set(o, CONF_FORM_FILE, span_of(row->text), &conf));
	assert_true(conf_value_put(o, CONF_FORM_FILE, &conf, 0, &out));
	assert_string_equal(buf_cstr(&out), row->kept);
	conf_value_clear(o, &conf);
	buf_fini(&out);
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(beyond)];

	for (size_t i = 0; i < COUNT(rows); i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	for (size_t i = 0; i < COUNT(beyond); i++)
		tests[COUNT(rows) + i] = (struct CMUnitTest){beyond[i].name,
		    check_beyond, NULL, NULL, (void *)(uintptr_t)&beyond[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

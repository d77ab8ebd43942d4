/* Items of relay.routes: what is one, and whose mail it is for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/conf/way.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *in;
	const char *out; /* what was understood; NULL: nothing */
} rows[] = {
    {"a host", "via=a.b", "a.b:0 tls -1"},
    {"a port", "via=a.b:587", "a.b:587 tls -1"},
    {"several", "via=a.b:1,[192.0.2.1],[IPv6:2001:db8::1]:2",
	"a.b:1 [192.0.2.1]:0 [IPv6:2001:db8::1]:2 tls -1"},
    {"its own", "to=.example via=mx tls=verify", "mx tls 5 to .example"},
    {"everything", "to=a@b.c from=@d.e login=.f via=g tls=encrypt as=H@i",
	"g:0 tls 3 to a@b.c from @d.e login .f as H@i"},
    {"more spaces", "  via=a   to=b ", "a:0 tls -1 to b"},
    {"null sender", "from=<> via=a", "a:0 tls -1 from <>"},
    {"lmtp", "via=lmtp:a:24,b", "lmtp a:24 b:0 tls -1"},
    {"rate", "via=mx to=a rate=20/m", "mx tls -1 to a gap 3000"},
    {"rate a day", "via=a rate=1/d", "a:0 tls -1 gap 86400000"},
    {"fastest", "via=a rate=1000/s", "a:0 tls -1 gap 1"},
    {"faster", "via=a rate=1001/s", NULL},
    {"rate of nothing", "via=a rate=0/s", NULL},
    {"rate without a unit", "via=a rate=5", NULL},
    {"rate of another unit", "via=a rate=5/w", NULL},
    {"rate twice", "via=a rate=5/s rate=5/s", NULL},
    {"source", "via=mx source=192.0.2.7", "mx tls -1 source 192.0.2.7"},
    {"a source of each", "via=mx source=2001:db8::7,192.0.2.7",
	"mx tls -1 source 2001:db8::7,192.0.2.7"},
    {"two of one family", "via=mx source=192.0.2.7,192.0.2.8", NULL},
    {"source twice", "via=mx source=192.0.2.7 source=::1", NULL},
    {"source by name", "via=mx source=a.b", NULL},
    {"source with a port", "via=mx source=192.0.2.7:25", NULL},
    {"source of a network", "via=mx source=192.0.2.0/24", NULL},
    {"no source behind", "via=mx source=192.0.2.7,", NULL},
    {"no source before", "via=mx source=,192.0.2.7", NULL},
    {"nothing", "", NULL},
    {"no host", "to=a", NULL},
    {"no value", "via=", NULL},
    {"no key", "a.b", NULL},
    {"unknown key", "via=a of=b", NULL},
    {"given twice", "via=a via=b", NULL},
    {"condition twice", "via=a to=b to=c", NULL},
    {"a host and its own", "via=a via=mx", NULL},
    {"nothing between", "via=a,,b", NULL},
    {"nothing behind", "via=a,", NULL},
    {"port 0", "via=a:0", NULL},
    {"large port", "via=a:65536", NULL},
    {"bare address", "via=192.0.2.1", NULL},
    {"too many", "via=a,b,c,d,e,f,g,h,i", NULL},
    {"null recipient", "to=<> via=a", NULL},
    {"odd pattern", "to=a_b via=a", NULL},
    {"empty domain", "to=a@ via=a", NULL},
    {"unknown tls", "via=a tls=always", NULL},
    {"a password for strangers", "via=mx as=x", NULL},
    {"a password in clear", "via=a as=x tls=may", NULL},
    {"never by TLS", "via=a as=x tls=none", NULL},
    {"perhaps in clear", "via=a as=x tls=dane", NULL},
    {"by DANE or not at all", "via=a as=x tls=dane-only", "a:0 tls 4 as x"},
    {"a password by lmtp", "via=lmtp:a as=x", NULL},
};

static void
put(struct buf *b, const char *key, struct span s)
{
	if (s.n > 0)
		buf_putf(b, " %s " SPAN_FMT, key, SPAN_ARG(s));
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct conf_way w = {.tls = 77};
	struct buf b;

	assert_int_equal(
	    conf_way_parse(span_of(row->in), &w), row->out != NULL);
	if (row->out == NULL) {
		assert_int_equal(w.tls, 77);
		return;
	}
	buf_init(&b, 1000);
	buf_puts(&b, w.lmtp ? "lmtp " : "");
	buf_puts(&b, w.mx ? "mx " : "");
	for (size_t i = 0; i < w.n; i++)
		buf_putf(&b, SPAN_FMT ":%u ", SPAN_ARG(w.via[i].host),
		    w.via[i].port);
	buf_putf(&b, "tls %d", w.tls);
	put(&b, "to", w.to);
	put(&b, "from", w.from);
	put(&b, "login", w.login);
	put(&b, "as", w.as);
	put(&b, "source", w.source);
	if (w.gap_ms > 0)
		buf_putf(&b, " gap %llu", (unsigned long long)w.gap_ms);
	assert_string_equal(buf_cstr(&b), row->out);
	buf_fini(&b);
}

static const struct fit {
	const char *name;
	const char *way;
	const char *to, *sender, *login;
	bool fits;
} fits[] = {
    {"whoever", "via=a", "x@y", "", "", true},
    {"domain", "to=Y.z via=a", "x@y.Z", "", "", true},
    {"of a domain", "to=@y via=a", "x@y", "", "", true},
    {"another", "to=y via=a", "x@yy", "", "", false},
    {"not below it", "to=y.z via=a", "x@b.y.z", "", "", false},
    {"below it", "to=.y.z via=a", "x@b.y.z", "", "", true},
    {"not itself", "to=.y.z via=a", "x@y.z", "", "", false},
    {"nor what ends so", "to=.y.z via=a", "x@by.z", "", "", false},
    {"address", "to=X@y via=a", "x@y", "", "", true},
    {"another address", "to=x@y via=a", "xx@y", "", "", false},
    {"sender", "from=@b via=a", "x@y", "c@b", "", true},
    {"another sender", "from=@b via=a", "x@b", "c@d", "", false},
    {"no sender", "from=@b via=a", "x@y", "", "", false},
    {"null sender", "from=<> via=a", "x@y", "", "", true},
    {"not the null sender", "from=<> via=a", "x@y", "a@b", "", false},
    {"login", "login=l@m via=a", "x@y", "", "L@m", true},
    {"user of the system", "login=m via=a", "x@y", "", "m", true},
    {"no login", "login=l@m via=a", "x@y", "l@m", "", false},
    {"all", "to=y from=b login=@m via=a", "x@y", "a@b", "l@m", true},
    {"all but one", "to=y from=b login=@m via=a", "x@y", "a@c", "l@m", false},
};

static void
check_fit(void **state)
{
	const struct fit *row = *state;
	struct conf_way w;

	assert_true(conf_way_parse(span_of(row->way), &w));
	assert_int_equal(
	    conf_way_fits(&w, &(struct conf_way_mail){span_of(row->to),
				  span_of(row->sender), span_of(row->login)}),
	    row->fits);
}

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

int
main(void)
{
	struct CMUnitTest tests[COUNT(rows) + COUNT(fits)];

	for (size_t i = 0; i < COUNT(rows); i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	for (size_t i = 0; i < COUNT(fits); i++)
		tests[COUNT(rows) + i] = (struct CMUnitTest){fits[i].name,
		    check_fit, NULL, NULL, (void *)(uintptr_t)&fits[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/addr/beyond.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static bool
ok(struct span in, struct buf *out)
{
	return addr_beyond_ok(in) && buf_put_span(out, in);
}

static bool
written(struct span in, struct buf *out)
{
	addr_beyond_written(in, out);
	return true;
}

static const struct row {
	const char *name;
	bool (*what)(struct span in, struct buf *out);
	const char *in;
	const char *out; /* NULL: false */
} rows[] = {
    {"ASCII is not looked at", ok, "a\x7f\n", "a\x7f\n"},
    {"UTF-8", ok, "\xc3\xa4\xf0\x9f\x90\x91", "\xc3\xa4\xf0\x9f\x90\x91"},
    {"cut", ok, "\xf0\x9f\x90", NULL},
    {"last C1 control", ok, "\xc2\x9f", NULL},
    {"first behind them", ok, "\xc2\xa0", "\xc2\xa0"},
    {"paragraph separator", ok, "\xe2\x80\xa9", NULL},

    {"domain in capitals", addr_beyond_domain, "EXAMPLE.Org", "example.org"},
    {"A-label", addr_beyond_domain, "XN--Bcher-kva", "xn--bcher-kva"},
    {"U-label", addr_beyond_domain,
	"B\xc3\xbc"
	"cher.Org",
	"xn--bcher-kva.org"},
    {"mixed", addr_beyond_domain, "\xc3\xa4.xn--bcher-kva",
	"xn--4ca.xn--bcher-kva"},
    {"no U-label", addr_beyond_domain, "\xe2\x82\xac..", NULL},
    {"no text", addr_beyond_domain, "\xff", NULL},

    {"fold ASCII", addr_beyond_fold, "A.Bc\"", "a.bc\""},
    {"fold", addr_beyond_fold, "J\xc3\x9c", "j\xc3\xbc"},
    {"fold decomposed", addr_beyond_fold, "JU\xcc\x88", "j\xc3\xbc"},
    {"fold sharp s", addr_beyond_fold, "\xc3\x9f", "ss"},
    {"fold what is no UTF-8", addr_beyond_fold, "A\xff", "a\xff"},

    {"written", written,
	"a@B\xc3\xbc"
	"cher",
	"a@xn--bcher-kva"},
    {"written in ASCII", written, "A@B", "A@B"},
    {"written without domain", written, "\xc3\xbc", "\xc3\xbc"},
    {"written with an odd one", written, "a@\xc3", "a@\xc3"},
    {"written domain", written,
	"@b\xc3\xbc"
	"cher",
	"@xn--bcher-kva"},
};

static void
test_row(void **state)
{
	const struct row *r = *state;
	struct buf out;
	bool done;

	buf_init(&out, 100);
	buf_puts(&out, "x");
	done = r->what(span_of(r->in), &out);
	assert_int_equal(done, r->out != NULL);
	assert_string_equal(buf_cstr(&out) + 1, done ? r->out : "");
	buf_fini(&out);
}

/* What is folded twice is as if folded once; what does not fit leaves nothing.
 */
static void
test_fold_again(void **state)
{
	/* iota below, sharp s in capitals, dotted capital I, final sigma */
	static const char text[] = "\xe1\xbe\xb3\xcd\x85\xe1\xba\x9e\xc4\xb0"
				   "\xcf\x82\xcd\x85\xcc\x88";
	struct buf once, twice;

	(void)state;
	buf_init(&once, 100);
	buf_init(&twice, 100);
	assert_true(addr_beyond_fold(span_of(text), &once));
	assert_true(addr_beyond_fold(buf_span(&once), &twice));
	assert_string_equal(buf_cstr(&once), buf_cstr(&twice));
	buf_fini(&twice);
	buf_init(&twice, once.n - 1);
	assert_false(addr_beyond_fold(buf_span(&once), &twice));
	assert_int_equal(twice.n, 0);
	buf_fini(&once);
	buf_fini(&twice);
}

int
main(void)
{
	struct CMUnitTest tests[sizeof(rows) / sizeof(rows[0]) + 1] = {
	    cmocka_unit_test(test_fold_again)};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		tests[i + 1] = (struct CMUnitTest){rows[i].name, test_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

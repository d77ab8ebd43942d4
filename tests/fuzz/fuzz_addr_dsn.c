/*
 * Any bytes as each parameter of RFC 3461: what is taken is printable, within
 * its bounds, and taken again as it is. What RFC 6533 embeds comes out again.
 */
#include "lib/addr/beyond.h"
#include "lib/addr/dsn.h"
#include "tests/fuzz/must.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
check_xtext(
    bool (*take)(struct buf *b, struct span text), struct span in, size_t max)
{
	struct buf b, again, plain;

	buf_init(&b, 1000);
	buf_init(&again, 1000);
	buf_init(&plain, 1000);
	if (take(&b, in)) {
		must((b.n == in.n || !span_is_ascii(in)) && b.n <= max);
		must(take(&again, buf_span(&b)));
		must(span_eq(buf_span(&again), buf_span(&b)));
		addr_dsn_put_plain(&plain, buf_span(&b));
		must(plain.n <= b.n && !plain.over);
		for (size_t i = 0; i < plain.n; i++)
			must(plain.p[i] >= ' ' && plain.p[i] <= '~');
	} else {
		must(b.n == 0);
	}
	buf_fini(&b);
	buf_fini(&again);
	buf_fini(&plain);
}

static void
check_embedded(struct span in)
{
	struct buf embedded, again;

	if (!addr_beyond_ok(in) || span_find(in, '\\') < in.n)
		return;
	buf_init(&embedded, 10 * in.n + 10);
	buf_init(&again, 10 * in.n + 10);
	addr_dsn_put_embedded(&embedded, in);
	must(span_is_ascii(buf_span(&embedded)) && !embedded.over);
	addr_dsn_put_unembedded(&again, buf_span(&embedded));
	must(span_eq(buf_span(&again), in));
	buf_fini(&embedded);
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span in = span_make(p, n);
	uint8_t value, same;
	struct buf b;

	check_embedded(in);
	check_xtext(addr_dsn_envid, in, ADDR_DSN_ENVID_MAX);
	check_xtext(addr_dsn_orcpt, in, ADDR_DSN_ORCPT_MAX);
	buf_init(&b, 100);
	if (addr_dsn_notify(in, &value)) {
		addr_dsn_put_notify(&b, value);
		must(addr_dsn_notify(buf_span(&b), &same) && same == value);
	}
	if (addr_dsn_ret(in, &value))
		must(addr_dsn_ret(span_of(addr_dsn_ret_text(value)), &same) &&
		     same == value);
	buf_fini(&b);
	return 0;
}

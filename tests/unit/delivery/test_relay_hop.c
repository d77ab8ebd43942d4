/*
 * The order in which addresses are tried. Hosts are words preference/host
 * with an address made of the word's number: "10/a" has IPv4, "10/a6" IPv6
 * (of host a), "10/a-" none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "delivery/relay_hop.h"
#include "lib/base/buf.h"
#include "lib/base/num.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *hosts;
	const char *expect; /* host and number of each hop, or a status */
} rows[] = {
    {"by preference", "20/b 10/a 30/c", "a2 b1 c3"},
    {"IPv6 and IPv4 by turns", "10/a 10/a 10/a6 10/a6 10/a6", "a3 a1 a4 a2 a5"},
    {"without an address", "10/a- 20/b", "b2"},
    {"we among them", "10/a 20/self 30/c", "a1"},
    {"equals of ours", "10/a 20/self 20/c", "a1"},
    {"we, without an address", "10/a 20/self- 30/c", "a1"},
    {"we in another case", "10/a 20/SELF 30/c", "a1"},
    {"we are best", "10/self 20/b", "5.4.6"},
    {"we are alone", "10/self", "5.4.6"},
    {"nobody", "", "4.4.3"},
    {"nobody with an address", "10/a- 20/b-", "4.4.3"},
};

static struct relay_hops h;

static void
make(const char *text)
{
	struct span s = span_of(text);
	uint8_t n = 0;

	h.n = 0;
	while (s.n > 0) {
		struct span w = span_cut(&s, ' ');
		struct span pref = span_cut(&w, '/');
		uint8_t address[16] = {0};
		uint64_t v = 0;
		size_t size = 4;

		assert_true(num_u64(pref, &v));
		if (w.p[w.n - 1] == '6' || w.p[w.n - 1] == '-') {
			size = w.p[w.n - 1] == '6' ? 16 : 0;
			w.n--;
		}
		address[0] = ++n;
		relay_hop_add(
		    &h, &(struct msg_dns_address){.preference = (uint32_t)v,
			    .host = w,
			    .address = span_make(address, size)});
	}
}

static void
put(struct buf *b, uint32_t seed)
{
	struct why why;

	if (relay_hop_order(&h, "self", seed, &why) != RC_OK) {
		(void)buf_puts(b, why.status);
		return;
	}
	for (size_t i = 0; i < h.n; i++)
		(void)buf_putf(b, "%s%s%u", i > 0 ? " " : "", h.v[i].host,
		    (unsigned)h.v[i].address[0]);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	bool first_a = false, first_b = false;
	struct buf b;

	for (uint32_t seed = 0; seed < 50; seed++) {
		buf_init(&b, 1000);
		make(row->hosts);
		put(&b, seed);
		assert_string_equal(buf_cstr(&b), row->expect);
		buf_fini(&b);
		/* equals come in either order, each host in one piece */
		buf_init(&b, 1000);
		make("10/a 10/b 10/a6 10/b6");
		put(&b, seed);
		first_a |= strcmp(buf_cstr(&b), "a3 a1 b4 b2") == 0;
		first_b |= strcmp(buf_cstr(&b), "b4 b2 a3 a1") == 0;
		buf_fini(&b);
	}
	assert_true(first_a && first_b);
	/* what is too much is left out */
	make("10/a");
	for (int i = 0; i < 1000; i++)
		relay_hop_add(
		    &h, &(struct msg_dns_address){.host = SPAN_LIT("x"),
			    .address = SPAN_LIT("1234")});
	assert_int_equal(h.n, RELAY_HOPS_MAX);
	assert_true(relay_hop_literal(&h, SPAN_LIT("[192.0.2.1]")));
	assert_true(relay_hop_literal(&h, SPAN_LIT("[IPv6:2001:db8::1]")));
	assert_int_equal(h.v[0].n, 16);
	assert_false(relay_hop_literal(&h, SPAN_LIT("[x]")));
	assert_false(relay_hop_literal(&h, SPAN_LIT("192.0.2.1")));
	assert_true(relay_hop_inward(SPAN_LIT("\x7f\1\2\3")));
	assert_false(relay_hop_inward(SPAN_LIT("\xc0\1\2\3")));
	assert_true(relay_hop_inward(
	    SPAN_LIT("\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1")));
	assert_true(
	    relay_hop_inward(SPAN_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1")));
}

ROWS_MAIN(rows, check_row)

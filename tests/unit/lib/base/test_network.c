/* Networks: what is one, and who is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/network.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *network; /* NULL: what one client has */
	const char *address;
	int has; /* -1: no network */
} rows[] = {
    {"one address", "192.0.2.1", "192.0.2.1", 1},
    {"its neighbour", "192.0.2.1", "192.0.2.0", 0},
    {"first of /24", "192.0.2.0/24", "192.0.2.0", 1},
    {"last of /24", "192.0.2.0/24", "192.0.2.255", 1},
    {"behind /24", "192.0.2.0/24", "192.0.3.0", 0},
    {"last of /25", "192.0.2.0/25", "192.0.2.127", 1},
    {"behind /25", "192.0.2.0/25", "192.0.2.128", 0},
    {"all of IPv4", "0.0.0.0/0", "203.0.113.9", 1},
    {"IPv6 is not in it", "0.0.0.0/0", "2001:db8::1", 0},
    {"all", "::/0", "203.0.113.9", 1},
    {"mapped", "::ffff:192.0.2.0/120", "192.0.2.7", 1},
    {"IPv6", "2001:db8::/32", "2001:db8:ffff::1", 1},
    {"behind IPv6", "2001:db8::/32", "2001:db9::1", 0},
    {"upper case", "2001:DB8::/32", "2001:db8::", 1},
    {"loopback", "127.0.0.0/8", "127.1.2.3", 1},
    {"empty", "", "192.0.2.1", -1},
    {"no bits", "192.0.2.0/", "192.0.2.1", -1},
    {"too many bits", "192.0.2.0/33", "192.0.2.1", -1},
    {"too many bits of IPv6", "::/129", "192.0.2.1", -1},
    {"negative", "192.0.2.0/-1", "192.0.2.1", -1},
    {"bits behind", "192.0.2.1/24", "192.0.2.1", -1},
    {"one bit behind", "192.0.2.128/24", "192.0.2.1", -1},
    {"three octets", "192.0.2/24", "192.0.2.1", -1},
    {"a name", "localhost", "127.0.0.1", -1},
    {"two slashes", "192.0.2.0/24/8", "192.0.2.1", -1},
    {"space", " 192.0.2.0/24", "192.0.2.1", -1},
    {"zone", "fe80::1%lo", "fe80::1", -1},
    {"no end", "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111",
	"::", -1},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct network n;
	uint8_t ip[16];

	assert_true(network_address(span_of(row->address), ip));
	assert_int_equal(
	    network_parse(span_of(row->network), &n), row->has >= 0);
	if (row->has >= 0)
		assert_int_equal(network_has(&n, ip), row->has);
}

ROWS_MAIN(rows, check_row)

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "authd/throttle.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define MIN 60000ULL

struct step {
	const char *client;
	const char *login;
	uint64_t at_ms;
	uint64_t delay_ms;
};

static const struct row {
	const char *name;
	struct step steps[8];
} rows[] = {
    {"doubles up to a bound",
	{{"192.0.2.1", "a", 0, 1000}, {"192.0.2.1", "b", 1, 2000},
	    {"192.0.2.1", "c", 2, 4000}, {"192.0.2.1", "d", 3, 8000},
	    {"192.0.2.1", "e", 4, 8000}, {"192.0.2.1", "f", 5, 8000}}},
    {"by login, from many clients",
	{{"192.0.2.1", "a", 0, 1000}, {"192.0.2.2", "a", 1, 2000},
	    {"192.0.2.3", "a", 2, 4000}}},
    {"strangers do not add up",
	{{"192.0.2.1", "a", 0, 1000}, {"192.0.2.2", "b", 1, 1000}}},
    {"forgotten after a quiet while",
	{{"192.0.2.1", "a", 0, 1000}, {"192.0.2.1", "a", 1, 2000},
	    {"192.0.2.1", "a", 10 * MIN + 1, 4000},
	    {"192.0.2.1", "a", 20 * MIN + 2, 1000}}},
    {"IPv6 by /64",
	{{"2001:db8::1", "a", 0, 1000}, {"2001:db8::ffff:2", "b", 1, 2000},
	    {"2001:db8:0:1::1", "c", 2, 1000}}},
    {"mapped IPv4 by address", {{"::ffff:192.0.2.1", "a", 0, 1000},
				   {"::ffff:192.0.2.2", "b", 1, 1000}}},
    {"a client is no login", {{"x", "y", 0, 1000}, {"y", "x", 1, 1000}}},
    {"no address at all", {{"", "", 0, 1000}, {"", "", 1, 2000}}},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct throttle *t = throttle_new();

	for (const struct step *s = row->steps; s->client != NULL; s++)
		assert_int_equal(throttle_failed(t, span_of(s->client),
				     span_of(s->login), s->at_ms),
		    s->delay_ms);
	throttle_free(&t);
}

ROWS_MAIN(rows, check_row)

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "authd/memory.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static struct digest
of(const char *s)
{
	static struct digest_key key;

	return digest_of(&key, (const struct span[]){span_of(s)}, 1);
}

/* '+x' put x (account: its letter), '-x' drop, '>' a minute later, 'x' must be
 * there, '!x' must not */
static const struct row {
	const char *name;
	const char *script;
	size_t max;
	uint64_t ttl_ms;
	size_t count;
} rows[] = {
    {"nothing at first", "!a", 3, 600000, 0},
    {"what was put", "+a a !b", 3, 600000, 1},
    {"ends", "+a > > > > > > > > > a > !a", 3, 600000, 0},
    {"asking does not make it longer", "+a > a > !a", 3, 120000, 0},
    {"the oldest goes", "+a +b +c +d !a b c d", 3, 600000, 3},
    {"again is young again", "+a +b +c +a +d a !b c d", 3, 600000, 3},
    {"dropped with its account", "+a +b -a !a b", 3, 600000, 1},
    {"off", "+a !a", 3, 0, 0},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct memory *m = memory_new(row->max, row->ttl_ms);
	uint64_t now = 1;
	struct digest d;

	for (const char *p = row->script; *p != '\0'; p++) {
		char op = *p;

		if (op == ' ')
			continue;
		if (op == '>') {
			now += 60000;
			continue;
		}
		if (op == '+' || op == '-' || op == '!')
			p++;
		d = of((char[]){*p, '\0'});
		if (op == '+')
			memory_put(m, &d, (uint64_t)*p, now);
		else if (op == '-')
			memory_drop(m, (uint64_t)*p);
		else
			assert_int_equal(memory_has(m, &d, now), op != '!');
	}
	assert_int_equal(memory_count(m), row->count);
	memory_free(&m);
}

ROWS_MAIN(rows, check_row)

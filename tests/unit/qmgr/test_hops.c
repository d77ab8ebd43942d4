/* How many hosts a message has passed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "qmgr/hops.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *text;
	size_t received;
} rows[] = {
    {"nothing", "", 0},
    {"none", "Subject: x\r\n\r\nbody\r\n", 0},
    {"one", "Received: a\r\n\r\n", 1},
    {"any case", "RECEIVED: a\r\nreceived:b\r\n\r\n", 2},
    {"folded", "Received: a\r\n\tReceived: b\r\n Received: c\r\n\r\n", 1},
    {"others alike", "Received-SPF: a\r\nX-Received: b\r\n\r\n", 0},
    {"in the body", "Received: a\r\n\r\nReceived: b\r\n", 1},
    {"no body", "Received: a\r\nReceived: b\r\n", 2},
    {"cut", "Received: a\r\nReceived: b", 1},
    {"line feeds", "Received: a\nReceived: b\n\nReceived: c\n", 2},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct hops whole = {0}, bytes = {0};

	hops_feed(&whole, span_of(row->text));
	for (size_t i = 0; row->text[i] != '\0'; i++)
		hops_feed(&bytes, span_make(row->text + i, 1));
	assert_int_equal(whole.received, row->received);
	assert_int_equal(bytes.received, row->received);
}

ROWS_MAIN(rows, check_row)

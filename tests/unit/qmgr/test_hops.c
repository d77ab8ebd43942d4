/* How many hosts a message has passed, and whether it says that TLS is not
 * required. */
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
	bool tls_optional;
} rows[] = {
    {"nothing", "", 0, false},
    {"none", "Subject: x\r\n\r\nbody\r\n", 0, false},
    {"one", "Received: a\r\n\r\n", 1, false},
    {"any case", "RECEIVED: a\r\nreceived:b\r\n\r\n", 2, false},
    {"folded", "Received: a\r\n\tReceived: b\r\n Received: c\r\n\r\n", 1,
	false},
    {"others alike", "Received-SPF: a\r\nX-Received: b\r\n\r\n", 0, false},
    {"in the body", "Received: a\r\n\r\nReceived: b\r\n", 1, false},
    {"no body", "Received: a\r\nReceived: b\r\n", 2, false},
    {"cut", "Received: a\r\nReceived: b", 1, false},
    {"line feeds", "Received: a\nReceived: b\n\nReceived: c\n", 2, false},
    {"TLS", "A: b\r\nTLS-Required: No\r\n\r\n", 0, true},
    {"TLS, any case, no space", "tls-required:NO\r\nReceived: a\r\n", 1, true},
    {"TLS, folded", "TLS-Required:\r\n\tNo\r\n\r\n", 0, true},
    {"TLS, folded twice", "TLS-Required:\r\n \r\n No \n\n", 0, true},
    {"TLS, line feeds", "TLS-Required: No\n\n", 0, true},
    {"TLS, another word", "TLS-Required: Yes\r\n No\r\n\r\n", 0, false},
    {"TLS, more words", "TLS-Required: No, really\r\n\r\n", 0, false},
    {"TLS, a long one", "TLS-Required: No               x\r\n\r\n", 0, false},
    {"TLS, longer than looked at",
	"TLS-Required: No                         x\r\n\r\n", 0, false},
    {"TLS, a blank line follows", "TLS-Required:\r\n\r\n No\r\n", 0, false},
    {"TLS, nothing", "TLS-Required:\r\nA: No\r\n No\r\n\r\n", 0, false},
    {"TLS, other fields", "X-TLS-Required: No\r\nTLS-Requireds: No\r\n", 0,
	false},
    {"TLS, in the body", "A: b\r\n\r\nTLS-Required: No\r\n", 0, false},
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
	assert_int_equal(whole.tls_optional, row->tls_optional);
	assert_int_equal(bytes.tls_optional, row->tls_optional);
}

ROWS_MAIN(rows, check_row)

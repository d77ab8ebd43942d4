/* The Message-ID, as mail programs and others write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "smtpd/msgid.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *message;
	const char *id;
} rows[] = {
    {"plain", "Message-ID: <a@b>\r\n\r\n", "a@b"},
    {"behind others", "To: x\r\n y\r\nMessage-Id:<a@b>\r\n\r\n", "a@b"},
    {"folded", "Message-ID:\r\n <a@b>\r\n\r\n", "a@b"},
    {"folded inside", "Message-ID: <a\r\n\t@b>\r\n", "a@b"},
    {"a comment before", "Message-ID: (x) <a@b>\r\n", "a@b"},
    {"no brackets", "MESSAGE-ID: a@b\r\nX: y\r\n", "a@b"},
    {"a blank before the colon", "Message-ID : <a@b>\r\n", "a@b"},
    {"the first counts", "Message-ID: <a@b>\r\nMessage-ID: <c@d>\r\n", "a@b"},
    {"empty", "Message-ID:\r\nX: <a@b>\r\n", ""},
    {"none", "Subject: x\r\n\r\nMessage-ID: <a@b>\r\n", ""},
    {"another field", "X-Message-ID: <a@b>\r\n\r\n", ""},
    {"a longer name", "Message-ID-X: <a@b>\r\n\r\n", ""},
    {"a cut name", "Message-I\r\nD: <a@b>\r\n\r\n", ""},
    {"no message", "", ""},
    {"control", "Message-ID: <a\x01\x1b@b>\r\n", "a\?\?@b"},
    {"eight bits", "Message-ID: <\xc3\xa4@b>\r\n", "\xc3\xa4@b"},
    {"not closed", "Message-ID: <a@b\r\nX: y\r\n", "a@b"},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct msgid m = {0};

	msgid_feed(&m, span_of(row->message));
	assert_true(span_eq(msgid_text(&m), span_of(row->id)));
}

ROWS_MAIN(rows, check_row)

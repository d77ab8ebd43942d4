/* Which messages an administrator means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "qmgr/manage_filter.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define TEXT(s)                  \
	{                        \
		s, sizeof(s) - 1 \
	}
#define HOUR_MS 3600000ULL

/* The message is two hours old, has 5,000 bytes, is from Ann@a.example, done
 * for x@done.example, to do for bob@b.example; it is deferred. */
static const struct row {
	const char *name;
	struct msg_queue_list asked;
	bool meant;
	bool open;
} rows[] = {
    {"all", {0}, true, true},
    {"sender", {.sender = TEXT("ann@a.example")}, true, false},
    {"sender without case", {.sender = TEXT("ANN@A.Example")}, true, false},
    {"part of a sender", {.sender = TEXT("nn@a.example")}, false, false},
    {"sender's domain", {.sender = TEXT("@A.example")}, true, false},
    {"domain above it", {.sender = TEXT("@example")}, false, false},
    {"end of its domain", {.sender = TEXT("a.example")}, false, false},
    {"null reverse-path", {.sender = TEXT("<>")}, false, false},
    {"recipient", {.recipient = TEXT("bob@b.example")}, true, false},
    {"recipient's domain", {.recipient = TEXT("@b.example")}, true, false},
    {"another recipient", {.recipient = TEXT("ann@a.example")}, false, false},
    {"one that has it", {.recipient = TEXT("x@done.example")}, false, false},
    {"reason", {.reason = TEXT("GREYlist")}, true, false},
    {"all of the reason", {.reason = TEXT("450 Greylisted, wait")}, true,
	false},
    {"more than the reason", {.reason = TEXT("450 Greylisted, wait!")}, false,
	false},
    {"another reason", {.reason = TEXT("refused")}, false, false},
    {"state", {.state = TEXT("deferred")}, true, false},
    {"another state", {.state = TEXT("held")}, false, false},
    {"part of a state", {.state = TEXT("defer")}, false, false},
    {"older", {.older_ms = 2 * HOUR_MS}, true, false},
    {"not so old", {.older_ms = 2 * HOUR_MS + 1}, false, false},
    {"younger", {.younger_ms = 2 * HOUR_MS + 1}, true, false},
    {"not so young", {.younger_ms = 2 * HOUR_MS}, false, false},
    {"larger", {.larger = 5000}, true, false},
    {"not so large", {.larger = 5001}, false, false},
    {"smaller", {.smaller = 5001}, true, false},
    {"not so small", {.smaller = 5000}, false, false},
    {"all of it",
	{.sender = TEXT("@a.example"),
	    .recipient = TEXT("@b.example"),
	    .reason = TEXT("wait"),
	    .state = TEXT("deferred"),
	    .older_ms = 1,
	    .smaller = 9999},
	true, false},
    {"all but one",
	{.sender = TEXT("@a.example"),
	    .recipient = TEXT("@b.example"),
	    .state = TEXT("active")},
	false, false},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	const uint64_t now = 1000 * 1000 * 3 * HOUR_MS;
	struct manage_view v = {
	    .state = "deferred", .reason = "450 Greylisted, wait"};
	struct envelope *e = envelope_new();
	struct manage_filter f;

	e->sender = span_dup(SPAN_LIT("Ann@a.example"));
	e->size = 5000;
	e->arrived_us = now - 2 * HOUR_MS * 1000;
	envelope_add(e, SPAN_LIT("x@done.example"), SPAN_NONE)->word =
	    ENVELOPE_DONE;
	(void)envelope_add(e, SPAN_LIT("bob@b.example"), SPAN_NONE);
	manage_filter_init(&f, &row->asked);
	assert_int_equal(manage_filter_is_open(&f), row->open);
	assert_int_equal(
	    manage_filter_envelope(&f, e, now) && manage_filter_view(&f, &v),
	    row->meant);
	/* a message of a time to come is young, not older than anything */
	e->arrived_us = now + 1;
	if (row->asked.older_ms > 0)
		assert_false(manage_filter_envelope(&f, e, now));
	manage_filter_fini(&f);
	envelope_free(&e);
}

ROWS_MAIN(rows, check_row)

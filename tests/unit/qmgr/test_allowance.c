/* How many recipients a login may send to in an hour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "qmgr/allowance.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define MINUTE 60000
#define STEPS  8
#define MAX    10
#define SPENT  ALLOWANCE_SPENT
#define GIVEN  ALLOWANCE_GIVEN
#define NEVER  ALLOWANCE_NEVER
#define JOE    "joe@example.org"
#define ANN    "ann@example.org"
#define BEGIN  (1000 * 60) /* minutes: no edge of the table */

static const struct row {
	const char *name;
	struct {
		unsigned minute;
		const char *login;
		uint64_t n;
		enum allowance_answer answer;
		bool first;
	} steps[STEPS];
} rows[] = {
    {"all of it at once",
	{{0, JOE, 10, GIVEN, false}, {0, JOE, 1, SPENT, true}}},
    {"bit by bit", {{0, JOE, 4, GIVEN, false}, {10, JOE, 4, GIVEN, false},
		       {20, JOE, 3, SPENT, true}, {20, JOE, 2, GIVEN, false},
		       {20, JOE, 1, SPENT, false}}},
    {"each login has its own",
	{{0, JOE, 10, GIVEN, false}, {0, ANN, 10, GIVEN, false},
	    {1, JOE, 1, SPENT, true}, {1, ANN, 1, SPENT, true}}},
    {"the hour goes on",
	{{0, JOE, 5, GIVEN, false}, {30, JOE, 5, GIVEN, false},
	    {54, JOE, 1, SPENT, true}, {60, JOE, 5, GIVEN, false},
	    {60, JOE, 1, SPENT, false}, {90, JOE, 5, GIVEN, false}}},
    {"after hours of quiet",
	{{0, JOE, 10, GIVEN, false}, {500, JOE, 10, GIVEN, false},
	    {501, JOE, 1, SPENT, true}}},
    {"a refusal counts for nothing",
	{{0, JOE, 9, GIVEN, false}, {0, JOE, 10, SPENT, true},
	    {0, JOE, 1, GIVEN, false}}},
    {"more than ever", {{0, JOE, 11, NEVER, true}, {0, JOE, 11, NEVER, false},
			   {0, JOE, 10, GIVEN, false}}},
    {"so many that a sum would overflow",
	{{0, JOE, 10, GIVEN, false}, {0, JOE, UINT64_MAX, NEVER, true}}},
    {"told once an hour",
	{{0, JOE, 10, GIVEN, false}, {1, JOE, 1, SPENT, true},
	    {59, JOE, 1, SPENT, false}, {60, JOE, 10, GIVEN, false},
	    {60, JOE, 1, SPENT, false}, {61, JOE, 1, SPENT, true}}},
};

static enum allowance_answer
take(struct allowance *a, struct span login, uint64_t n, uint64_t now_ms,
    bool *first)
{
	return allowance_take(
	    a, &(struct allowance_ask){login, n, MAX}, now_ms, first);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct allowance *a = allowance_new();

	for (size_t i = 0; i < STEPS && row->steps[i].login != NULL; i++) {
		uint64_t now =
		    (uint64_t)(BEGIN + row->steps[i].minute) * MINUTE;
		bool first;

		assert_int_equal(take(a, span_of(row->steps[i].login),
				     row->steps[i].n, now, &first),
		    row->steps[i].answer);
		assert_int_equal(first, row->steps[i].first);
	}
	allowance_free(&a);
}

/* Who makes up logins takes no more memory, and those of others last. */
static void
check_bounded(void **state)
{
	struct allowance *a = allowance_new();
	uint64_t now = (uint64_t)BEGIN * MINUTE;
	char login[32];
	bool first;

	(void)state;
	for (unsigned i = 0; i < ALLOWANCE_LOGINS + 1000; i++) {
		(void)snprintf(login, sizeof(login), "u%u@example.org", i);
		(void)take(a, span_of(login), 1, now, &first);
		/* one who sends is not the one quiet longest */
		if (i % 1000 == 0)
			(void)take(
			    a, SPAN_LIT(JOE), i == 0 ? MAX : 1, now, &first);
	}
	assert_int_equal(allowance_count(a), ALLOWANCE_LOGINS);
	assert_int_equal(take(a, SPAN_LIT(JOE), 1, now, &first), SPENT);
	allowance_free(&a);
	allowance_free(&a);
}

int
main(void)
{
	enum {
		N = sizeof(rows) / sizeof(rows[0])
	};
	struct CMUnitTest tests[N + 1] = {
	    [N] = cmocka_unit_test(check_bounded)};

	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

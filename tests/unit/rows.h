/*
 * A unit test is a table: each row one named cmocka test.
 */
#ifndef TESTS_UNIT_ROWS_H
#define TESTS_UNIT_ROWS_H

#include <stddef.h>
#include <stdint.h>

/* The rows' first member is `const char *name`. */
#define ROWS_MAIN(rows, check)                                                \
	int main(void)                                                        \
	{                                                                     \
		struct CMUnitTest tests[sizeof(rows) / sizeof((rows)[0])];    \
                                                                              \
		for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
			tests[i] = (struct CMUnitTest){(rows)[i].name, check, \
			    NULL, NULL, (void *)(uintptr_t) & (rows)[i]};     \
		return cmocka_run_group_tests(tests, NULL, NULL);             \
	}

/* The same, and tests that stand for themselves: an array of struct CMUnitTest
 * (cmocka_unit_test(f), ...) behind the rows. */
#define ROWS_MAIN_AND(rows, check, more)                                      \
	int main(void)                                                        \
	{                                                                     \
		const size_t n = sizeof(rows) / sizeof((rows)[0]);            \
		const size_t m = sizeof(more) / sizeof((more)[0]);            \
		struct CMUnitTest tests[sizeof(rows) / sizeof((rows)[0]) +    \
					sizeof(more) / sizeof((more)[0])];    \
                                                                              \
		for (size_t i = 0; i < n; i++)                                \
			tests[i] = (struct CMUnitTest){(rows)[i].name, check, \
			    NULL, NULL, (void *)(uintptr_t) & (rows)[i]};     \
		for (size_t i = 0; i < m; i++)                                \
			tests[n + i] = (more)[i];                             \
		return cmocka_run_group_tests(tests, NULL, NULL);             \
	}

#endif

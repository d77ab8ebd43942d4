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

#endif

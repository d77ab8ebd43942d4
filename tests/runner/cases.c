/*
 * A unit test binary that goes wrong as it is told to: test_run.py runs it to
 * see that tests/run counts rightly. It links nothing of ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/banned.h"

static const char *what = "pass";

static void
passes(void **state)
{
	(void)state;
}

static void
does_as_told(void **state)
{
	(void)state;
	if (strcmp(what, "fail") == 0)
		assert_int_equal(1, 2);
	else if (strcmp(what, "skip") == 0)
		skip();
	else if (strcmp(what, "abort") == 0)
		abort();
	else if (strcmp(what, "exit") == 0)
		_exit(0);
	else if (strcmp(what, "hang") == 0)
		for (;;)
			(void)pause(); /* until the runner kills us */
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(passes),
	    cmocka_unit_test(does_as_told),
	    cmocka_unit_test(passes),
	};

	if (argc > 1)
		what = argv[1];
	if (strcmp(what, "empty") == 0)
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

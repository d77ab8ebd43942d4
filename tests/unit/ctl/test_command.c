#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ctl/command.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *argv[3];
	const char *found; /* or NULL */
	const char *near;  /* of what is not found; or NULL */
	int used;
} rows[] = {
    {"one word", {"status"}, "status", NULL, 1},
    {"two words", {"account", "add", "x@y"}, "account add", NULL, 2},
    {"half of two", {"account"}, NULL, NULL, 0},
    {"an operand behind two", {"queue", "show", "1"}, "queue show", NULL, 2},
    {"its second misspelt", {"queue lsit"}, NULL, "queue list", 0},
    {"misspelt", {"statsu"}, NULL, "status", 0},
    {"another misspelt", {"realod"}, NULL, "reload", 0},
    {"two words misspelt", {"acount list"}, NULL, "account list", 0},
    {"a short one", {"stp"}, NULL, "stop", 0},
    {"nothing near", {"frobnicate"}, NULL, NULL, 0},
    {"empty", {""}, NULL, NULL, 0},
    {"no prefix", {"stat"}, NULL, "status", 0},
    {"very long",
	{"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"},
	NULL, NULL, 0},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	char **argv = (char **)(uintptr_t)row->argv;
	const struct command *c;
	const char *near;
	int argc = 0, used;

	while (argc < 3 && argv[argc] != NULL)
		argc++;
	c = command_find(argc, argv, &used);
	if (row->found != NULL) {
		assert_non_null(c);
		assert_string_equal(c->name, row->found);
		assert_int_equal(used, row->used);
		return;
	}
	assert_null(c);
	near = command_nearest(span_of(argv[0]));
	if (row->near == NULL)
		assert_null(near);
	else
		assert_string_equal(near, row->near);
}

ROWS_MAIN(rows, check_row)

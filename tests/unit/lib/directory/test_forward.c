/* What a user says in ~/.forward. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/directory/action.h"
#include "lib/directory/forward.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct row {
	const char *name;
	const char *text;
	const char *targets; /* or the mistake */
	enum {
		ALONE, /* the mailbox gets nothing */
		OWN,
		BAD
	} own;
	bool no_actions;
} rows[] = {
    {"nothing", "", "", OWN, false},
    {"comments", "# a\n \t\r\n  # b@c\n", "", OWN, false},
    {"an address", "Ann@X.Example\n", "Ann@x.example", ALONE, false},
    {"no line's end", "ann@x.example", "ann@x.example", ALONE, false},
    {"CRLF", "ann@x.example,\r\nbob@x.example\r\n",
	"ann@x.example\nbob@x.example", ALONE, false},
    {"each once", "a@x.example a\n", "1:1: ", BAD, false},
    {"twice", "a@x.example, a@X.example", "a@x.example", ALONE, false},
    {"bare name", "ann", "ann@example.org", ALONE, false},
    {"own name", "joe", "", OWN, false},
    {"own name, escaped", "\\Joe", "", OWN, false},
    {"own address", "joe@example.org", "", OWN, false},
    {"own address elsewhere", "JOE@Example.net", "", OWN, false},
    {"somebody else's joe", "joe@x.example", "joe@x.example", ALONE, false},
    {"kept", "\\joe, ann@x.example", "ann@x.example", OWN, false},
    {"an escaped other", "\\ann", "ann@example.org", ALONE, false},
    {"program", "|/bin/x a b, /m/x", "|/bin/x a b\n/m/x", ALONE, false},
    {"a shell's program", "\"|a | b; exit $?\"", "|a | b; exit $?", ALONE,
	false},
    {"program twice", "|/bin/x, \"|/bin/x\"", "|/bin/x", ALONE, false},
    {"program of nothing", "|", "1:1: program expected behind |", BAD, false},
    {"a quote without an end", "\"|a b", "1:1: quote without an end", BAD,
	false},
    {"a path's, too", "ann@x.example, \"/m/x", "1:16: quote without an end",
	BAD, false},
    {"control character", "|a\001", "1:1: control character behind |", BAD,
	false},
    {"no programs here", "\n|/bin/x",
	"2:1: no programs and files: users.forward", BAD, true},
    {"no files here", "/m/x", "1:1: no programs and files: users.forward", BAD,
	true},
    {"included", ":include:/x", "1:1: :include: is for the aliases file alone",
	BAD, false},
    {"a name, not a path", "~/mail", "~/mail@example.org", ALONE, false},
    {"no address", "a@", NULL, BAD, false},
    {"all of it counts", "ann@x.example\nb c@x.example", NULL, BAD, false},
};

static char domain[] = "example.org", other[] = "example.net";
static char *const domains[] = {domain, other};

static enum rc
read_as_joe(struct forward *f, struct span text, bool actions, struct why *why)
{
	return forward_read(f, text,
	    &(struct forward_who){
		.name = "joe", .domains = domains, .n = 2, .actions = actions},
	    why);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct forward f;
	struct why why = {.rc = RC_OK};
	enum rc rc;

	forward_init(&f);
	rc = read_as_joe(&f, span_of(row->text), !row->no_actions, &why);
	if (row->own == BAD) {
		assert_int_equal(rc, RC_PERM);
		assert_string_equal(why.status, "5.3.5");
		if (row->targets != NULL)
			assert_true(span_starts(
			    span_of(why.text), span_of(row->targets)));
	} else {
		assert_int_equal(rc, RC_OK);
		assert_string_equal(buf_cstr(&f.targets), row->targets);
		assert_int_equal(f.own, row->own == OWN);
	}
	forward_fini(&f);
}

/* Its bounds, and that one read behind another is as if it were the first. */
static void
keeps_to_its_length(void **state)
{
	char *text = mem_array(FORWARD_FILE_MAX + 1, 1);
	struct forward f;
	struct buf many;
	struct why why;

	(void)state;
	(void)memset(text, '#', FORWARD_FILE_MAX + 1);
	forward_init(&f);
	assert_int_equal(
	    read_as_joe(&f, span_make(text, FORWARD_FILE_MAX), true, &why),
	    RC_OK);
	assert_int_equal(
	    read_as_joe(&f, span_make(text, FORWARD_FILE_MAX + 1), true, &why),
	    RC_PERM);
	buf_init(&many, FORWARD_FILE_MAX);
	for (int i = 0; i < FORWARD_TARGETS_MAX; i++)
		assert_true(buf_putf(&many, "a%d@x.example\n", i));
	assert_int_equal(read_as_joe(&f, buf_span(&many), true, &why), RC_OK);
	assert_true(buf_puts(&many, "b@x.example\n"));
	assert_int_equal(read_as_joe(&f, buf_span(&many), true, &why), RC_PERM);
	assert_int_equal(read_as_joe(&f, SPAN_NONE, true, &why), RC_OK);
	assert_true(f.own && f.targets.n == 0);
	buf_fini(&many);
	forward_fini(&f);
	free(text);
}

static void
accounts_of_users(void **state)
{
	struct span user, action;

	(void)state;
	assert_true(action_of_user(SPAN_LIT("\\joe|/b a@b/c"), &user, &action));
	assert_true(span_eq(user, SPAN_LIT("joe")));
	assert_true(span_eq(action, SPAN_LIT("|/b a@b/c")));
	assert_true(action_of_user(SPAN_LIT("\\joe/b|c"), &user, &action));
	assert_true(span_eq(action, SPAN_LIT("/b|c")));
	assert_true(action_of_user(SPAN_LIT("\\joe"), &user, &action));
	assert_int_equal(action.n, 0);
	assert_false(action_of_user(SPAN_LIT("joe|/b"), &user, &action));
	assert_false(action_of_user(SPAN_NONE, &user, &action));
	assert_true(action_is(SPAN_LIT("\\joe|x")));
	assert_false(action_is(SPAN_LIT("\\joe")));
	assert_false(action_is(SPAN_LIT("a/b@example.org")));
}

static const struct CMUnitTest more[] = {
    cmocka_unit_test(keeps_to_its_length),
    cmocka_unit_test(accounts_of_users),
};

ROWS_MAIN_AND(rows, check_row, more)

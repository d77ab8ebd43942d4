/*
 * Programs and files behind aliases: how they are written, and their words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/directory/action.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define SHELL                                                             \
	"programs are run without a shell, which this would need: write " \
	"|/bin/sh -c '...'"
#define NO_PATH "absolute path of a program expected behind |"

static const struct row {
	const char *name;
	const char *said;
	const char *text;  /* NULL: refused */
	const char *words; /* a newline behind each; NULL: a file; or why */
} rows[] = {
    {"bare", "|/bin/x", "|/bin/x", "/bin/x\n"},
    {"bare, with words", "|/bin/x  a\tb", "|/bin/x  a b", "/bin/x\na\nb\n"},
    {"in quotes", "\"|/bin/x a, b\"", "|/bin/x a, b", "/bin/x\na,\nb\n"},
    {"quotes behind the bar", "| \"/bin/x a\"", "|/bin/x a", "/bin/x\na\n"},
    {"quotes in quotes", "\"|/bin/x \\\"a b\\\" c\\\\ d\"",
	"|/bin/x \"a b\" c\\ d", "/bin/x\na b\nc d\n"},
    {"quoted words", "|\"/bin/x y\" \"a b\"", "|\"/bin/x y\" \"a b\"",
	"/bin/x y\na b\n"},
    {"a shell's, given", "\"|/bin/sh -c 'a | b > $c; \\\"d\\\"'\"",
	"|/bin/sh -c 'a | b > $c; \"d\"'", "/bin/sh\n-c\na | b > $c; \"d\"\n"},
    {"a shell's, escaped", "|/bin/x \\$a \"\\$b\" \\;",
	"|/bin/x \\$a \"\\$b\" \\;", "/bin/x\n$a\n$b\n;\n"},
    {"empty words", "|/bin/x '' \"\"", "|/bin/x '' \"\"", "/bin/x\n\n\n"},
    {"a word of parts", "|/bin/x a'b 'c\" d\"", "|/bin/x a'b 'c\" d\"",
	"/bin/x\nab c d\n"},
    {"lines of the entry", "\"|/bin/x a\n\tb\"", "|/bin/x a  b",
	"/bin/x\na\nb\n"},
    {"backslash at the end", "|/bin/x \\", "|/bin/x \\", "/bin/x\n\\\n"},
    {"an address among the words", "|/bin/x A@B.example", "|/bin/x A@B.example",
	"/bin/x\nA@B.example\n"},
    {"nothing", "|", NULL, NO_PATH},
    {"nothing in quotes", "\"|\"", NULL, NO_PATH},
    {"empty path", "|'' a", NULL, NO_PATH},
    {"no path", "|x a", NULL, NO_PATH},
    {"pipe", "|/bin/a | /bin/b", NULL, SHELL},
    {"variable", "|/bin/a $HOME", NULL, SHELL},
    {"variable in quotes", "|/bin/a \"$HOME\"", NULL, SHELL},
    {"end of command", "|/bin/a; /bin/b", NULL, SHELL},
    {"as with sendmail", "\"|IFS=' ' && exec /bin/x -f- || exit 75 #joe\"",
	NULL, SHELL},
    {"quote open", "|/bin/a 'b", NULL, "quote without an end"},
    {"both open", "|/bin/a \"b'", NULL, "quote without an end"},
    {"control character", "|/bin/a \001", NULL, "control character behind |"},
    {"delete", "|/bin/a \x7f", NULL, "control character behind |"},
    {"neither", "bin/a", NULL, "no program"},
    {"file", "/var/x y", "/var/x y", NULL},
    {"file in quotes", "\"/var/x, \\\"y\\\"\"", "/var/x, \"y\"", NULL},
    {"Maildir", "/var/x/", "/var/x/", NULL},
    {"control character in a path", "/var/\001", NULL,
	"control character in the path"},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct buf text, words;
	struct why why;

	buf_init(&text, 1000);
	buf_init(&words, 1000);
	if (row->text == NULL) {
		assert_int_equal(
		    action_read(span_of(row->said), false, &text, &why),
		    RC_PERM);
		assert_string_equal(why.status, "5.3.5");
		assert_string_equal(why.text, row->words);
		assert_int_equal(text.n, 0);
	} else {
		assert_int_equal(
		    action_read(span_of(row->said), false, &text, &why), RC_OK);
		assert_string_equal(buf_cstr(&text), row->text);
		assert_true(action_is(buf_span(&text)));
		assert_int_equal(action_split(buf_span(&text), &words, &why),
		    row->words != NULL ? RC_OK : RC_PERM);
		assert_int_equal(
		    action_is_program(buf_span(&text)), row->words != NULL);
		for (size_t i = 0; i < words.n; i++)
			if (words.p[i] == '\0')
				words.p[i] = '\n';
		if (row->words != NULL)
			assert_string_equal(buf_cstr(&words), row->words);
	}
	buf_fini(&text);
	buf_fini(&words);
}

static void
keeps_to_its_length(void **state)
{
	char said[ACTION_MAX + 2];
	struct buf text;
	struct why why;

	(void)state;
	(void)memset(said, 'x', sizeof(said));
	said[0] = '|';
	said[1] = '/';
	buf_init(&text, 1000);
	assert_int_equal(
	    action_read(span_make(said, ACTION_MAX + 1), false, &text, &why),
	    RC_PERM);
	assert_int_equal(
	    action_read(span_make(said, ACTION_MAX), false, &text, &why),
	    RC_OK);
	assert_int_equal(text.n, ACTION_MAX);
	buf_fini(&text);
}

static const struct CMUnitTest more[] = {
    cmocka_unit_test(keeps_to_its_length),
};

ROWS_MAIN_AND(rows, check_row, more)

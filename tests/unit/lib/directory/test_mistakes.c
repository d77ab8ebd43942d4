/*
 * Lines that are wrong: what is said of them, and that neither their mail goes
 * to somebody else nor the others' is held up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/io.h"
#include "lib/directory/compile.h"
#include "lib/directory/directory.h"
#include "tests/unit/lib/directory/source.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

/* of the system, at one.example */
#define USERS "ann\njoe\npostmaster\n"
#define NO_ACTION                                                       \
	"programs and files are for the aliases file itself, and need " \
	"delivery.program_user\n"
#define BROKEN  DIRECTORY_BROKEN
#define ACCOUNT DIRECTORY_ACCOUNT
#define ALIAS   DIRECTORY_ALIAS
#define UNKNOWN DIRECTORY_UNKNOWN

static const struct row {
	const char *name;
	const char *accounts;
	const char *aliases;
	const char *said; /* all of the report */
	const char *ask;  /* of one.example; NULL: nobody */
	enum directory_kind kind;
	const char *other; /* an account of the same file; or NULL */
} rows[] = {
    {"nothing wrong", "a@one.example !\n", "b: joe\n", "", "b", ALIAS, "a"},
    {"account twice", "a@one.example !\n#\nA@one.example !\n", "",
	"accounts:3: a@one.example is given twice, the first counts\n", "a",
	ACCOUNT, NULL},
    {"account without hash", "joe@one.example\nc@one.example !\n", "",
	"accounts:1: password hash (or !) expected behind the login\n", "joe",
	BROKEN, "c"},
    {"a lock that is misspelt", "joe@one.example $x sttae=off\n", "",
	"accounts:1: unknown key (name=, state=, scram= and app= are known)\n",
	"joe", BROKEN, NULL},
    {"login not to be read", "a@one.example !\nb !\n", "",
	"accounts:2: login: @ expected behind the local part\n", "b", BROKEN,
	"a"},
    {"... anybody may be meant", "a@one.example !\nb !\n", "",
	"accounts:2: login: @ expected behind the local part\n", "else", BROKEN,
	"joe"},
    {"... and no catch-all gets it", "b !\n", "@one.example: joe\n",
	"accounts:1: login: @ expected behind the local part\n", "else", BROKEN,
	NULL},
    {"alias twice", "", "a: joe\n\n# c\nA: ann\n",
	"aliases:4: a is given twice, the first counts\n", "a", ALIAS, NULL},
    {"catch-all twice", "", "@one.example: joe\n@ONE.example: ann\n",
	"aliases:2: one.example is given twice, the first counts\n", "x", ALIAS,
	NULL},
    {"program", "", "joe: |/bin/x\nc: ann\n", "aliases:1:6: " NO_ACTION, "joe",
	BROKEN, "ann"},
    {"quoted program", "", "a: joe,\n  \"|/bin/x y, z\"\n",
	"aliases:2:3: " NO_ACTION, "a", BROKEN, NULL},
    {"program behind a backslash", "", "a: \"\\|x\"@b\n",
	"aliases:1:4: " NO_ACTION, "a", BROKEN, NULL},
    {"account like a program", "|x@one.example !\na@one.example !\n", "",
	"accounts:1: login: begins with | or /\n", "|x", BROKEN, "a"},
    {"account like a file", "/x@one.example !\na@one.example !\n", "",
	"accounts:1: login: begins with | or /\n", "/x", BROKEN, "a"},
    {"file", "", "a: /dev/null\n", "aliases:1:4: " NO_ACTION, "a", BROKEN,
	NULL},
    {"unknown action", "", "a: :error:x\n",
	"aliases:1:4: only :include:/path is known\n", "a", BROKEN, NULL},
    {"no colon", "", "b: joe\na b\n",
	"aliases:2:1: colon expected behind the name\n", "a", BROKEN, "joe"},
    {"no target", "", "joe:\n", "aliases:1:5: address expected\n", "joe",
	BROKEN, NULL},
    {"comma behind", "", "a: joe,\n", "aliases:1:8: address expected\n", "a",
	BROKEN, NULL},
    {"two commas", "", "a: joe,\n ,ann\n", "aliases:1:8: address expected\n",
	"a", BROKEN, NULL},
    {"continues nothing", "", "\n a: joe\n", "aliases:2:1: continues nothing\n",
	"a", BROKEN, "joe"},
    {"bad name", "", "a b: joe\n",
	"aliases:1:1: @ expected behind the local part\n", "a", BROKEN, NULL},
    {"bad domain", "", "@a_b: joe\n",
	"aliases:1:1: something behind the address\n", "a", BROKEN, NULL},
    {"bad target", "", "a: joe, b@c..d\n", "aliases:1:9: domain expected\n",
	"a", BROKEN, NULL},
    {"bad target of a catch-all", "", "@one.example: b@c..d\n",
	"aliases:1:15: domain expected\n", "x", BROKEN, "joe"},
    {"two words", "", "a: b c\n",
	"aliases:1:4: @ expected behind the local part\n", "a", BROKEN, NULL},
    {"control character", "", "a: joe, \001\n",
	"aliases:1:9: control character in the address\n", "a", BROKEN, NULL},
    {"several", "", "a: /x\nc: joe\nb: b@c..d\n",
	"aliases:1:4: " NO_ACTION "aliases:3:4: domain expected\n", "b", BROKEN,
	NULL},

    {"as on other hosts", "",
	"# comment\nroot:\t\\joe\n\"q r\" : joe ,\n\tann\n  # c\n\n"
	"owner-list: joe\nMAILER-DAEMON: postmaster\n",
	"", "\"Q R\"", ALIAS, NULL},
    {"itself, who is a user", "", "joe: \\joe, ann\n", "", "joe", ALIAS, NULL},
    {"loop", "", "a: b\nb: a\nc: joe\n",
	"aliases:1: a: a@one.example: alias of itself only\n"
	"aliases:2: b: b@one.example: alias of itself only\n",
	"b", BROKEN, "joe"},
    {"loop that somebody gets", "", "a: b, joe\nb: a\n", "", "b", ALIAS, NULL},
    {"leads to nobody", "", "a: b\nb: gone@one.example\n",
	"aliases:1: a: gone@one.example: no such mailbox\n"
	"aliases:2: b: gone@one.example: no such mailbox\n",
	"a", BROKEN, NULL},
    {"one of two is nobody", "", "a: joe, gone\n",
	"aliases:1: a: gone@one.example: no such mailbox\n", "a", ALIAS, NULL},
    {"leads to one that is broken", "", "a: joe, b\nb: /x\n",
	"aliases:2:4: " NO_ACTION
	"aliases:1: a: b@one.example: its line in accounts or aliases has a "
	"mistake\n",
	"a", BROKEN, "joe"},
    {"catch-all of nobody", "", "@one.example: gone@one.example\n",
	"aliases:1: one.example: \"no such name @ here\"@one.example: alias of "
	"itself only\n",
	"x", BROKEN, "joe"},
};

static char folder[] = "/tmp/mailstead-mistakes-XXXXXX";

static void
compile(const struct row *row, struct directory_report *report)
{
	char one[] = "one.example";
	char *v[] = {one, NULL};
	struct conf_list domains = {v, 1};
	struct directory_source source = {.domains = &domains,
	    .delimiters = "+",
	    .postmaster = "",
	    .accounts = source_of(row->accounts),
	    .senders = -1,
	    .aliases = source_of(row->aliases),
	    .user_domains = &domains,
	    .users = SPAN_LIT(USERS)};
	struct directory_report again;
	struct why why;

	/* what it would say, and what it says */
	directory_report_init(&again);
	assert_int_equal(directory_compile(&source, NULL, &again, &why), RC_OK);
	assert_int_equal(
	    directory_compile(&source, "d.mdb", report, &why), RC_OK);
	assert_string_equal(buf_cstr(&again.text), buf_cstr(&report->text));
	directory_report_fini(&again);
	io_close(&source.accounts);
	io_close(&source.aliases);
}

/* An address of the list that cannot be read may be anybody's there. */
static void
recipients(void **state)
{
	char one[] = "one.example", relay[] = "relay.example";
	char *v[] = {one, NULL}, *r[] = {relay, NULL};
	struct conf_list domains = {v, 1}, routes = {r, 1};
	struct directory_source source = {.domains = &domains,
	    .relay_domains = &routes,
	    .relay_recipients = source_of("jim@relay.example\njoe\n"),
	    .delimiters = "",
	    .postmaster = "",
	    .accounts = -1,
	    .senders = -1,
	    .aliases = -1,
	    .partly = true};
	struct directory_report report;
	struct directory *d = NULL;
	struct why why;

	(void)state;
	directory_report_init(&report);
	assert_int_equal(
	    directory_compile(&source, "d.mdb", &report, &why), RC_OK);
	assert_string_equal(buf_cstr(&report.text),
	    "recipients:2: @ expected behind the local part\n");
	assert_int_equal(directory_open("d.mdb", &d, &why), RC_OK);
	assert_int_equal(directory_find(d, SPAN_LIT("jim@relay.example"), NULL),
	    DIRECTORY_RELAY);
	assert_int_equal(
	    directory_find(d, SPAN_LIT("joe@relay.example"), NULL), BROKEN);
	assert_int_equal(
	    directory_find(d, SPAN_LIT("joe@one.example"), NULL), UNKNOWN);
	directory_close(&d);
	directory_report_fini(&report);
	io_close(&source.relay_recipients);
	assert_int_equal(unlink("d.mdb"), 0);
}

/* A typing mistake in a domain is told, and holds up nobody. */
static void
elsewhere(void **state)
{
	char one[] = "one.example", relay[] = "relay.example=mx.example:25";
	char *v[] = {one, NULL}, *r[] = {relay, NULL};
	struct conf_list domains = {v, 1}, routes = {r, 1};
	struct directory_source source = {.domains = &domains,
	    .relay_domains = &routes,
	    .relay_recipients = source_of(
		"jim@relay.example\njoe@reley.example\n@raley.example\n"),
	    .delimiters = "",
	    .postmaster = "",
	    .accounts = source_of("a@one.example !\nb@eno.example !\n"),
	    .senders = -1,
	    .aliases = source_of("c: a\nd@one.example: a\nf@eon.example: a\n"
				 "@noe.example: a\n"),
	    .partly = true};
	struct directory_report report;
	struct why why;

	(void)state;
	directory_report_init(&report);
	assert_int_equal(
	    directory_compile(&source, NULL, &report, &why), RC_OK);
	assert_string_equal(buf_cstr(&report.text), "");
	assert_int_equal(report.n_notes, 5);
	assert_string_equal(buf_cstr(&report.note),
	    "accounts:2: no mail comes here for b@eno.example: eno.example is "
	    "not in domains\n"
	    "aliases:4: no mail comes here for @noe.example: noe.example is "
	    "not in domains\n"
	    "aliases:3: no mail comes here for f@eon.example: eon.example is "
	    "not in domains\n"
	    "recipients:2: no mail comes here for joe@reley.example: "
	    "reley.example is not in relay.domains\n"
	    "recipients:3: no mail comes here for @raley.example: "
	    "raley.example is not in relay.domains\n");
	directory_report_fini(&report);
	io_close(&source.accounts);
	io_close(&source.aliases);
	io_close(&source.relay_recipients);
}

static enum directory_kind
find(const struct directory *d, const char *local, const char *more)
{
	char address[128];

	(void)snprintf(
	    address, sizeof(address), "%s%s@one.example", local, more);
	return directory_find(d, span_of(address), NULL);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct directory_report report;
	struct buf accounts, elsewhere;
	struct directory *d = NULL;
	struct why why;

	(void)unlink("d.mdb"); /* of a row that failed */
	directory_report_init(&report);
	compile(row, &report);
	assert_string_equal(buf_cstr(&report.text), row->said);
	assert_int_equal(report.n == 0, row->said[0] == '\0');
	assert_int_equal(directory_open("d.mdb", &d, &why), RC_OK);
	assert_int_equal(find(d, row->ask, ""), row->kind);
	if (row->other != NULL)
		assert_int_equal(find(d, row->other, ""), ACCOUNT);
	/* nor is the base found for what stands there by itself */
	if (row->ask[0] != '"')
		assert_int_equal(find(d, row->ask, "+x"), row->kind);
	buf_init(&accounts, 1000);
	buf_init(&elsewhere, 1000);
	if (row->kind == BROKEN) {
		char address[128];

		(void)snprintf(
		    address, sizeof(address), "%s@one.example", row->ask);
		assert_int_equal(directory_expand(d, span_of(address),
				     &accounts, &elsewhere, &why),
		    RC_TEMP);
		assert_string_equal(why.status, "4.3.5");
		assert_int_equal(accounts.n + elsewhere.n, 0);
	}
	buf_fini(&accounts);
	buf_fini(&elsewhere);
	directory_close(&d);
	directory_report_fini(&report);
	assert_int_equal(unlink("d.mdb"), 0);
}

int
main(void)
{
	struct CMUnitTest tests[sizeof(rows) / sizeof(rows[0]) + 2];
	size_t n = sizeof(rows) / sizeof(rows[0]);
	int rc;

	if (mkdtemp(folder) == NULL || chdir(folder) != 0)
		return 1;
	for (size_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	tests[n] = (struct CMUnitTest)cmocka_unit_test(recipients);
	tests[n + 1] = (struct CMUnitTest)cmocka_unit_test(elsewhere);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	return rmdir(folder) == 0 ? rc : 1;
}

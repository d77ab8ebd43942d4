/*
 * Sources into a snapshot and back: what is found, expanded and refused.
 */
#include <dirent.h>
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

#define SECRET "$y$j9T$secretsecret$hash"
#define ACCOUNTS                                              \
	"# accounts\n\nJoe@one.example " SECRET " name=Joe\n" \
	"ann@two.example !\n%22a%20b%22@one.example !\n"      \
	"gone@gone.example " SECRET "\nboth@one.example !\n"  \
	"x.y@one.example !\ndash-ed@one.example !\n"
#define ALIASES                                                         \
	"# aliases\n"                                                   \
	"team@one.example: joe, ann@two.example,\r\n"                   \
	"  # within\n\n\tout@far.example, JOE@one.example\n"            \
	"Root: joe\nboth@one.example: root\n\"q r\": joe@one.example\n" \
	"loop@one.example: loop2\nloop2@one.example: loop\n"            \
	"self@one.example: self, ann@two.example\n"                     \
	"lost@one.example: nobody\nhalf@one.example: nobody, joe\n"     \
	"@two.example: ann, far@far.example\n"                          \
	"x@gone.example: joe@one.example\nplus+x@one.example: carl\n"   \
	"bob: Bob, joe@one.example\ncarl: joe@one.example\n"            \
	"carl@one.example: ann@two.example\n"                           \
	"own@alias.example: ann@two.example\n"                          \
	"tagged@one.example: joe+tag, dora-t, joe+other\n"              \
	"lists: \"|/bin/x A@B.example\", joe, more@one.example\n"       \
	"more@one.example: |/bin/x A@B.example, |/bin/y\n"              \
	"B\xc3\x9cro: joe@one.example\n"                                \
	"\xc3\xa4@on\xc3\xa9.example: joe@one.example\n"
/* far.example is no relay domain: what is listed there opens nothing */
#define RECIPIENTS                                                  \
	"# there\nJim@RELAY.example\r\n\n \"a b\"@relay.example \n" \
	"@whole.example\n@far.example\nlisted@far.example\n@one.example\n"
/* of the system, at one.example */
#define USERS "bob\ncarl\ndora\njoe\nx.y\n"

enum what {
	FIND,
	EXPAND
};

static const struct row {
	const char *name;
	enum what what;
	const char *in;           /* mailbox */
	enum directory_kind kind; /* FIND */
	const char *out;          /* target; accounts */
	const char *more;         /* postmaster; elsewhere */
	const char *status;
} rows[] = {
    {"account", FIND, "Joe@one.example", DIRECTORY_ACCOUNT, "Joe@one.example",
	NULL, NULL},
    {"account without case", FIND, "jOE@one.example", DIRECTORY_ACCOUNT,
	"Joe@one.example", NULL, NULL},
    {"account of the other domain", FIND, "joe@two.example", DIRECTORY_ALIAS,
	"ann@two.example\nfar@far.example", NULL, NULL},
    {"quoted account", FIND, "\"A b\"@one.example", DIRECTORY_ACCOUNT,
	"\"a b\"@one.example", NULL, NULL},
    {"account before alias", FIND, "both@one.example", DIRECTORY_ACCOUNT,
	"both@one.example", NULL, NULL},
    {"account in no local domain", FIND, "gone@gone.example",
	DIRECTORY_ELSEWHERE, "", NULL, NULL},
    {"elsewhere", FIND, "a@far.example", DIRECTORY_ELSEWHERE, "", NULL, NULL},
    {"literal", FIND, "a@[192.0.2.1]", DIRECTORY_ELSEWHERE, "", NULL, NULL},
    {"beyond ASCII", FIND, "b\xc3\xbcRO@one.example", DIRECTORY_ALIAS,
	"joe@one.example", NULL, NULL},
    {"decomposed", FIND, "BU\xcc\x88ro+x@one.example", DIRECTORY_ALIAS,
	"joe@one.example", NULL, NULL},
    {"unknown", FIND, "nobody@one.example", DIRECTORY_UNKNOWN, "", NULL, NULL},
    {"empty", FIND, "", DIRECTORY_UNKNOWN, "", NULL, NULL},
    {"no domain", FIND, "joe", DIRECTORY_UNKNOWN, "", NULL, NULL},
    {"alias", FIND, "Team@one.example", DIRECTORY_ALIAS,
	"joe@one.example\nann@two.example\nout@far.example\nJOE@one.example",
	NULL, NULL},
    {"bare alias", FIND, "root@one.example", DIRECTORY_ALIAS, "joe@one.example",
	NULL, NULL},
    {"bare alias of the other domain", FIND, "ROOT@two.example",
	DIRECTORY_ALIAS, "joe@two.example", NULL, NULL},
    {"quoted bare alias", FIND, "\"q r\"@two.example", DIRECTORY_ALIAS,
	"joe@one.example", NULL, NULL},
    {"user of the system", FIND, "Dora@one.example", DIRECTORY_ACCOUNT, "dora",
	NULL, NULL},
    {"detail of a user", FIND, "dora+x@one.example", DIRECTORY_ACCOUNT, "dora",
	NULL, NULL},
    {"user, not of that domain", FIND, "dora@two.example", DIRECTORY_ALIAS,
	"ann@two.example\nfar@far.example", NULL, NULL},
    {"account before user", FIND, "x.y@one.example", DIRECTORY_ACCOUNT,
	"x.y@one.example", NULL, NULL},
    {"alias before user", FIND, "carl@one.example", DIRECTORY_ALIAS,
	"ann@two.example", NULL, NULL},
    {"bare alias before user", FIND, "bob@one.example", DIRECTORY_ALIAS,
	"Bob@one.example\njoe@one.example", NULL, NULL},
    {"a key's first byte is no name", FIND, "hone.example@one.example",
	DIRECTORY_UNKNOWN, "", NULL, NULL},
    {"detail", FIND, "joe+x+y@one.example", DIRECTORY_ACCOUNT,
	"Joe@one.example", NULL, NULL},
    {"detail of an alias", FIND, "root+x@one.example", DIRECTORY_ALIAS,
	"joe@one.example", NULL, NULL},
    {"detail of a quoted account", FIND, "\"a b+c d\"@one.example",
	DIRECTORY_ACCOUNT, "\"a b\"@one.example", NULL, NULL},
    {"detail that needed the quotes", FIND, "\"joe+c d\"@one.example",
	DIRECTORY_ACCOUNT, "Joe@one.example", NULL, NULL},
    {"name with a plus", FIND, "plus+x@one.example", DIRECTORY_ALIAS,
	"carl@one.example", NULL, NULL},
    {"plus in front", FIND, "+joe@one.example", DIRECTORY_UNKNOWN, "", NULL,
	NULL},
    {"detail of nobody", FIND, "nobody+x@one.example", DIRECTORY_UNKNOWN, "",
	NULL, NULL},
    {"catch-all", FIND, "nobody@two.example", DIRECTORY_ALIAS,
	"ann@two.example\nfar@far.example", NULL, NULL},
    {"detail behind another delimiter", FIND, "joe-x@one.example",
	DIRECTORY_ACCOUNT, "Joe@one.example", NULL, NULL},
    {"longest base", FIND, "dash-ed-x+y@one.example", DIRECTORY_ACCOUNT,
	"dash-ed@one.example", NULL, NULL},
    {"base of nobody", FIND, "dash-x@one.example", DIRECTORY_UNKNOWN, "", NULL,
	NULL},
    {"only delimiters", FIND, "+-+@one.example", DIRECTORY_UNKNOWN, "", NULL,
	NULL},
    {"account by the alias domain", FIND, "JOE+x@alias.example",
	DIRECTORY_ACCOUNT, "Joe@one.example", NULL, NULL},
    {"alias by the alias domain", FIND, "half@alias.example", DIRECTORY_ALIAS,
	"nobody@one.example\njoe@one.example", NULL, NULL},
    {"bare alias by the alias domain", FIND, "root@alias.example",
	DIRECTORY_ALIAS, "joe@one.example", NULL, NULL},
    {"alias at the alias domain", FIND, "own@alias.example", DIRECTORY_ALIAS,
	"ann@two.example", NULL, NULL},
    {"it is not at the other", FIND, "own@one.example", DIRECTORY_UNKNOWN, "",
	NULL, NULL},
    {"user by the alias domain", FIND, "dora@alias.example", DIRECTORY_ACCOUNT,
	"dora", NULL, NULL},
    {"nobody by the alias domain", FIND, "nobody@alias.example",
	DIRECTORY_UNKNOWN, "", NULL, NULL},
    {"catch-all by the alias domain", FIND, "nobody@also.example",
	DIRECTORY_ALIAS, "ann@two.example\nfar@far.example", NULL, NULL},
    {"listed relay recipient", FIND, "jIM@relay.example", DIRECTORY_RELAY, "",
	NULL, NULL},
    {"its detail", FIND, "jim+x-y@relay.example", DIRECTORY_RELAY, "", NULL,
	NULL},
    {"quoted relay recipient", FIND, "\"a b\"@relay.example", DIRECTORY_RELAY,
	"", NULL, NULL},
    {"unlisted relay recipient", FIND, "joe@relay.example", DIRECTORY_UNKNOWN,
	"", NULL, NULL},
    {"postmaster of a relay domain", FIND, "Postmaster@relay.example",
	DIRECTORY_RELAY, "", NULL, NULL},
    {"all of a relay domain", FIND, "any@whole.example", DIRECTORY_RELAY, "",
	NULL, NULL},
    {"listed, but no relay domain", FIND, "listed@far.example",
	DIRECTORY_ELSEWHERE, "", NULL, NULL},
    {"listed, but a local domain", FIND, "jim@one.example", DIRECTORY_UNKNOWN,
	"", NULL, NULL},
    {"below a relay domain", FIND, "jim@sub.relay.example", DIRECTORY_ELSEWHERE,
	"", NULL, NULL},
    {"postmaster not given", FIND, "postmaster@one.example", DIRECTORY_ACCOUNT,
	"postmaster@one.example", NULL, NULL},
    {"postmaster of the alias domain not given", FIND,
	"PostMaster@alias.example", DIRECTORY_ACCOUNT, "postmaster@one.example",
	NULL, NULL},
    {"postmaster without a domain not given", FIND, "POSTMASTER",
	DIRECTORY_ACCOUNT, "postmaster@one.example", NULL, NULL},
    {"postmaster of the alias domain", FIND, "postmaster@also.example",
	DIRECTORY_ALIAS, "joe@one.example", "joe@one.example", NULL},
    {"postmaster at the alias domain", FIND, "postmaster@one.example",
	DIRECTORY_ALIAS, "joe@alias.example", "joe@alias.example", NULL},
    {"postmaster", FIND, "PostMaster@one.example", DIRECTORY_ALIAS,
	"joe@one.example", "joe@one.example", NULL},
    {"postmaster before catch-all", FIND, "postmaster@two.example",
	DIRECTORY_ALIAS, "joe@one.example", "joe@one.example", NULL},
    {"postmaster without a domain", FIND, "postmaster", DIRECTORY_ALIAS,
	"joe@one.example", "joe@one.example", NULL},
    {"postmaster elsewhere", FIND, "postmaster@one.example", DIRECTORY_ALIAS,
	"p@far.example", "p@far.example", NULL},
    {"postmaster who is nobody", FIND, "postmaster@one.example",
	DIRECTORY_ACCOUNT, "postmaster@one.example", "nobody@one.example",
	NULL},
    {"postmaster who is nobody, catch-all", FIND, "postmaster@two.example",
	DIRECTORY_ALIAS, "ann@two.example\nfar@far.example",
	"nobody@one.example", NULL},
    {"postmaster by a catch-all", FIND, "postmaster@one.example",
	DIRECTORY_ALIAS, "boss@two.example", "boss@two.example", NULL},
    {"postmaster is the catch-all's", FIND, "postmaster@two.example",
	DIRECTORY_ALIAS, "ann@two.example\nfar@far.example",
	"postmaster@two.example", NULL},

    {"expand account", EXPAND, "joe+x@one.example", 0, "Joe@one.example\n", "",
	""},
    {"expand alias", EXPAND, "team@one.example", 0,
	"Joe@one.example\nann@two.example\n", "out@far.example\n", ""},
    {"programs", FIND, "lists@one.example", DIRECTORY_ALIAS,
	"|/bin/x A@B.example\njoe@one.example\nmore@one.example", NULL, NULL},
    {"a program's name", FIND, "|/bin/y@one.example", DIRECTORY_UNKNOWN, "",
	NULL, NULL},
    {"expand programs", EXPAND, "lists@one.example", 0,
	"|/bin/x A@B.example\nJoe@one.example\n|/bin/y\n", "", ""},
    {"expand a program's name", EXPAND, "|/bin/y@one.example", 0, NULL,
	"|/bin/y@one.example: no such mailbox", "5.1.1"},
    {"expand elsewhere", EXPAND, "a@far.example", 0, "", "a@far.example\n", ""},
    {"expand relay recipient", EXPAND, "jim+x@relay.example", 0, "",
	"jim+x@relay.example\n", ""},
    {"expand unlisted relay recipient", EXPAND, "joe@relay.example", 0, NULL,
	"joe@relay.example: no such mailbox", "5.1.1"},
    {"expand unknown", EXPAND, "nobody@one.example", 0, NULL,
	"nobody@one.example: no such mailbox", "5.1.1"},
    {"expand to unknown", EXPAND, "lost@one.example", 0, NULL,
	"lost@one.example: its line in accounts or aliases has a mistake",
	"4.3.5"},
    {"expand to one unknown", EXPAND, "half@one.example", 0,
	"Joe@one.example\n", "", "nobody@one.example: no such mailbox"},
    {"expand loop", EXPAND, "loop@one.example", 0, NULL,
	"loop@one.example: its line in accounts or aliases has a mistake",
	"4.3.5"},
    {"expand loop with more", EXPAND, "self@one.example", 0,
	"ann@two.example\n", "", ""},
    {"expand to details", EXPAND, "tagged+x@alias.example", 0,
	"Joe@one.example\tjoe+tag@one.example\n"
	"dora\tdora-t@one.example\n",
	"", ""},
    {"expand postmaster who is nobody", EXPAND, "postmaster@one.example", 0,
	"postmaster@one.example\n", "", ""},
    {"expand user", EXPAND, "DORA@one.example", 0, "dora\n", "", ""},
    {"expand user who is an alias too", EXPAND, "bob+x@one.example", 0,
	"bob\nJoe@one.example\n", "", ""},
    {"expand alias in a user's place", EXPAND, "carl@one.example", 0,
	"ann@two.example\n", "", ""},
    {"expand alias of a user, where there are none", EXPAND, "bob@two.example",
	0, "Joe@one.example\n", "", ""},

};

static char folder[] = "/tmp/mailstead-directory-XXXXXX";

static enum rc
compile(const char *accounts, const char *aliases, const char *postmaster,
    struct why *why)
{
	char one[] = "one.example", two[] = "two.example";
	char *v[] = {one, two, one, NULL};
	char alias[] = "alias.example=one.example";
	char also[] = "also.example=two.example";
	char *pairs[] = {alias, also, NULL};
	struct conf_list domains = {v, 3}, user_domains = {v, 1};
	struct conf_list alias_domains = {pairs, 2};
	char relay[] = "relay.example=mx.relay.example:25";
	char whole[] = "whole.example";
	char *routes[] = {relay, whole, NULL};
	struct conf_list relay_domains = {routes, 2};
	struct directory_source source = {.domains = &domains,
	    .alias_domains = &alias_domains,
	    .relay_domains = &relay_domains,
	    .relay_recipients = source_of(RECIPIENTS),
	    .delimiters = "+-",
	    .postmaster = postmaster,
	    .accounts = source_of(accounts),
	    .senders = -1,
	    .aliases = source_of(aliases),
	    .actions = true,
	    .user_domains = &user_domains,
	    .users = SPAN_LIT(USERS)};
	enum rc rc;

	assert_int_equal(chdir(folder), 0);
	(void)umask(077);
	rc = directory_compile(&source, "d.mdb", NULL, why);
	io_close(&source.relay_recipients);
	io_close(&source.accounts);
	io_close(&source.aliases);
	return rc;
}

/* nothing but the snapshot is there */
static int
count_files(void)
{
	DIR *dir = opendir(folder);
	int n = 0;

	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir)) != NULL;)
		n += e->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

static void
check_find(const struct row *row, const struct directory *d)
{
	struct span in = span_of(row->in);
	size_t n = strlen(row->out);
	struct buf out;

	buf_init(&out, n + 1);
	assert_true(buf_putc(&out, '!'));
	assert_int_equal(directory_find(d, in, &out), row->kind);
	assert_string_equal(buf_cstr(&out) + 1, row->out);
	assert_int_equal(directory_find(d, in, NULL), row->kind);
	buf_fini(&out);
	assert_int_equal(directory_find(NULL, in, NULL), DIRECTORY_ERROR);
	if (n == 0)
		return;
	buf_init(&out, n - 1);
	assert_int_equal(directory_find(d, in, &out), DIRECTORY_ERROR);
	assert_int_equal(out.n, 0);
	buf_fini(&out);
}

static void
check_expand(const struct row *row, const struct directory *d)
{
	struct buf accounts, elsewhere;
	struct why why;
	enum rc rc;

	buf_init(&accounts, 1000);
	buf_init(&elsewhere, 1000);
	rc = directory_expand(d, span_of(row->in), &accounts, &elsewhere, &why);
	assert_int_equal(rc, row->out != NULL        ? RC_OK
			     : row->status[0] == '4' ? RC_TEMP
						     : RC_PERM);
	if (rc == RC_OK) {
		assert_string_equal(buf_cstr(&accounts), row->out);
		assert_string_equal(buf_cstr(&elsewhere), row->more);
		assert_string_equal(why.text, row->status);
	} else {
		assert_int_equal(accounts.n + elsewhere.n, 0);
		assert_string_equal(why.text, row->more);
		assert_string_equal(why.status, row->status);
	}
	assert_int_equal(directory_expand(NULL, span_of(row->in), &accounts,
			     &elsewhere, &why),
	    RC_TEMP);
	buf_fini(&accounts);
	buf_fini(&elsewhere);
}

/* Its text is a key as it stands. */
static void
check_programs(const struct directory *d)
{
	assert_int_equal(
	    directory_find_action(d, SPAN_LIT("|/bin/x A@B.example")),
	    DIRECTORY_ALIAS);
	assert_int_equal(
	    directory_find_action(d, SPAN_LIT("|/bin/y")), DIRECTORY_ALIAS);
	assert_int_equal(
	    directory_find_action(d, SPAN_LIT("|/bin/x")), DIRECTORY_UNKNOWN);
	assert_int_equal(
	    directory_find_action(d, SPAN_LIT("|/bin/x a@B.example")),
	    DIRECTORY_UNKNOWN);
	assert_int_equal(
	    directory_find_action(NULL, SPAN_LIT("|/bin/y")), DIRECTORY_ERROR);
}

static void
check_file(void)
{
	struct stat st;
	struct buf all;
	FILE *f = fopen("d.mdb", "r");

	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	buf_init(&all, 1 << 20);
	assert_int_equal(io_read_file(fileno(f), &all, NULL), RC_OK);
	assert_null(memmem(all.p, all.n, "secret", 6));
	/* nor what is in no local domain */
	assert_null(memmem(all.p, all.n, "gone", 4));
	buf_fini(&all);
	(void)fclose(f);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct directory *d = NULL;
	struct why why;

	assert_int_equal(
	    compile(ACCOUNTS, ALIASES,
		row->what == FIND && row->more != NULL ? row->more : "", &why),
	    RC_OK);
	assert_int_equal(count_files(), 1);
	check_file();
	/* it is never changed, and nothing is left */
	assert_int_equal(compile("", "", "", &why), RC_TEMP);
	assert_int_equal(count_files(), 1);
	assert_int_equal(directory_open("d.mdb", &d, &why), RC_OK);
	check_programs(d);
	if (row->what == FIND)
		check_find(row, d);
	else
		check_expand(row, d);
	assert_int_equal(count_files(), 1);
	directory_close(&d);
	assert_null(d);
	directory_close(&d);
	assert_int_equal(unlink("d.mdb"), 0);
}

int
main(void)
{
	struct CMUnitTest tests[sizeof(rows) / sizeof(rows[0])];
	int rc;

	if (mkdtemp(folder) == NULL)
		return 1;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	return rmdir(folder) == 0 ? rc : 1;
}

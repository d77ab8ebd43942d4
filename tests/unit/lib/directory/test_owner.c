/* Who may send as an address: what leads to a login alone, and what the file of
 * senders gives. Rows are read from a snapshot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/directory/compile.h"
#include "lib/directory/directory.h"
#include "tests/unit/lib/directory/source.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define ACCOUNTS                                                  \
	"Joe@one.example !\nann@two.example !\nbad@one.example\n" \
	"desk@one.example !\n"
#define ALIASES                                                            \
	"smith@one.example: joe\nboth@one.example: joe, ann@two.example\n" \
	"away@one.example: joe, j@far.example\nfar@one.example: "          \
	"j@far.example\n"                                                  \
	"@two.example: ann\nsales: desk\nwrong@one.example: a b\n"         \
	"deep@one.example: smith\n"
#define SENDERS                                                   \
	"# who may send as whom\n"                                \
	"info@one.example: joe, ann@two.example\n"                \
	"Press@far.example: joe@one.example\n"                    \
	"@news.example: both@one.example\n"                       \
	"help: desk, dora\n"                                      \
	"oops@one.example: a b\n"                                 \
	"@one.example: ann@two.example\n"                         \
	"*: desk@one.example\n"                                   \
	"lost@far.example: nobody@one.example, joe@one.example\n" \
	"hurt@far.example: wrong@one.example\n"

static const struct row {
	const char *name;
	const char *login;
	const char *address;
	enum directory_right right;
} rows[] = {
    {"itself", "Joe@one.example", "joe@one.example", DIRECTORY_OWN},
    {"in another case", "joe@one.example", "JOE@one.example", DIRECTORY_OWN},
    {"with a detail", "joe@one.example", "joe+x@one.example", DIRECTORY_OWN},
    {"at an alias domain", "joe@one.example", "joe@alias.example",
	DIRECTORY_OWN},
    {"another's", "joe@one.example", "desk@one.example", DIRECTORY_FOREIGN},
    {"another's with a detail", "joe@one.example", "desk+joe@one.example",
	DIRECTORY_FOREIGN},
    {"an alias of its", "joe@one.example", "smith@one.example", DIRECTORY_OWN},
    {"an alias of an alias", "joe@one.example", "deep@one.example",
	DIRECTORY_OWN},
    {"an alias with a copy elsewhere", "joe@one.example", "away@one.example",
	DIRECTORY_OWN},
    {"an alias shared with another", "joe@one.example", "both@one.example",
	DIRECTORY_FOREIGN},
    {"an alias that leads away", "joe@one.example", "far@one.example",
	DIRECTORY_FOREIGN},
    {"a catch-all's", "ann@two.example", "whatever@two.example", DIRECTORY_OWN},
    {"another's catch-all", "joe@one.example", "whatever@two.example",
	DIRECTORY_FOREIGN},
    {"nobody's", "joe@one.example", "nobody@one.example", DIRECTORY_FOREIGN},
    {"of another host", "joe@one.example", "joe@far.example",
	DIRECTORY_FOREIGN},
    {"a user's", "dora", "dora@one.example", DIRECTORY_OWN},
    {"a user's elsewhere", "dora", "dora@two.example", DIRECTORY_FOREIGN},
    {"another user's", "dora", "dora2@one.example", DIRECTORY_FOREIGN},
    {"one of this name", "joe", "joe@one.example", DIRECTORY_FOREIGN},
    {"given", "joe@one.example", "info@one.example", DIRECTORY_GIVEN},
    {"given, with a detail", "joe@one.example", "info+x@one.example",
	DIRECTORY_GIVEN},
    {"given, at the alias domain", "joe@one.example", "info@alias.example",
	DIRECTORY_GIVEN},
    {"given to others", "dora", "info@one.example", DIRECTORY_FOREIGN},
    {"given elsewhere, in its case", "joe@one.example", "press@far.example",
	DIRECTORY_GIVEN},
    {"a given domain, to an alias's members", "ann@two.example",
	"x@news.example", DIRECTORY_GIVEN},
    {"not below it", "ann@two.example", "x@sub.news.example",
	DIRECTORY_FOREIGN},
    {"a name in each domain, to a user there", "dora", "help@one.example",
	DIRECTORY_GIVEN},
    {"who is not in the other", "dora", "help@two.example", DIRECTORY_FOREIGN},
    {"nor is the name given elsewhere", "dora", "help@far.example",
	DIRECTORY_FOREIGN},
    {"a domain's beside an address's", "ann@two.example", "joe@one.example",
	DIRECTORY_GIVEN},
    {"and at its alias domain", "ann@two.example", "joe@alias.example",
	DIRECTORY_GIVEN},
    {"all", "desk@one.example", "who@ever.example", DIRECTORY_GIVEN},
    {"a wrong line gives nothing", "joe@one.example", "oops@one.example",
	DIRECTORY_FOREIGN},
    {"what leads nowhere hurts no other", "joe@one.example", "lost@far.example",
	DIRECTORY_GIVEN},
    {"its alias cannot be read", "joe@one.example", "wrong@one.example",
	DIRECTORY_NOT_KNOWN},
    {"whose it is given to cannot be read", "joe@one.example",
	"hurt@far.example", DIRECTORY_NOT_KNOWN},
    {"no address", "joe@one.example", "joe", DIRECTORY_FOREIGN},
};

static char folder[] = "/tmp/mailstead-owner-XXXXXX";

static void
compile(void)
{
	char one[] = "one.example", two[] = "two.example";
	char *v[] = {one, two, NULL};
	char alias[] = "alias.example=one.example";
	char *pairs[] = {alias, NULL};
	struct conf_list domains = {v, 2}, user_domains = {v, 1};
	struct conf_list alias_domains = {pairs, 1};
	struct directory_source source = {.domains = &domains,
	    .alias_domains = &alias_domains,
	    .relay_recipients = -1,
	    .delimiters = "+",
	    .postmaster = "",
	    .accounts = source_of(ACCOUNTS),
	    .aliases = source_of(ALIASES),
	    .senders = source_of(SENDERS),
	    .user_domains = &user_domains,
	    .users = SPAN_LIT("dora\n")};
	struct directory_report report;
	struct why why;

	directory_report_init(&report);
	assert_int_equal(
	    directory_compile(&source, "d.mdb", &report, &why), RC_OK);
	assert_non_null(strstr(buf_cstr(&report.text), "senders:6:19: "));
	directory_report_fini(&report);
	io_close(&source.accounts);
	io_close(&source.aliases);
	io_close(&source.senders);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct directory *d = NULL;
	struct why why;

	if (folder[sizeof(folder) - 2] == 'X') {
		assert_non_null(mkdtemp(folder));
		assert_int_equal(chdir(folder), 0);
		compile();
	}
	assert_int_equal(directory_open("d.mdb", &d, &why), RC_OK);
	assert_int_equal(
	    directory_may_send(d, span_of(row->login), span_of(row->address)),
	    row->right);
	assert_int_equal(directory_may_send(
			     NULL, span_of(row->login), span_of(row->address)),
	    DIRECTORY_NOT_KNOWN);
	directory_close(&d);
	if (row != &rows[sizeof(rows) / sizeof(rows[0]) - 1])
		return;
	(void)unlink("d.mdb");
	(void)rmdir(folder);
}

ROWS_MAIN(rows, check_row)

/*
 * Every state in which a mailbox can be found when a delivery begins, what is
 * then done, in which order, and what a failure leaves. In `before` a file is
 * whole when its S= is true: "xx" has two bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/lib/maildir/box.h"
#include "tests/unit/lib/maildir/disk.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define TEXT    "m\r\n"
#define NAME    BOX_BASE ",S=52,W=55"
#define SIZE    52
#define N(n)    BOX_BASE "." #n ",S=52,W=55"
#define TORN(n) "new/" BOX_BASE "." #n ",S=9,W=9"
#define ALL_TORN                                                           \
	"new/" NAME, TORN(1), TORN(2), TORN(3), TORN(4), TORN(5), TORN(6), \
	    TORN(7), TORN(8), TORN(9)

#define MADE_ABOVE \
	"mkdir:example.org mkdir:bob mkdir:Maildir mkdir:tmp mkdir:new "
#define MADE MADE_ABOVE "mkdir:cur "
#define MADE_UNKNOWN                                                      \
	MADE_ABOVE "fsync:TOP fsync:example.org fsync:bob fsync:Maildir " \
		   "mkdir:cur "

enum flags {
	AGAIN = 1,
	UNKNOWN = 2, /* the file system */
	BARE = 4,    /* no mailbox yet */
	STEAL = 8,   /* the name is taken, torn, just before we link */
	SHORT = 16,  /* fewer bytes than was said */
};

struct row {
	const char *name;
	unsigned flags;
	const char *before[10]; /* files there */
	enum rc rc;
	const char *result; /* name that counts */
	int n_new;          /* afterwards */
	int n_cur;
	const char *said; /* NULL: does not matter */
	int fail_fsync;
	int fail_link;
	int (*prepare)(void);
	const char *status; /* NULL: 4.3.0 */
};

static int
file_instead(void)
{
	return unlinkat(box.mail, BOX "tmp", AT_REMOVEDIR) |
	       unlinkat(box.mail, BOX "cur", AT_REMOVEDIR) |
	       unlinkat(box.mail, BOX "new", AT_REMOVEDIR) |
	       unlinkat(box.mail, "example.org/bob/Maildir", AT_REMOVEDIR) |
	       close(openat(box.mail, "example.org/bob/Maildir",
		   O_CREAT | O_WRONLY, 0600));
}

/* `path` goes elsewhere, and a link leads there */
static int
link_at(const char *path)
{
	return renameat(box.mail, path, box.mail, "elsewhere") |
	       symlinkat(box.top, box.mail, path);
}

static int
link_domain(void)
{
	return link_at("example.org");
}

static int
link_local(void)
{
	return link_at("example.org/bob");
}

static int
link_maildir(void)
{
	return link_at("example.org/bob/Maildir");
}

static int
link_new(void)
{
	return link_at(BOX "new");
}

static int
link_cur(void)
{
	return link_at(BOX "cur");
}

static int
link_as_message(void)
{
	return symlinkat("/etc/passwd", box.mail, BOX "new/" NAME);
}

static int
no_new(void)
{
	return unlinkat(box.mail, BOX "new", AT_REMOVEDIR);
}

static int
no_cur(void)
{
	return unlinkat(box.mail, BOX "cur", AT_REMOVEDIR);
}

static int
odd_account(void)
{
	box.d.account = SPAN_LIT("bob");
	return 0;
}

static int
odd_values(void)
{
	/* a line end becomes '?': as long as before */
	box.d.sender = SPAN_LIT("\r\n@a");
	return 0;
}

static const struct row rows[] = {
    /* order */
    {"a new mailbox", BARE, {0}, RC_OK, NAME, 1, 0,
	.said = MADE "out link fsync:file ", .status = NULL},
    {"a mailbox", 0, {0}, RC_OK, NAME, 1, 0, .said = "out link fsync:file "},
    {"a new mailbox, unknown file system", BARE | UNKNOWN, {0}, RC_OK, NAME, 1,
	0, .said = MADE_UNKNOWN "fsync:file link fsync:new "},
    {"a mailbox, unknown file system", UNKNOWN, {0}, RC_OK, NAME, 1, 0,
	.said = "fsync:file link fsync:new "},
    {"folders made, not yet flushed, unknown file system", UNKNOWN, {0}, RC_OK,
	NAME, 1, 0,
	.said = "fsync:TOP fsync:example.org fsync:bob fsync:Maildir mkdir:cur "
		"fsync:file link fsync:new ",
	.prepare = no_cur},
    {"new/ is missing, unknown file system", UNKNOWN, {0}, RC_OK, NAME, 1, 0,
	.said = "mkdir:new fsync:TOP fsync:example.org fsync:bob fsync:Maildir "
		"fsync:file link fsync:new ",
	.prepare = no_new},
    {"a folder cannot be flushed", BARE | UNKNOWN, {0}, RC_TEMP, NULL, 0, -1,
	.said = NULL, .fail_fsync = 2},
    /* failures leave nothing */
    {"fsync fails", 0, {0}, RC_TEMP, NULL, 0, 0, .said = "out link fsync:file ",
	.fail_fsync = 1},
    {"fsync fails, unknown file system", UNKNOWN, {0}, RC_TEMP, NULL, 0, 0,
	.said = "fsync:file ", .fail_fsync = 1},
    {"fsync of new/ fails", UNKNOWN, {0}, RC_TEMP, NULL, 0, 0,
	.said = "fsync:file link fsync:new ", .fail_fsync = 2},
    {"link fails", 0, {0}, RC_TEMP, NULL, 0, 0, .said = "out link ",
	.fail_link = EIO},
    {"no room for the name", 0, {0}, RC_TEMP, NULL, 0, 0, .said = "out link ",
	.fail_link = ENOSPC, .status = "4.3.1"},
    {"link fails, unknown file system", UNKNOWN, {0}, RC_TEMP, NULL, 0, 0,
	.said = "fsync:file link ", .fail_link = EIO},
    {"message shorter than was said", SHORT, {0}, RC_TEMP, NULL, 0, 0,
	.said = ""},
    {"account without a domain", 0, {0}, RC_PERM, NULL, 0, 0, .said = "",
	.prepare = odd_account, .status = "5.1.1"},
    {"no value makes a line", 0, {0}, RC_OK, NAME, 1, 0, .said = NULL,
	.prepare = odd_values},
    /* folders that are none */
    {"domain is a link", 0, {0}, RC_TEMP, .prepare = link_domain, .n_new = -1},
    {"local part is a link", 0, {0}, RC_TEMP, .prepare = link_local,
	.n_new = -1},
    {"Maildir is a link", 0, {0}, RC_TEMP, .prepare = link_maildir,
	.n_new = -1},
    {"new is a link", 0, {0}, RC_TEMP, .prepare = link_new, .n_new = -1},
    {"cur is a link", 0, {0}, RC_TEMP, .prepare = link_cur, .n_new = -1},
    {"Maildir is a file", 0, {0}, RC_TEMP, .prepare = file_instead,
	.n_new = -1},
    /* repetitions */
    {"again, nothing there", AGAIN, {0}, RC_OK, NAME, 1, 0,
	.said = "out link fsync:file "},
    {"again, whole in new", AGAIN, {"new/" BOX_BASE ",S=2,W=2"}, RC_OK,
	BOX_BASE ",S=2,W=2", 1, 0, .said = "fsync:file "},
    {"again, whole in new, unknown file system", AGAIN | UNKNOWN,
	{"new/" BOX_BASE ",S=2,W=2"}, RC_OK, BOX_BASE ",S=2,W=2", 1, 0,
	.said = "fsync:file fsync:new "},
    {"again, whole in cur", AGAIN, {"cur/" BOX_BASE ",S=2,W=2,U=5.abcd:2,S"},
	RC_OK, BOX_BASE ",S=2,W=2,U=5.abcd:2,S", 0, 1, .said = "fsync:file "},
    {"again, whole in cur, unknown file system", AGAIN | UNKNOWN,
	{"cur/" BOX_BASE ",S=2:2,"}, RC_OK, BOX_BASE ",S=2:2,", 0, 1,
	.said = "fsync:file fsync:cur "},
    {"again, whole, cannot be flushed", AGAIN, {"new/" BOX_BASE ",S=2,W=2"},
	RC_TEMP, NULL, 1, 0, .said = "fsync:file ", .fail_fsync = 1},
    {"again, torn in new", AGAIN, {"new/" NAME}, RC_OK, N(1), 2, 0,
	.said = "out link fsync:file "},
    {"again, torn in cur", AGAIN, {"cur/" NAME ":2,"}, RC_OK, N(1), 1, 1,
	.said = "out link fsync:file "},
    {"again, size taken away", AGAIN, {"cur/" BOX_BASE ":2,S"}, RC_OK, N(1), 1,
	1, .said = NULL},
    {"again, torn twice", AGAIN, {"new/" NAME, "new/" N(1)}, RC_OK, N(2), 3, 0,
	.said = NULL},
    {"again, torn, first moved aside", AGAIN, {"new/" N(1)}, RC_OK, NAME, 2, 0,
	.said = NULL},
    {"again, torn, second whole", AGAIN,
	{"new/" NAME, "cur/" BOX_BASE ".1,S=2,W=2:2,S"}, RC_OK,
	BOX_BASE ".1,S=2,W=2:2,S", 1, 1, .said = "fsync:file "},
    {"again, a link under the name", AGAIN, {0}, RC_OK, N(1), 2, 0,
	.said = NULL, .prepare = link_as_message},
    {"again, all torn", AGAIN, {ALL_TORN}, RC_TEMP, NULL, 10, 0, .said = ""},
    {"again, only names like ours", AGAIN,
	{"new/" BOX_BASE "0,S=2,W=2", "new/" BOX_BASE ".10,S=2", "new/qid0,S=2",
	    "cur/" BOX_BASE ".,S=2", "cur/" BOX_BASE "x1,S=2:2,",
	    "cur/" BOX_BASE ".0,S=2", "cur/x" BOX_BASE ",S=2", "tmp/" NAME},
	RC_OK, NAME, 4, 4, .said = NULL},
    /* not said to be a repetition: the name is what tells */
    {"name taken, whole elsewhere is not looked for", 0,
	{"cur/" BOX_BASE ",S=2,W=2"}, RC_OK, NAME, 1, 1,
	.said = "out link fsync:file "},
    {"name taken, torn", 0, {"new/" NAME}, RC_OK, N(1), 2, 0, .said = NULL},
    {"name taken, torn, unknown file system", UNKNOWN, {"new/" NAME}, RC_OK,
	N(1), 2, 0, .said = NULL},
    {"name taken under our hands", STEAL | AGAIN, {0}, RC_OK, N(1), 2, 0,
	.said = NULL},
    {"a link under the name", 0, {0}, RC_OK, N(1), 2, 0, .said = NULL,
	.prepare = link_as_message},
};

/* The temporary folder's name is another each time. */
static void
expect_said(const char *want)
{
	char text[1024] = "";
	const char *top = strrchr(box.top, '/') + 1, *at;

	at = strstr(want, "TOP");
	if (at == NULL)
		(void)snprintf(text, sizeof(text), "%s", want);
	else
		(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - want),
		    want, top, at + 3);
	assert_string_equal(disk.said, text);
}

static void
expect_left(const struct row *row)
{
	struct stat st;
	char path[512];

	if (row->n_new < 0)
		return;
	assert_int_equal(box_count("new"), row->n_new);
	if (row->n_cur >= 0)
		assert_int_equal(box_count("cur"), row->n_cur);
	if (row->before[7] == NULL || row->rc == RC_TEMP)
		assert_int_equal(box_count("tmp"), 0);
	if (row->rc != RC_OK || box.out.existed)
		return;
	(void)snprintf(path, sizeof(path), BOX "new/%s", box.out.name);
	assert_int_equal(fstatat(box.mail, path, &st, 0), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_mtim.tv_sec, 1700000000);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	enum rc rc;

	box_make();
	if ((row->flags & BARE) == 0)
		box_folders();
	for (size_t i = 0; i < 10 && row->before[i] != NULL; i++)
		box_put(row->before[i], SPAN_LIT("xx"));
	box_message(SPAN_LIT(TEXT));
	box.d.again = (row->flags & AGAIN) != 0;
	box.d.arrived_us = UINT64_C(1700000000000000);
	if ((row->flags & SHORT) != 0)
		box.d.size += 7;
	if (row->prepare != NULL)
		assert_int_equal(row->prepare(), 0);
	disk = (struct disk){.unknown = (row->flags & UNKNOWN) != 0,
	    .steal_name = (row->flags & STEAL) != 0,
	    .fail_fsync = row->fail_fsync,
	    .fail_link = row->fail_link};
	rc = box_deliver();
	disk.fail_link = 0;
	if (rc != row->rc)
		fail_msg("%d %s %s", (int)rc, box.why.status, box.why.text);
	if (rc == RC_OK)
		assert_string_equal(box.out.name, row->result);
	else
		assert_string_equal(box.why.status,
		    row->status != NULL ? row->status : "4.3.0");
	if (row->said != NULL)
		expect_said(row->said);
	expect_left(row);
	box_remove();
}

ROWS_MAIN(rows, check_row)

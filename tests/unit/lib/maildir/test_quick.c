/* The short way into a mailbox: only where all is as the long way leaves it;
 * else the long way, with the same outcome. Only the short way leaves the flush
 * to its caller. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/maildir/place.h"
#include "tests/unit/lib/maildir/box.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define TEXT "Subject: x\r\n\r\nx\r\n"

static void
nothing(void)
{
}

static void
no_cur(void)
{
	assert_int_equal(unlinkat(box.mail, BOX "cur", AT_REMOVEDIR), 0);
}

static void
cur_is_a_file(void)
{
	no_cur();
	assert_int_equal(mknodat(box.mail, BOX "cur", S_IFREG | 0600, 0), 0);
}

static void
no_new(void)
{
	assert_int_equal(unlinkat(box.mail, BOX "new", AT_REMOVEDIR), 0);
}

/* Another folder of this file system, which is not to be reached. */
static void
replace(const char *name)
{
	assert_int_equal(renameat(box.mail, name, box.mail, "elsewhere"), 0);
	assert_int_equal(symlinkat(strchr(name, '/') == NULL ? "elsewhere"
				   : strrchr(name, '/') == strchr(name, '/')
				       ? "../elsewhere"
				       : "../../elsewhere",
			     box.mail, name),
	    0);
}

static void
domain_is_a_link(void)
{
	replace("example.org");
}

static void
account_is_a_link(void)
{
	replace("example.org/bob");
}

static void
maildir_is_a_link(void)
{
	replace("example.org/bob/Maildir");
}

static void
new_is_a_link(void)
{
	no_new();
	assert_int_equal(symlinkat("cur", box.mail, BOX "new"), 0);
}

static void
cur_is_a_link(void)
{
	no_cur();
	assert_int_equal(symlinkat("new", box.mail, BOX "cur"), 0);
}

static const struct row {
	const char *name;
	void (*act)(void);
	bool quick;
	enum rc rc; /* of a delivery */
} rows[] = {
    {"whole", nothing, true, RC_OK},
    {"no cur/", no_cur, false, RC_OK},
    {"cur/ is a file", cur_is_a_file, false, RC_TEMP},
    {"no new/", no_new, false, RC_OK},
    {"domain is a link", domain_is_a_link, false, RC_TEMP},
    {"account is a link", account_is_a_link, false, RC_TEMP},
    {"Maildir is a link", maildir_is_a_link, false, RC_TEMP},
    {"new/ is a link", new_is_a_link, false, RC_TEMP},
    {"cur/ is a link", cur_is_a_link, false, RC_TEMP},
};

static void
check_time(void)
{
	struct stat st;
	char path[512];

	(void)snprintf(path, sizeof(path), BOX "new/%s", box.out.name);
	assert_int_equal(fstatat(box.mail, path, &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_sec, box.d.arrived_us / 1000000);
}

/* One that waits for a flush which fails: it is taken back. */
static void
check_later(const struct maildir_root *root, const struct row *row)
{
	int before = maildir_deliver_before(root);

	assert_true(before >= 0);
	box.d.later = true;
	assert_int_equal(box_deliver(), row->rc);
	assert_int_equal(box.out.unflushed, row->quick);
	assert_int_equal(maildir_deliver_flush(before, &box.why), RC_OK);
	box.d.later = false;
	io_close(&before);
	if (!row->quick)
		return;
	assert_int_equal(box_count("new"), 1);
	/* once more: what is found is flushed at once */
	box.d.later = box.d.again = true;
	assert_int_equal(box_deliver(), RC_OK);
	assert_true(box.out.existed && !box.out.unflushed);
	box.d.later = box.d.again = false;
	maildir_deliver_undo(root, &box.d, &box.out);
	assert_int_equal(box_count("new"), 0);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct maildir_place place;
	struct maildir_root root;
	int fd;

	box_make();
	box_folders();
	row->act();
	assert_int_equal(maildir_root_init(&root, box.mail, &box.why), RC_OK);
	assert_true(root.by_name); /* or there is no quick way to be tried */
	assert_int_equal(
	    maildir_place_of(box.d.account, &place, &box.why), RC_OK);
	fd = maildir_place_new(&root, &place);
	assert_int_equal(fd >= 0, row->quick);
	io_close(&fd);
	box_message(SPAN_LIT(TEXT));
	check_later(&root, row);
	/* another file system's rules: the long way */
	root.by_name = false;
	assert_int_equal(maildir_place_new(&root, &place), -1);
	assert_int_equal(maildir_deliver_before(&root), -1);
	/* now, in a second gone by, and long ago: the time is the arrival's */
	for (uint64_t i = 0; i < 3; i++) {
		box.d.arrived_us = clock_real_us() - i * i * 700000;
		box.d.rcpt = (uint32_t)i;
		assert_int_equal(box_deliver(), row->rc);
		if (row->rc == RC_OK)
			check_time();
	}
	box_remove();
}

ROWS_MAIN(rows, check_row)

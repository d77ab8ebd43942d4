/*
 * A delivery as the worker does it: in a thread, with the rights of
 * ROLE_LOCAL and nothing but the folder of mailboxes. And on a full disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "lib/sandbox/sandbox.h"
#include "tests/unit/lib/maildir/box.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define UID 61235

struct row {
	const char *name;
	unsigned abi; /* of Landlock, at most */
	bool again;
	bool made;      /* the mailbox is there */
	uint64_t limit; /* of a RAM disk, in bytes; 0: the disk */
	uint64_t inodes;
	size_t size;
	const char *status; /* NULL: delivered */
};

static const struct row rows[] = {
    {"no Landlock, new mailbox", 0, false, false, 0, 0, 100, NULL},
    {"Landlock 2, new mailbox", 2, false, false, 0, 0, 100, NULL},
    {"new mailbox", 99, false, false, 0, 0, 100, NULL},
    {"mailbox", 99, false, true, 0, 0, 100, NULL},
    {"again", 99, true, true, 0, 0, 100, NULL},
    {"large", 99, true, true, 0, 0, 1000000, NULL},
    {"fits the RAM disk", 99, false, false, 1 << 20, 0, 500000, NULL},
    {"full disk", 99, false, false, 1 << 20, 0, 1100000, "4.3.1"},
    {"full disk, again", 99, true, true, 1 << 20, 0, 1100000, "4.3.1"},
    {"no inode for a folder", 99, false, false, 1 << 20, 3, 10, "4.3.1"},
    {"no inode for the file", 99, false, true, 1 << 20, 7, 10, "4.3.1"},
};

static void *
deliver(void *arg)
{
	*(enum rc *)arg = box_deliver();
	return NULL;
}

/* In the child: 0, or what went wrong. */
static int
run(const struct row *row)
{
	const struct sandbox_path path = {box.top,
	    SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE | SANDBOX_REMOVE};
	const struct sandbox_setup setup = {.role = ROLE_LOCAL,
	    .set_ids = geteuid() == 0,
	    .uid = UID,
	    .gid = UID,
	    .paths = &path,
	    .n_paths = 1,
	    .landlock_abi_max = row->abi};
	struct sandbox_report report;
	enum rc rc = RC_WAIT;
	pthread_t t;

	if (sandbox_enter(&setup, &report, &box.why) != RC_OK)
		return 2;
	box.mail = open(box.top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (box.mail < 0 || pthread_create(&t, NULL, deliver, &rc) != 0 ||
	    pthread_join(t, NULL) != 0)
		return 3;
	if (row->status == NULL)
		return rc == RC_OK ? 0 : 4;
	return rc == RC_TEMP && strcmp(box.why.status, row->status) == 0 ? 0
									 : 5;
}

static void
own_all(void)
{
	static const char *const paths[] = {"example.org", "example.org/bob",
	    BOX, BOX "new", BOX "cur", BOX "tmp", "."};

	for (size_t i = 0; i < 7 && geteuid() == 0; i++)
		if (fchownat(box.mail, paths[i], UID, UID, 0) < 0)
			assert_int_equal(errno, ENOENT);
}

static void
mount_ram(const struct row *row)
{
	char options[64];
	int n = snprintf(options, sizeof(options), "size=%llu",
	    (unsigned long long)row->limit);

	if (row->inodes > 0)
		(void)snprintf(options + n, sizeof(options) - (size_t)n,
		    ",nr_inodes=%llu", (unsigned long long)row->inodes);
	assert_int_equal(mount("none", box.top, "tmpfs", 0, options), 0);
	io_close(&box.mail);
	box.mail = open(box.top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	char *text;
	int status = -1;
	pid_t pid;

	if (row->limit > 0 &&
	    (unshare(CLONE_NEWNS) < 0 ||
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)) {
		print_message("in a container: no namespace of mounts\n");
		skip();
	}
	box_make();
	if (row->limit > 0)
		mount_ram(row);
	if (row->made)
		box_folders();
	own_all();
	text = calloc(1, row->size);
	box_message(span_make(text, row->size));
	box.d.again = row->again;
	box.d.arrived_us = 1;
	pid = fork();
	if (pid == 0) {
		status = run(row);
		if (status != 0)
			print_message("%s\n", box.why.text);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	if (row->inodes == 0 || row->made) {
		assert_int_equal(box_count("new"), row->status == NULL);
		assert_int_equal(box_count("tmp"), 0);
	}
	io_close(&box.mail);
	if (row->limit > 0)
		assert_int_equal(umount2(box.top, MNT_DETACH), 0);
	box_remove();
	free(text);
}

ROWS_MAIN(rows, check_row)

/*
 * A folder of mailboxes for one test, and one delivery into bob@example.org.
 * Included behind cmocka.
 */
#ifndef TESTS_UNIT_LIB_MAILDIR_BOX_H
#define TESTS_UNIT_LIB_MAILDIR_BOX_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/maildir/deliver.h"

#define BOX      "example.org/bob/Maildir/"
#define BOX_BASE "qid0.R7"
#define BOX_PATH "Return-Path: <al@a>\n"
#define BOX_HEAD BOX_PATH "Delivered-To: bob@example.org\n"

static struct box {
	char top[64];
	int mail;
	struct maildir_deliver d;
	struct maildir_delivered out;
	struct why why;
} box;

static inline void
box_make(void)
{
	box = (struct box){.top = "/var/tmp/maildir.XXXXXX"};
	assert_non_null(mkdtemp(box.top));
	box.mail = open(box.top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(box.mail >= 0);
	box.d = (struct maildir_deliver){.qid = SPAN_LIT("qid0"),
	    .rcpt = 7,
	    .account = SPAN_LIT("bob@example.org"),
	    .sender = SPAN_LIT("al@a"),
	    .file = -1};
}

static inline int
box_remove_one(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void
box_remove(void)
{
	io_close(&box.mail);
	io_close(&box.d.file);
	(void)nftw(box.top, box_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The message to deliver; it stands behind some other bytes. */
static inline void
box_message(struct span text)
{
	io_close(&box.d.file);
	box.d.file = io_memfd("message");
	assert_true(box.d.file >= 0);
	assert_true(io_write_all(box.d.file, "before", 6));
	assert_true(io_write_all(box.d.file, text.p, text.n));
	assert_true(io_write_all(box.d.file, "behind", 6));
	box.d.offset = 6;
	box.d.size = text.n;
}

static inline enum rc
box_deliver(void)
{
	struct maildir_root root;

	assert_int_equal(maildir_root_init(&root, box.mail, &box.why), RC_OK);
	return maildir_deliver(&root, &box.d, &box.out, &box.why);
}

/* Folders of the mailbox, as another program makes them. */
static inline void
box_folders(void)
{
	static const char *const paths[] = {"example.org", "example.org/bob",
	    BOX, BOX "tmp", BOX "new", BOX "cur"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(mkdirat(box.mail, paths[i], 0700), 0);
}

static inline void
box_put(const char *path, struct span text)
{
	char full[512];
	int fd;

	(void)snprintf(full, sizeof(full), BOX "%s", path);
	fd = openat(box.mail, full, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0 && io_write_all(fd, text.p, text.n));
	io_close(&fd);
}

/* Files in new/, cur/ and tmp/. */
static inline int
box_count(const char *folder)
{
	char full[512];
	struct dirent *e;
	int n = 0;
	DIR *dir;

	(void)snprintf(full, sizeof(full), "%s/" BOX "%s", box.top, folder);
	dir = opendir(full);
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		n += e->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

/* What was delivered, whole; the caller's to free. */
static inline struct span
box_read(const char *folder, const char *name)
{
	char full[512], *p;
	struct stat st = {0};
	size_t got;
	int fd;

	(void)snprintf(full, sizeof(full), BOX "%s/%s", folder, name);
	fd = openat(box.mail, full, O_RDONLY);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	p = malloc((size_t)st.st_size + 1);
	assert_true(io_pread_all(fd, p, (size_t)st.st_size + 1, 0, &got));
	assert_int_equal(got, st.st_size);
	io_close(&fd);
	return span_make(p, got);
}

#endif

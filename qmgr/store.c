/*
 * The queue on disk: see store.h. The only place, beside lib/maildir, that
 * names, removes and flushes mail.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "qmgr/store.h"
#include "lib/base/banned.h"

#define CHUNK     65536
#define ROOM_MIN  (64U << 20)
#define FILES_MIN 1000U
/* times that a file is looked for by its queue ID */
#define PURSUE_MAX 3

/* A change of a file, which may have another name by now. */
struct change {
	enum rc (*act)(struct change *c, struct why *why);
	int folder;
	char name[STORE_FILE_MAX + 1];
	bool held; /* hold() */
	bool gone; /* result: there is no such name */
};

static enum rc
open_folder(int at, const char *name, int *fd, struct why *why)
{
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return why_sys(why, RC_TEMP, "4.3.0", "mkdir %s", name);
	*fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "open %s", name);
	return RC_OK;
}

enum rc
store_open(struct store *s, const char *path, struct why *why)
{
	*s = (struct store){-1, -1, -1, -1, -1, -1, {-1, -1, false}};
	s->top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->top < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "%s", path);
	s->lock = openat(
	    s->top, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "%s/lock", path);
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0)
		return why_set(why, RC_TEMP, "4.3.0",
		    "another queue manager has locked %s", path);
	if (open_folder(s->top, "tmp", &s->tmp, why) != RC_OK ||
	    open_folder(s->top, "new", &s->new, why) != RC_OK ||
	    open_folder(s->top, "cur", &s->cur, why) != RC_OK ||
	    open_folder(s->top, "damaged", &s->damaged, why) != RC_OK)
		return RC_TEMP;
	return durable_init(&s->durable, s->new, s->tmp, why);
}

static enum rc
write_failed(struct why *why)
{
	bool full = errno == ENOSPC || errno == EDQUOT;

	return why_sys(why, RC_TEMP, full ? "4.3.1" : "4.3.0", "queue file");
}

/* Copy the body behind the head, and go on with the sum. */
static enum rc
copy_body(struct store_write *w, int fd, struct why *why)
{
	char *chunk = mem_grow(NULL, CHUNK);
	uint64_t done = 0;
	enum rc rc = RC_OK;

	while (rc == RC_OK && done < w->size) {
		size_t want =
		    w->size - done < CHUNK ? (size_t)(w->size - done) : CHUNK;
		size_t got;

		if (!io_pread_all(w->body, chunk, want,
			(off_t)(w->body_at + done), &got) ||
		    got != want)
			rc = why_set(why, RC_TEMP, "4.3.0",
			    "the message is shorter than was said");
		else if (!io_write_all(fd, chunk, got))
			rc = write_failed(why);
		w->envelope->crc = enc_crc32c(w->envelope->crc, chunk, got);
		done += got;
	}
	free(chunk);
	return rc;
}

static enum rc
write_file(struct store_write *w, int fd, struct why *why)
{
	struct envelope *e = w->envelope;
	struct buf head;
	size_t first;
	enum rc rc = RC_OK;

	e->size = w->trace.n + w->size;
	buf_init(&head, ENVELOPE_HEAD_MAX);
	if (!envelope_format(e, &head)) {
		rc =
		    why_set(why, RC_PERM, "5.3.4", "the envelope is too large");
		goto out;
	}
	e->crc = envelope_head_crc(buf_span(&head));
	e->crc = enc_crc32c(e->crc, w->trace.p, w->trace.n);
	if (!io_write_all(fd, head.p, head.n) ||
	    !io_write_all(fd, w->trace.p, w->trace.n))
		rc = write_failed(why);
	else
		rc = copy_body(w, fd, why);
	if (rc != RC_OK)
		goto out;
	envelope_seal(e, &head);
	/* the first line again, now with its sum */
	first = head.n < 128 ? head.n : 128;
	if (pwrite(fd, head.p, first, 0) != (ssize_t)first)
		rc = write_failed(why);
out:
	buf_fini(&head);
	return rc;
}

/* The same file with rights of its own. */
static int
reopen(int fd, int flags)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

enum rc
store_write(const struct store *s, struct store_write *w, struct why *why)
{
	struct durable_file f;
	enum rc rc = durable_create(&s->durable, w->name, &f, why);

	w->fd = -1;
	w->existed = false;
	if (rc != RC_OK)
		return rc;
	rc = write_file(w, f.fd, why);
	/* before it has a name: afterwards it is a promise */
	if (rc == RC_OK && (w->fd = reopen(f.fd, O_RDONLY)) < 0)
		rc = write_failed(why);
	if (rc == RC_OK)
		rc = durable_commit(&s->durable, &f, w->name, &w->existed, why);
	if (rc == RC_OK && w->existed)
		rc = why_set(
		    why, RC_TEMP, "4.3.0", "queue ID %s is taken", w->name);
	if (rc == RC_OK) {
		io_close(&f.fd);
	} else {
		durable_abort(&s->durable, &f);
		io_close(&w->fd);
	}
	return rc;
}

static enum rc
check_sum(int fd, const struct envelope *e, struct span head, struct why *why)
{
	uint32_t crc = envelope_head_crc(span_head(head, e->offset));
	char *chunk = mem_grow(NULL, CHUNK);
	uint64_t at = e->offset, end = e->offset + e->size;
	size_t got = 1;

	while (at < end && got > 0) {
		if (!io_pread_all(fd, chunk, CHUNK, (off_t)at, &got)) {
			/* a disk that fails now says nothing of the file */
			free(chunk);
			return why_sys(why, RC_TEMP, "4.3.0", "read");
		}
		crc = enc_crc32c(crc, chunk, got);
		at += got;
	}
	free(chunk);
	if (at != end || crc != e->crc)
		return why_set(why, RC_PERM, "5.3.0",
		    "the sum of the queue file is wrong");
	return RC_OK;
}

/* The head is what stands before the offset that the first line names. */
static enum rc
read_head(int fd, uint64_t size, struct buf *head, struct envelope **e,
    struct why *why)
{
	size_t want = CHUNK, got;

	for (;;) {
		char *to = buf_reserve(head, want - head->n);

		if (to == NULL ||
		    !io_pread_all(fd, to, want - head->n, (off_t)head->n, &got))
			return why_sys(why, RC_TEMP, "4.3.0", "read");
		head->n += got;
		if (envelope_parse(buf_span(head), size, e, why) == RC_OK)
			return RC_OK;
		if (head->n < want || want * 4 > head->max)
			return RC_PERM;
		want *= 4;
	}
}

/* What store_read and store_peek have in common. */
struct reading {
	int folder;
	const char *name;
	bool check; /* the sum */
};

static enum rc
read_file(
    const struct reading *r, struct envelope **e, int *fd, struct why *why)
{
	struct stat st;
	struct buf head;
	enum rc rc;

	*e = NULL;
	*fd = openat(r->folder, r->name,
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		rc = why_sys(why, RC_TEMP, "4.3.0", "%s", r->name);
	else if (!S_ISREG(st.st_mode))
		rc = why_set(why, RC_PERM, "5.3.0", "not a regular file");
	else {
		buf_init(&head, ENVELOPE_HEAD_MAX);
		rc = read_head(*fd, (uint64_t)st.st_size, &head, e, why);
		if (rc == RC_OK && r->check)
			rc = check_sum(*fd, *e, buf_span(&head), why);
		buf_fini(&head);
	}
	if (rc != RC_OK) {
		envelope_free(e);
		io_close(fd);
	}
	return rc;
}

enum rc
store_read(
    int folder, const char *name, struct envelope **e, int *fd, struct why *why)
{
	return read_file(&(struct reading){folder, name, true}, e, fd, why);
}

enum rc
store_peek(
    int folder, const char *name, struct envelope **e, int *fd, struct why *why)
{
	return read_file(&(struct reading){folder, name, false}, e, fd, why);
}

bool
store_gone(int folder, const char *name)
{
	struct stat st;

	return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
	       errno == ENOENT;
}

enum rc
store_damaged(
    const struct store *s, int folder, const char *name, struct why *why)
{
	if (linkat(folder, name, s->damaged, name, 0) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "damaged/%s", name);
	/* the other name still stands: nothing is lost */
	(void)unlinkat(folder, name, 0);
	return RC_OK;
}

bool
store_name_id(struct span name, char id[STORE_NAME_MAX + 1])
{
	struct span rest = name, base = span_cut(&rest, ':');

	if (base.n == 0 || base.p[0] == '.' || name.n > STORE_FILE_MAX)
		return false;
	for (size_t i = 0; i < base.n; i++) {
		char c = base.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '-' || c == '.' ||
			c == '_' || c == ',' || c == '=' || c == '+'))
			return false;
	}
	return span_copy(base, id, STORE_NAME_MAX + 1);
}

static DIR *
open_dir(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir == NULL)
		io_close(&fd);
	return dir;
}

/* RC_OK: its name is in file; RC_PERM: it is not there; RC_TEMP: who knows. */
static enum rc
find_in(int folder, const char *id, char file[STORE_FILE_MAX + 1])
{
	char other[STORE_NAME_MAX + 1];
	DIR *dir = open_dir(folder);
	enum rc rc = RC_WAIT;

	while (rc == RC_WAIT) {
		struct dirent *de = NULL;

		errno = EBADF;
		if (dir != NULL) {
			errno = 0;
			de = readdir(dir);
		}
		if (de == NULL)
			rc = errno == 0 ? RC_PERM : RC_TEMP;
		else if (store_name_id(span_of(de->d_name), other) &&
			 strcmp(other, id) == 0 &&
			 span_copy(
			     span_of(de->d_name), file, STORE_FILE_MAX + 1))
			rc = RC_OK;
	}
	if (dir != NULL)
		(void)closedir(dir); /* only read from */
	return rc;
}

/*
 * What has that queue ID, when it is not where it was: another program has
 * renamed it. new/ before cur/, so that one which is moved meanwhile is seen.
 */
static enum rc
find(const struct store *s, const char *id, int *folder,
    char file[STORE_FILE_MAX + 1])
{
	enum rc rc = find_in(s->new, id, file);

	*folder = s->new;
	if (rc == RC_PERM) {
		rc = find_in(s->cur, id, file);
		*folder = s->cur;
	}
	return rc;
}

/*
 * Do it to the file of that name, or to what it is called now. It may be
 * renamed again while it is looked for; nobody does so without end.
 */
static enum rc
pursue(const struct store *s, struct change *c, struct why *why)
{
	char id[STORE_NAME_MAX + 1];
	enum rc rc = c->act(c, why);

	if (!c->gone || !store_name_id(span_of(c->name), id))
		return rc;
	for (int i = 0; c->gone && i < PURSUE_MAX; i++) {
		enum rc found = find(s, id, &c->folder, c->name);

		if (found == RC_PERM)
			return rc;
		c->gone = false;
		if (found != RC_OK)
			return rc;
		rc = c->act(c, why);
	}
	/* it never was where it had just been seen */
	c->gone = false;
	return rc;
}

static enum rc
hold(struct change *c, struct why *why)
{
	char head[ENVELOPE_STATE_AT + ENVELOPE_WORD_LEN];
	int fd = openat(c->folder, c->name,
	    O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	enum rc rc = RC_OK;
	size_t got;

	c->gone = fd < 0 && errno == ENOENT;
	/* four bytes within one block: seen whole or not at all */
	if (fd < 0 || !io_pread_all(fd, head, sizeof(head), 0, &got))
		rc = why_sys(why, RC_TEMP, "4.3.0", "%s", c->name);
	else if (!envelope_is_head(span_make(head, got)))
		rc = why_set(
		    why, RC_PERM, "5.3.0", "%s: no queue file", c->name);
	else if (pwrite(fd, envelope_state_text(c->held), ENVELOPE_WORD_LEN,
		     ENVELOPE_STATE_AT) != ENVELOPE_WORD_LEN)
		rc = why_sys(why, RC_TEMP, "4.3.0", "%s: its state", c->name);
	io_close(&fd);
	return rc;
}

static enum rc
take_away(struct change *c, struct why *why)
{
	if (unlinkat(c->folder, c->name, 0) == 0)
		return RC_OK;
	c->gone = errno == ENOENT;
	return why_sys(why, RC_TEMP, "4.3.0", "%s", c->name);
}

static enum rc
start(
    const struct store *s, struct change *c, const char *name, struct why *why)
{
	if (!span_copy(span_of(name), c->name, sizeof(c->name)))
		return why_set(why, RC_PERM, "5.3.0", "no queue file's name");
	return pursue(s, c, why);
}

enum rc
store_hold(const struct store *s, int folder, const char *name, bool held,
    struct why *why)
{
	struct change c = {.act = hold, .folder = folder, .held = held};

	return start(s, &c, name, why);
}

enum rc
store_delete(
    const struct store *s, int folder, const char *name, struct why *why)
{
	struct change c = {.act = take_away, .folder = folder};
	enum rc rc = start(s, &c, name, why);

	/* gone already is as good */
	return c.gone ? RC_OK : rc;
}

enum rc
store_words(int fd, const struct envelope_rcpt *r, size_t n, struct why *why)
{
	int own = reopen(fd, O_WRONLY);
	enum rc rc = RC_OK;

	/* four bytes within one block: seen whole or not at all */
	for (size_t i = 0; i < n && rc == RC_OK; i++)
		if (own < 0 || pwrite(own, envelope_word_text(r[i].word),
				   ENVELOPE_WORD_LEN,
				   (off_t)r[i].word_at) != ENVELOPE_WORD_LEN)
			rc = why_sys(why, RC_TEMP, "4.3.0", "recipient's word");
	io_close(&own);
	return rc;
}

bool
store_remove(const struct store *s, const char *name)
{
	return unlinkat(s->new, name, 0) == 0 ||
	       (errno == ENOENT && unlinkat(s->cur, name, 0) == 0);
}

enum rc
store_room(const struct store *s, struct why *why)
{
	struct statvfs fs;
	uint64_t free_bytes;

	if (fstatvfs(s->top, &fs) < 0)
		return why_sys(why, RC_TEMP, "4.3.1", "the spool");
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	/* small file systems (tests, RAM disks) refuse at a sixteenth */
	if (free_bytes < ROOM_MIN &&
	    free_bytes < (uint64_t)fs.f_blocks * fs.f_frsize / 16)
		return why_set(
		    why, RC_TEMP, "4.3.1", "Insufficient system storage");
	if (fs.f_files > 0 && fs.f_favail < FILES_MIN &&
	    fs.f_favail < fs.f_files / 16)
		return why_set(why, RC_TEMP, "4.3.1",
		    "Insufficient system storage (inodes)");
	return RC_OK;
}

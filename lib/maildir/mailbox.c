/*
 * A mailbox in memory: see mailbox.h. Opening, looking up, reading, changing
 * what is there; scanning is in mailbox_sync.c, adding in mailbox_add.c and
 * mailbox_copy.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/maildir/file.h"
#include "lib/maildir/mailbox.h"
#include "lib/maildir/mailbox_lock.h"
#include "lib/base/banned.h"

#define PASSES 3 /* a name that changes under our hands is looked for again */

static enum rc
open_folder(int at, const char *name, bool make, int *fd, struct why *why)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

	*fd = openat(at, name, flags);
	if (*fd < 0 && errno == ENOENT && make) {
		if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
			return why_sys(why, RC_TEMP, "4.3.0", "mkdir %s", name);
		*fd = openat(at, name, flags);
	}
	if (*fd >= 0)
		return RC_OK;
	return why_sys(why,
	    errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? RC_PERM
								  : RC_TEMP,
	    "5.1.1", "mailbox folder %s", name);
}

/* Other programs leave out what they do not use; cur/ makes it a mailbox. */
static enum rc
open_folders(
    int root, const char *name, struct maildir_folders *f, struct why *why)
{
	enum rc rc;

	*f = (struct maildir_folders){-1, -1, -1, -1};
	rc = open_folder(
	    root, name[0] == '\0' ? "." : name, false, &f->top, why);
	if (rc == RC_OK)
		rc = open_folder(f->top, "cur", false, &f->cur, why);
	if (rc == RC_OK)
		rc = open_folder(f->top, "new", true, &f->new, why);
	if (rc == RC_OK)
		rc = open_folder(f->top, "tmp", true, &f->tmp, why);
	if (rc != RC_OK)
		maildir_place_close(f);
	return rc;
}

enum rc
maildir_mailbox_open(int root, const char *name, const char *boot,
    struct maildir_mailbox **out, struct why *why)
{
	struct maildir_mailbox *m = mem_alloc(sizeof(*m));
	enum rc rc;

	m->root = root;
	m->lock = -1;
	m->next = 1;
	m->boot = mem_dup(boot);
	rc = open_folders(root, name, &m->folders, why);
	if (rc == RC_OK)
		rc = durable_init(
		    &m->durable, m->folders.cur, m->folders.tmp, why);
	if (rc == RC_OK)
		rc = maildir_mailbox_lock(m, why);
	maildir_mailbox_lock_end(m);
	*out = m;
	if (rc != RC_OK)
		maildir_mailbox_close(out);
	return rc;
}

void
maildir_mailbox_close(struct maildir_mailbox **mailbox)
{
	struct maildir_mailbox *m = *mailbox;

	*mailbox = NULL;
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n; i++)
		free(m->v[i].name);
	free(m->v);
	maildir_place_close(&m->folders);
	maildir_state_fini(&m->state);
	free(m->boot);
	free(m);
}

void
maildir_mailbox_stale(struct maildir_mailbox *m)
{
	m->settled = m->owed = false;
}

static int64_t
time_of_cur(const struct maildir_mailbox *m)
{
	struct stat st;

	if (fstat(m->folders.cur, &st) < 0)
		return 0;
	return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

/* True: what cur/ holds is known, so that only our change is new in it. */
bool
maildir_mailbox_own(const struct maildir_mailbox *m)
{
	return m->scanned && (m->settled || m->owed) &&
	       time_of_cur(m) == m->cur_ns;
}

/*
 * The folder's time is now that of our change, or of another's in the same
 * tick, which nobody could tell from it: so it is read again, later.
 */
void
maildir_mailbox_owned(struct maildir_mailbox *m, bool own)
{
	m->settled = false;
	m->owed = own;
	if (own)
		m->cur_ns = time_of_cur(m);
}

size_t
maildir_mailbox_from(const struct maildir_mailbox *m, uint32_t uid)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->v[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct maildir_message *
maildir_mailbox_find(const struct maildir_mailbox *m, uint32_t uid)
{
	size_t i = maildir_mailbox_from(m, uid);

	return i < m->n && m->v[i].uid == uid && !m->v[i].gone ? &m->v[i]
							       : NULL;
}

static void
mark_gone(struct maildir_mailbox *m, struct maildir_message *msg)
{
	if (msg->gone)
		return;
	msg->gone = true;
	m->n_gone++;
	m->generation++;
}

void
maildir_mailbox_settle(struct maildir_mailbox *m)
{
	size_t kept = 0;

	if (m->n_gone == 0)
		return;
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i].gone)
			free(m->v[i].name);
		else
			m->v[kept++] = m->v[i];
	}
	m->n = kept;
	m->n_gone = 0;
}

/*
 * Somebody renamed or removed it, and perhaps others with it: their names are
 * all looked for at once. Messages stay where they are in v. False: it is
 * gone, and marked; or it cannot be known, and is not.
 */
static bool
find_again(struct maildir_mailbox *m, const struct maildir_message *msg)
{
	maildir_mailbox_stale(m);
	return maildir_mailbox_sync_names(m) && !msg->gone &&
	       msg->pass == m->pass;
}

static enum rc
gone(struct why *why)
{
	return why_set(
	    why, RC_PERM, "5.2.0", "the message is not there any more");
}

enum rc
maildir_mailbox_read(struct maildir_mailbox *m, struct maildir_message *msg,
    int *fd, struct why *why)
{
	struct stat st;

	*fd = msg->gone ? -1 : io_open_read(m->folders.cur, msg->name);
	for (int i = 0; i < PASSES && *fd < 0 && !msg->gone && errno == ENOENT;
	     i++)
		if (find_again(m, msg))
			*fd = io_open_read(m->folders.cur, msg->name);
	if (msg->gone)
		return gone(why);
	if (*fd < 0 || fstat(*fd, &st) < 0) {
		why_sys(why, RC_TEMP, "4.3.0", "open a message");
		io_close(fd);
		return RC_TEMP;
	}
	if ((uint64_t)st.st_size != msg->size) {
		msg->size = (uint64_t)st.st_size;
		msg->wire = 0;
	}
	msg->date = st.st_mtim.tv_sec;
	return RC_OK;
}

enum rc
maildir_mailbox_date(
    struct maildir_mailbox *m, struct maildir_message *msg, struct why *why)
{
	struct stat st;
	int fd;
	enum rc rc;

	if (msg->date != INT64_MIN)
		return RC_OK;
	if (!msg->gone &&
	    fstatat(m->folders.cur, msg->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		msg->date = st.st_mtim.tv_sec;
		return RC_OK;
	}
	rc = maildir_mailbox_read(m, msg, &fd, why);
	io_close(&fd);
	return rc;
}

enum rc
maildir_mailbox_wire(
    struct maildir_mailbox *m, struct maildir_message *msg, struct why *why)
{
	enum rc rc;
	int fd;

	if (msg->wire > 0)
		return RC_OK;
	rc = maildir_mailbox_read(m, msg, &fd, why);
	if (rc == RC_OK && !maildir_file_wire(fd, &msg->wire)) {
		msg->wire = 0;
		rc = why_sys(why, RC_TEMP, "4.3.0", "read a message");
	}
	io_close(&fd);
	return rc;
}

/* To another name in cur/, which is not there yet. */
static int
rename_in_cur(const struct maildir_mailbox *m, const char *from, const char *to)
{
	int r = renameat2(
	    m->folders.cur, from, m->folders.cur, to, RENAME_NOREPLACE);

	/* not known to that file system */
	if (r < 0 && errno == EINVAL)
		r = renameat(m->folders.cur, from, m->folders.cur, to);
	return r;
}

static bool
rename_with(
    struct maildir_mailbox *m, struct maildir_message *msg, uint32_t flags)
{
	struct maildir_name n;
	struct buf letters, to;
	bool ok;

	buf_init(&letters, 256);
	buf_init(&to, 512);
	maildir_name_parse(span_of(msg->name), &n);
	maildir_flags_put(&letters, flags, n.flags);
	n.flags = buf_span(&letters);
	maildir_name_put(&to, &n);
	ok = span_eq(buf_span(&to), span_of(msg->name)) ||
	     rename_in_cur(m, msg->name, buf_cstr(&to)) == 0;
	if (ok) {
		free(msg->name);
		msg->name = span_dup(buf_span(&to));
	}
	buf_fini(&letters);
	buf_fini(&to);
	return ok;
}

enum rc
maildir_mailbox_flag(struct maildir_mailbox *m, struct maildir_message *msg,
    uint32_t less, uint32_t more, struct why *why)
{
	bool own = maildir_mailbox_own(m);
	uint32_t flags = (msg->flags & ~less) | more;
	bool ok = !msg->gone && rename_with(m, msg, flags);
	int error = errno;

	maildir_mailbox_owned(m, own && ok);
	errno = error;
	for (int i = 0; i < PASSES && !ok && !msg->gone && errno == ENOENT; i++)
		if (find_again(m, msg)) {
			flags = (msg->flags & ~less) | more;
			ok = rename_with(m, msg, flags);
		}
	if (msg->gone)
		return gone(why);
	if (!ok)
		return why_sys(why, RC_TEMP, "4.3.0", "rename a message");
	if (msg->flags != flags) {
		msg->flags = flags;
		msg->changed = ++m->generation;
	}
	return RC_OK;
}

enum rc
maildir_mailbox_remove(
    struct maildir_mailbox *m, struct maildir_message *msg, struct why *why)
{
	bool own = maildir_mailbox_own(m);
	int r = msg->gone ? 0 : unlinkat(m->folders.cur, msg->name, 0);
	int error = errno;

	maildir_mailbox_owned(m, own && r == 0);
	errno = error;
	for (int i = 0; i < PASSES && r < 0 && !msg->gone && errno == ENOENT;
	     i++)
		if (find_again(m, msg))
			r = unlinkat(m->folders.cur, msg->name, 0);
	if (r < 0 && !msg->gone)
		return why_sys(why, RC_TEMP, "4.3.0", "remove a message");
	mark_gone(m, msg);
	return RC_OK;
}

/* The letter of a keyword, or MAILDIR_KEYWORDS. */
static unsigned
letter_of(const struct maildir_state *s, struct span name)
{
	unsigned i = 0;

	while (i < MAILDIR_KEYWORDS &&
	       (s->keywords[i] == NULL ||
		   !span_eq_ci(span_of(s->keywords[i]), name)))
		i++;
	return i;
}

/* One that no message has: its name may be known to another program. */
static unsigned
free_letter(const struct maildir_mailbox *m)
{
	uint32_t used = 0;
	unsigned i = 0;

	for (size_t k = 0; k < m->n; k++)
		used |= m->v[k].flags;
	while (i < MAILDIR_KEYWORDS && (m->state.keywords[i] != NULL ||
					   (used & MAILDIR_KEYWORD(i)) != 0))
		i++;
	return i;
}

bool
maildir_mailbox_keyword_room(const struct maildir_mailbox *m)
{
	return free_letter(m) < MAILDIR_KEYWORDS;
}

/* Under the lock: another process may have made it meanwhile. */
static enum rc
make_keyword(struct maildir_mailbox *m, struct span name, unsigned *letter,
    struct why *why)
{
	enum rc rc = RC_OK;

	*letter = letter_of(&m->state, name);
	if (*letter < MAILDIR_KEYWORDS)
		return RC_OK;
	*letter = free_letter(m);
	if (*letter == MAILDIR_KEYWORDS)
		return RC_OK;
	m->state.keywords[*letter] = span_dup(name);
	/* before a name can hold it */
	rc = maildir_state_save(m->folders.top, &m->state, why);
	if (rc != RC_OK) {
		free(m->state.keywords[*letter]);
		m->state.keywords[*letter] = NULL;
	}
	return rc;
}

enum rc
maildir_mailbox_keyword(struct maildir_mailbox *m, struct span name, bool make,
    uint32_t *bit, struct why *why)
{
	unsigned letter = letter_of(&m->state, name);
	enum rc rc = RC_OK;

	*bit = 0;
	if (name.n == 0 || name.n > MAILDIR_KEYWORD_MAX)
		return RC_OK;
	if (letter == MAILDIR_KEYWORDS && make) {
		rc = maildir_mailbox_lock(m, why);
		if (rc == RC_OK)
			rc = make_keyword(m, name, &letter, why);
		maildir_mailbox_lock_end(m);
	}
	if (rc == RC_OK && letter < MAILDIR_KEYWORDS)
		*bit = MAILDIR_KEYWORD(letter);
	return rc;
}

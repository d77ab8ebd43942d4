/*
 * The mailbox's text files: see state.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/maildir/durable.h"
#include "lib/maildir/state.h"
#include "lib/base/banned.h"

#define STATE_NAME    "mailstead-mailbox"
#define STATE_HEAD    "mailstead-mailbox 1"
#define DAMAGED_NAME  "mailstead-mailbox.damaged"
#define NEXT_NAME     "mailstead-uids"
#define VALIDITY_NAME "mailstead-account"
#define VALIDITY_HEAD "mailstead-account 1"
#define FOREIGN_NAME  "dovecot-keywords"
#define STATE_MAX     16384

void
maildir_state_fini(struct maildir_state *s)
{
	for (size_t i = 0; i < MAILDIR_KEYWORDS; i++)
		free(s->keywords[i]);
	*s = (struct maildir_state){0};
}

static bool
take_keyword(struct maildir_state *s, struct span value)
{
	struct span letter = span_cut(&value, ' ');
	unsigned i;

	if (letter.n != 1 || letter.p[0] < 'a' || letter.p[0] > 'z' ||
	    value.n == 0 || value.n > MAILDIR_KEYWORD_MAX)
		return false;
	i = (unsigned)(letter.p[0] - 'a');
	if (s->keywords[i] != NULL || span_find(value, '\0') < value.n)
		return false;
	s->keywords[i] = span_dup(value);
	return true;
}

static bool
take_number(struct span value, uint32_t *n)
{
	uint64_t wide;

	if (*n != 0 || !num_range(value, 1, UINT32_MAX, &wide))
		return false;
	*n = (uint32_t)wide;
	return true;
}

static bool
take_tag(struct maildir_state *s, struct span value)
{
	if (value.n != MAILDIR_TAG_LEN || s->tag[0] != '\0')
		return false;
	for (size_t i = 0; i < value.n; i++)
		if (!((value.p[i] >= '0' && value.p[i] <= '9') ||
			(value.p[i] >= 'a' && value.p[i] <= 'z')))
			return false;
	return span_copy(value, s->tag, sizeof(s->tag));
}

static bool
take_line(struct maildir_state *s, struct span line)
{
	struct span value = line, key = span_cut(&value, ' ');

	if (span_eq(key, SPAN_LIT("uidvalidity")))
		return take_number(value, &s->uidvalidity);
	if (span_eq(key, SPAN_LIT("tag")))
		return take_tag(s, value);
	if (span_eq(key, SPAN_LIT("ceiling")))
		return take_number(value, &s->ceiling);
	if (span_eq(key, SPAN_LIT("keyword")))
		return take_keyword(s, value);
	return true; /* of a later version */
}

bool
maildir_state_parse(struct maildir_state *s, struct span text)
{
	bool ok;

	*s = (struct maildir_state){0};
	ok = span_eq(span_cut(&text, '\n'), SPAN_LIT(STATE_HEAD));
	while (ok && text.n > 0)
		ok = take_line(s, span_cut(&text, '\n'));
	if (ok && s->uidvalidity > 0 && s->ceiling > 0 && s->tag[0] != '\0')
		return true;
	maildir_state_fini(s);
	return false;
}

/* Can a client be told it as a flag (RFC 3501 9, atom)? */
static bool
is_keyword(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f ||
		    strchr("(){%*\"\\]", name.p[i]) != NULL)
			return false;
	return name.n > 0 && name.n <= MAILDIR_KEYWORD_MAX;
}

static bool
is_named(const struct maildir_state *s, struct span name)
{
	unsigned i = 0;

	while (i < MAILDIR_KEYWORDS &&
	       (s->keywords[i] == NULL ||
		   !span_eq_ci(span_of(s->keywords[i]), name)))
		i++;
	return i < MAILDIR_KEYWORDS;
}

void
maildir_state_take_foreign(struct maildir_state *s, struct span text)
{
	size_t end;

	while ((end = span_find(text, '\n')) < text.n) {
		struct span name = span_head(text, end);
		struct span number = span_cut(&name, ' ');
		uint64_t i;

		text = span_from(text, end + 1);
		if (num_range(number, 0, MAILDIR_KEYWORDS - 1, &i) &&
		    s->keywords[i] == NULL && is_keyword(name) &&
		    !is_named(s, name))
			s->keywords[i] = span_dup(name);
	}
}

void
maildir_state_put(const struct maildir_state *s, struct buf *b)
{
	buf_putf(b, STATE_HEAD "\nuidvalidity %u\ntag %s\nceiling %u\n",
	    s->uidvalidity, s->tag, s->ceiling);
	for (size_t i = 0; i < MAILDIR_KEYWORDS; i++)
		if (s->keywords[i] != NULL)
			buf_putf(b, "keyword %c %s\n", (char)('a' + i),
			    s->keywords[i]);
}

/* RC_OK with nothing in b: there is none. */
static enum rc
read_small(int dir, const char *name, struct buf *b, struct why *why)
{
	int fd = io_open_read(dir, name);
	enum rc rc;

	if (fd < 0 && errno == ENOENT)
		return RC_OK;
	if (fd < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "%s", name);
	rc = io_read_file(fd, b, why);
	io_close(&fd);
	return rc;
}

static void
stamp(int top, struct maildir_state *s)
{
	struct stat st;

	if (fstatat(top, STATE_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
		st = (struct stat){0};
	s->ino = st.st_ino;
	s->mtime_ns =
	    (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

bool
maildir_state_current(int top, const struct maildir_state *s)
{
	struct maildir_state now = {0};

	stamp(top, &now);
	return now.ino == s->ino && now.mtime_ns == s->mtime_ns;
}

enum rc
maildir_state_load(int top, struct maildir_state *s, struct why *why)
{
	struct maildir_state fresh = {0};
	struct buf b;
	enum rc rc;

	buf_init(&b, STATE_MAX);
	rc = read_small(top, STATE_NAME, &b, why);
	if (rc == RC_OK) {
		if (b.n > 0 && !maildir_state_parse(&fresh, buf_span(&b)))
			/* kept for who wants to know; if not, it is replaced */
			(void)renameat(top, STATE_NAME, top, DAMAGED_NAME);
		stamp(top, &fresh);
		maildir_state_fini(s);
		*s = fresh;
	}
	buf_fini(&b);
	return rc;
}

enum rc
maildir_state_foreign(int top, struct maildir_state *s, struct why *why)
{
	int fd = io_open_read(top, FOREIGN_NAME);
	char *text;
	size_t got;
	enum rc rc = RC_OK;

	if (fd < 0 && (errno == EIO || errno == EMFILE || errno == ENFILE ||
			  errno == ENOMEM))
		return why_sys(why, RC_TEMP, "4.3.0", FOREIGN_NAME);
	if (fd < 0)
		return RC_OK;
	text = mem_alloc(STATE_MAX);
	if (io_pread_all(fd, text, STATE_MAX, 0, &got))
		maildir_state_take_foreign(s, span_make(text, got));
	else
		rc = why_sys(why, RC_TEMP, "4.3.0", FOREIGN_NAME);
	free(text);
	io_close(&fd);
	return rc;
}

enum rc
maildir_state_save(int top, struct maildir_state *s, struct why *why)
{
	struct buf b;
	enum rc rc;

	buf_init(&b, STATE_MAX);
	maildir_state_put(s, &b);
	rc = durable_replace(top, STATE_NAME, buf_span(&b), why);
	stamp(top, s);
	buf_fini(&b);
	return rc;
}

enum rc
maildir_state_lock(
    int top, struct span boot, int *lock, uint32_t *next, struct why *why)
{
	char text[128];
	struct span rest;
	uint64_t wide;
	size_t got;

	*next = 0;
	*lock = openat(top, NEXT_NAME,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (*lock < 0 && errno == EROFS)
		*lock = openat(top, NEXT_NAME,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (*lock < 0 || flock(*lock, LOCK_EX) < 0 ||
	    !io_pread_all(*lock, text, sizeof(text), 0, &got)) {
		why_sys(why, RC_TEMP, "4.3.0", "the mailbox's lock");
		io_close(lock);
		return RC_TEMP;
	}
	rest = span_make(text, got);
	if (span_eq(span_cut(&rest, ' '), boot) && boot.n > 0 &&
	    num_range(span_cut(&rest, '\n'), 1, UINT32_MAX, &wide))
		*next = (uint32_t)wide;
	return RC_OK;
}

bool
maildir_state_read_only(int lock)
{
	return (fcntl(lock, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

enum rc
maildir_state_reserve(
    int lock, struct span boot, uint32_t next, struct why *why)
{
	struct buf b;
	enum rc rc = RC_OK;

	buf_init(&b, 128);
	buf_put_span(&b, boot);
	/* what a longer one leaves behind the line end is not read */
	buf_putf(&b, " %u\n", next);
	if (b.over || pwrite(lock, b.p, b.n, 0) != (ssize_t)b.n)
		rc = why_sys(why, RC_TEMP, "4.3.0", "the mailbox's next UID");
	buf_fini(&b);
	return rc;
}

void
maildir_state_unlock(int *lock)
{
	io_close(lock);
}

static uint32_t
last_validity(struct span text)
{
	struct span line;
	uint64_t n;

	if (!span_eq(span_cut(&text, '\n'), SPAN_LIT(VALIDITY_HEAD)))
		return 0;
	line = span_cut(&text, '\n');
	if (!span_eq(span_cut(&line, ' '), SPAN_LIT("uidvalidity")) ||
	    !num_range(line, 1, UINT32_MAX - 1, &n))
		return 0;
	return (uint32_t)n;
}

enum rc
maildir_state_validity(int root, uint32_t *uidvalidity, struct why *why)
{
	uint32_t now = (uint32_t)(clock_real_us() / 1000000), last;
	struct buf b;
	enum rc rc;

	buf_init(&b, STATE_MAX);
	rc = read_small(root, VALIDITY_NAME, &b, why);
	last = last_validity(buf_span(&b));
	*uidvalidity = now > last ? now : last + 1;
	buf_clear(&b);
	buf_putf(&b, VALIDITY_HEAD "\nuidvalidity %u\n", *uidvalidity);
	if (rc == RC_OK)
		rc = durable_replace(root, VALIDITY_NAME, buf_span(&b), why);
	buf_fini(&b);
	return rc;
}

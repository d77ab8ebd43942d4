/*
 * Copies within one account: see mailbox.h. A copy is one more link to the
 * file, since nobody ever changes what is in one. Where the kernel allows no
 * link (a file of somebody else's that we may only read, a file system without
 * links) the bytes are copied.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/id.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/maildir/mailbox.h"
#include "lib/maildir/mailbox_lock.h"
#include "lib/base/banned.h"

#define CHUNK  65536
#define PASSES 3 /* a name that changes under our hands is looked for again */

/* The same flags there: a keyword may have another letter. */
static enum rc
translate(const struct maildir_mailbox *from, uint32_t flags,
    struct maildir_mailbox *to, uint32_t *out, struct why *why)
{
	enum rc rc = RC_OK;

	*out = flags & ~MAILDIR_KEYWORD_BITS;
	for (unsigned i = 0; i < MAILDIR_KEYWORDS && rc == RC_OK; i++) {
		const char *name = from->state.keywords[i];
		uint32_t bit;

		if ((flags & MAILDIR_KEYWORD(i)) == 0 || name == NULL)
			continue;
		/* where all letters are taken it is left out */
		rc =
		    maildir_mailbox_keyword(to, span_of(name), true, &bit, why);
		*out |= bit;
	}
	return rc;
}

static enum rc
link_as(const struct maildir_mailbox *from, const struct maildir_message *msg,
    struct maildir_mailbox *to, uint32_t flags, struct why *why)
{
	struct id id = id_new();
	struct maildir_name n;
	struct buf base, letters, name;
	enum rc rc = RC_OK;
	bool own;
	int r;

	buf_init(&base, 64);
	buf_init(&letters, 256);
	buf_init(&name, 512);
	buf_putf(&base, "%s.C", id.text);
	maildir_name_parse(span_of(msg->name), &n);
	maildir_flags_put(&letters, flags, SPAN_NONE);
	n.base = buf_span(&base);
	n.fields = SPAN_NONE;
	n.flags = buf_span(&letters);
	n.uid = to->next;
	n.tag = span_of(to->state.tag);
	maildir_name_put(&name, &n);
	own = maildir_mailbox_own(to) && to->next == to->known_next;
	r = linkat(
	    from->folders.cur, msg->name, to->folders.cur, buf_cstr(&name), 0);
	/* RC_WAIT: it can be had in no other way than by its bytes */
	if (r < 0 && (errno == EPERM || errno == EMLINK || errno == EXDEV ||
			 errno == EOPNOTSUPP))
		rc = RC_WAIT;
	else if (r < 0)
		rc = why_sys(why, errno == ENOENT ? RC_PERM : RC_TEMP,
		    errno == ENOSPC || errno == EDQUOT ? "4.3.1" : "4.3.0",
		    "link a message");
	maildir_mailbox_owned(to, own && r == 0);
	if (own && r == 0)
		/* into itself: msg has moved, perhaps, and is not used again */
		maildir_mailbox_sync_append(
		    to, span_dup(buf_span(&name)), false);
	buf_fini(&base);
	buf_fini(&letters);
	buf_fini(&name);
	return rc;
}

static enum rc
copy_once(struct maildir_mailbox *from, struct maildir_message *msg,
    struct maildir_mailbox *to, uint32_t *uid, struct why *why)
{
	uint32_t flags;
	/* before the lock, which a new keyword takes too */
	enum rc rc = translate(from, msg->flags, to, &flags, why);

	if (rc == RC_OK)
		rc = maildir_mailbox_lock(to, why);
	if (rc != RC_OK)
		return rc;
	if (maildir_mailbox_lock_room(to, 1, why) != RC_OK)
		rc = RC_TEMP;
	if (rc == RC_OK)
		rc = link_as(from, msg, to, flags, why);
	if (rc == RC_OK)
		*uid = to->next++;
	maildir_mailbox_lock_end(to);
	return rc;
}

static enum rc
copy_bytes(int from, struct maildir_adding *a, struct why *why)
{
	char *chunk = mem_alloc(CHUNK);
	size_t got = CHUNK;
	enum rc rc = RC_OK;

	while (rc == RC_OK && got == CHUNK) {
		if (!io_pread_all(from, chunk, CHUNK, (off_t)a->size, &got))
			rc = why_sys(why, RC_TEMP, "4.3.0", "read a message");
		else if (!io_write_all(a->file.fd, chunk, got))
			rc = why_sys(why, RC_TEMP,
			    errno == ENOSPC || errno == EDQUOT ? "4.3.1"
							       : "4.3.0",
			    "copy a message");
		else
			a->size += got;
	}
	free(chunk);
	return rc;
}

static enum rc
copy_whole(struct maildir_mailbox *from, struct maildir_message *msg,
    struct maildir_mailbox *to, uint32_t *uid, struct why *why)
{
	struct maildir_adding a;
	int fd;
	enum rc rc = maildir_mailbox_wire(from, msg, why);

	if (rc == RC_OK)
		rc = maildir_mailbox_read(from, msg, &fd, why);
	if (rc != RC_OK)
		return rc;
	rc = maildir_mailbox_add(to, &a, why);
	if (rc == RC_OK)
		rc = copy_bytes(fd, &a, why);
	if (rc == RC_OK)
		rc = translate(from, msg->flags, to, &a.flags, why);
	a.wire = msg->wire;
	a.date = msg->date;
	if (rc == RC_OK)
		rc = maildir_mailbox_add_commit(to, &a, uid, why);
	else
		maildir_mailbox_add_abort(to, &a);
	io_close(&fd);
	return rc;
}

enum rc
maildir_mailbox_copy(struct maildir_mailbox *from, struct maildir_message *msg,
    struct maildir_mailbox *to, uint32_t *uid, struct why *why)
{
	enum rc rc = copy_once(from, msg, to, uid, why);
	int fd;

	/* its name has changed: reading it looks for the new one */
	for (int i = 0; i < PASSES && rc == RC_PERM; i++) {
		rc = maildir_mailbox_read(from, msg, &fd, why);
		io_close(&fd);
		if (rc == RC_OK)
			rc = copy_once(from, msg, to, uid, why);
	}
	if (rc == RC_WAIT)
		return copy_whole(from, msg, to, uid, why);
	/* one that is there must not be left out as if it were gone */
	if (rc == RC_PERM && !msg->gone)
		return why_set(why, RC_TEMP, "4.3.0",
		    "a message changes its name too fast");
	return rc;
}

void
maildir_mailbox_copy_undo(struct maildir_mailbox *m, uint32_t uid)
{
	struct maildir_message *msg = maildir_mailbox_find(m, uid);
	struct why why;

	if (msg != NULL)
		(void)maildir_mailbox_remove(m, msg, &why); /* best effort */
}

enum rc
maildir_mailbox_copy_flush(const struct maildir_mailbox *m, struct why *why)
{
	if (durable_sync(m->folders.cur) < 0)
		return why_sys(
		    why, RC_TEMP, "4.3.0", "fsync of the mailbox's folder");
	return RC_OK;
}

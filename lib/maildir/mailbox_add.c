/*
 * New messages in a mailbox, by APPEND: see mailbox.h. They get their UID, and
 * their place in cur/, at once, since the client is told it.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "lib/base/id.h"
#include "lib/maildir/mailbox.h"
#include "lib/maildir/mailbox_lock.h"
#include "lib/base/banned.h"

enum rc
maildir_mailbox_add(
    struct maildir_mailbox *m, struct maildir_adding *a, struct why *why)
{
	struct id id = id_new();

	*a = (struct maildir_adding){.file.fd = -1};
	/* ".A": no delivery's name (maildir_name_ours) */
	(void)snprintf(a->base, sizeof(a->base), "%s.A", id.text);
	return durable_create(&m->durable, a->base, &a->file, why);
}

static enum rc
set_time(const struct maildir_adding *a, struct why *why)
{
	const struct timespec times[2] = {
	    {.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)a->date}};

	if (futimens(a->file.fd, times) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "time of the message");
	return RC_OK;
}

static enum rc
commit(struct maildir_mailbox *m, struct maildir_adding *a, struct why *why)
{
	struct maildir_name n = {.base = span_of(a->base),
	    .has_size = true,
	    .has_wire = true,
	    .size = a->size,
	    .wire = a->wire,
	    .uid = m->next,
	    .tag = span_of(m->state.tag)};
	struct buf letters, name;
	bool existed = false, own;
	enum rc rc;

	buf_init(&letters, 256);
	buf_init(&name, 512);
	maildir_flags_put(&letters, a->flags, SPAN_NONE);
	n.flags = buf_span(&letters);
	maildir_name_put(&name, &n);
	own = maildir_mailbox_own(m) && m->next == m->known_next;
	rc = durable_commit(
	    &m->durable, &a->file, buf_cstr(&name), &existed, why);
	maildir_mailbox_owned(m, own && rc == RC_OK && !existed);
	if (own && rc == RC_OK && !existed)
		maildir_mailbox_sync_append(
		    m, span_dup(buf_span(&name)), false);
	buf_fini(&letters);
	buf_fini(&name);
	return rc;
}

enum rc
maildir_mailbox_add_commit(struct maildir_mailbox *m, struct maildir_adding *a,
    uint32_t *uid, struct why *why)
{
	enum rc rc = set_time(a, why);

	*uid = 0;
	if (rc == RC_OK)
		rc = maildir_mailbox_lock(m, why);
	if (rc == RC_OK)
		rc = maildir_mailbox_lock_room(m, 1, why);
	if (rc == RC_OK)
		rc = commit(m, a, why);
	/* used up even so: its name may be there after a crash */
	if (m->lock >= 0)
		*uid = m->next++;
	maildir_mailbox_lock_end(m);
	durable_abort(&m->durable, &a->file);
	return rc;
}

void
maildir_mailbox_add_abort(struct maildir_mailbox *m, struct maildir_adding *a)
{
	durable_abort(&m->durable, &a->file);
}

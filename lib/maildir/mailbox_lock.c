/*
 * The right to give UIDs: see mailbox_lock.h.
 */
#include "lib/base/io.h"
#include "lib/maildir/mailbox_lock.h"
#include "lib/base/banned.h"

#define CEILING_STEP 1000

static void
make_tag(char *tag)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	unsigned char chance[MAILDIR_TAG_LEN];

	io_random(chance, sizeof(chance));
	for (size_t i = 0; i < MAILDIR_TAG_LEN; i++)
		tag[i] = digits[chance[i] % 36];
	tag[MAILDIR_TAG_LEN] = '\0';
}

/* A mailbox that has none: UIDs in its names, if any, are somebody else's. */
static enum rc
make_state(struct maildir_mailbox *m, struct why *why)
{
	enum rc rc =
	    maildir_state_validity(m->root, &m->state.uidvalidity, why);

	if (rc != RC_OK) {
		m->state.uidvalidity = 0;
		return rc;
	}
	make_tag(m->state.tag);
	m->state.ceiling = CEILING_STEP;
	/* the letters in the names of its files mean something already */
	rc = maildir_state_foreign(m->folders.top, &m->state, why);
	if (rc == RC_OK)
		rc = maildir_state_save(m->folders.top, &m->state, why);
	if (rc != RC_OK)
		maildir_state_fini(&m->state);
	return rc;
}

/* *made: it is new, so no UID has been given yet. */
static enum rc
take_state(struct maildir_mailbox *m, bool *made, struct why *why)
{
	uint32_t before = m->state.uidvalidity;
	enum rc rc;

	*made = false;
	if (before != 0 && maildir_state_current(m->folders.top, &m->state))
		return RC_OK;
	rc = maildir_state_load(m->folders.top, &m->state, why);
	if (rc != RC_OK)
		return rc;
	if (before != 0 && m->state.uidvalidity != before) {
		/* what clients were told holds no longer */
		m->broken = true;
		return why_set(why, RC_TEMP, "4.3.0",
		    "the mailbox's text file was changed by somebody else");
	}
	*made = m->state.uidvalidity == 0;
	return *made ? make_state(m, why) : RC_OK;
}

void
maildir_mailbox_lock_end(struct maildir_mailbox *m)
{
	maildir_state_unlock(&m->lock);
}

enum rc
maildir_mailbox_lock(struct maildir_mailbox *m, struct why *why)
{
	uint32_t next;
	bool made;
	enum rc rc;

	if (m->broken)
		return why_set(why, RC_TEMP, "4.3.0",
		    "the mailbox has become another one");
	rc = maildir_state_lock(
	    m->folders.top, span_of(m->boot), &m->lock, &next, why);
	if (rc != RC_OK)
		return rc;
	rc = take_state(m, &made, why);
	if (rc != RC_OK) {
		maildir_mailbox_lock_end(m);
		return rc;
	}
	if (next > 0) {
		if (next > m->next)
			m->next = next;
		return RC_OK;
	}
	/* nobody says: everything up to the ceiling may have been shown */
	if (!made && m->next <= m->state.ceiling)
		m->next = m->state.ceiling == UINT32_MAX ? UINT32_MAX
							 : m->state.ceiling + 1;
	/* where nothing can be written no UID is given, but all can be read */
	if (!maildir_state_read_only(m->lock))
		rc = maildir_state_reserve(
		    m->lock, span_of(m->boot), m->next, why);
	if (rc != RC_OK)
		maildir_mailbox_lock_end(m);
	return rc;
}

static enum rc
raise_ceiling(struct maildir_mailbox *m, uint64_t last, struct why *why)
{
	uint32_t before = m->state.ceiling;
	enum rc rc;

	if (last <= m->state.ceiling)
		return RC_OK;
	last += CEILING_STEP;
	m->state.ceiling = last > UINT32_MAX ? UINT32_MAX : (uint32_t)last;
	rc = maildir_state_save(m->folders.top, &m->state, why);
	if (rc != RC_OK)
		m->state.ceiling = before;
	return rc;
}

enum rc
maildir_mailbox_lock_room(struct maildir_mailbox *m, size_t n, struct why *why)
{
	uint64_t last = (uint64_t)m->next + n - 1;
	enum rc rc;

	if (last >= UINT32_MAX)
		return why_set(why, RC_PERM, "5.2.0",
		    "the mailbox has given all its UIDs");
	rc = raise_ceiling(m, last, why);
	if (rc == RC_OK)
		rc = maildir_state_reserve(
		    m->lock, span_of(m->boot), (uint32_t)(last + 1), why);
	return rc;
}

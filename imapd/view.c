/*
 * What a client knows of its mailbox: see view.h.
 */
#include <stdlib.h>

#include "imapd/msgflags.h"
#include "imapd/view.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

static void
grow(struct view *v, size_t n)
{
	if (n <= v->cap)
		return;
	v->cap = n + n / 4 + 64;
	v->uids = mem_grow(v->uids, v->cap * sizeof(*v->uids));
	v->flags = mem_grow(v->flags, v->cap * sizeof(*v->flags));
	v->recent = mem_grow(v->recent, v->cap * sizeof(*v->recent));
}

static uint32_t
known_keywords(const struct maildir_mailbox *m)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < MAILDIR_KEYWORDS; i++)
		if (m->state.keywords[i] != NULL)
			bits |= MAILDIR_KEYWORD(i);
	return bits;
}

/* Those behind the last one that is known; how many there were. */
static size_t
take_new(struct view *v)
{
	struct maildir_mailbox *m = v->box->m;
	size_t before = v->n;
	size_t i =
	    v->n == 0 ? 0 : maildir_mailbox_from(m, v->uids[v->n - 1] + 1);

	grow(v, v->n + (m->n - i));
	for (; i < m->n; i++) {
		struct maildir_message *msg = &m->v[i];

		if (msg->gone)
			continue;
		v->uids[v->n] = msg->uid;
		v->flags[v->n] = msg->flags;
		v->recent[v->n] = msg->recent;
		v->n_recent += msg->recent;
		/* RFC 3501 2.3.2: the first session is told, no other */
		if (!v->read_only)
			msg->recent = false;
		v->n++;
	}
	return v->n - before;
}

void
view_select(struct view *v, struct store_box *box, bool read_only)
{
	*v = (struct view){.box = box, .read_only = read_only};
	(void)take_new(v);
	v->seen = box->m->generation;
	v->keywords = known_keywords(box->m);
}

void
view_close(struct view *v, struct store *store)
{
	store_release(store, &v->box);
	free(v->uids);
	free(v->flags);
	free(v->recent);
	*v = (struct view){0};
}

/* A run of them at once: [from, to) */
static void
remove_run(struct view *v, size_t from, size_t to)
{
	size_t rest = v->n - to;

	for (size_t i = from; i < to; i++)
		v->n_recent -= v->recent[i];
	memmove(v->uids + from, v->uids + to, rest * sizeof(*v->uids));
	memmove(v->flags + from, v->flags + to, rest * sizeof(*v->flags));
	memmove(v->recent + from, v->recent + to, rest * sizeof(*v->recent));
	v->n = from + rest;
}

/*
 * The last first, so that the numbers before it stay. Runs are taken out
 * together: a mailbox that is emptied costs no square.
 */
static void
tell_expunges(struct view *v, struct buf *out)
{
	const struct maildir_mailbox *m = v->box->m;
	size_t i = v->n;

	while (i > 0) {
		size_t to = i;

		while (i > 0 && maildir_mailbox_find(m, v->uids[i - 1]) == NULL)
			buf_putf(out, "* %zu EXPUNGE\r\n", i--);
		if (to > i)
			remove_run(v, i, to);
		else
			i--;
	}
}

static void
tell_keywords(struct view *v, struct buf *out)
{
	const struct maildir_mailbox *m = v->box->m;
	uint32_t now = known_keywords(m);

	if (now == v->keywords)
		return;
	v->keywords = now;
	buf_puts(out, "* FLAGS (");
	msgflags_put_known(out, m);
	buf_puts(out, ")\r\n");
}

static void
tell_flags(struct view *v, bool with_uid, struct buf *out)
{
	struct maildir_mailbox *m = v->box->m;

	for (size_t i = 0; i < v->n; i++) {
		const struct maildir_message *msg =
		    maildir_mailbox_find(m, v->uids[i]);

		if (msg == NULL || msg->flags == v->flags[i])
			continue;
		v->flags[i] = msg->flags;
		buf_putf(out, "* %zu FETCH (", i + 1);
		if (with_uid)
			buf_putf(out, "UID %u ", msg->uid);
		buf_puts(out, "FLAGS ");
		msgflags_put(out, m, msg->flags, v->recent[i]);
		buf_puts(out, ")\r\n");
	}
}

enum rc
view_update(struct view *v, unsigned tell, struct buf *out, struct why *why)
{
	struct maildir_mailbox *m = v->box->m;
	enum rc rc = maildir_mailbox_sync(m, why);

	if (rc != RC_OK || m->generation == v->seen)
		return rc;
	if ((tell & VIEW_EXPUNGE) != 0)
		tell_expunges(v, out);
	if (take_new(v) > 0)
		buf_putf(
		    out, "* %zu EXISTS\r\n* %zu RECENT\r\n", v->n, v->n_recent);
	tell_keywords(v, out);
	tell_flags(v, (tell & VIEW_UID) != 0, out);
	/* what was not told now is looked for again */
	if ((tell & VIEW_EXPUNGE) != 0)
		v->seen = m->generation;
	return RC_OK;
}

struct maildir_message *
view_message(const struct view *v, uint32_t seq)
{
	if (seq == 0 || seq > v->n)
		return NULL;
	return maildir_mailbox_find(v->box->m, v->uids[seq - 1]);
}

uint32_t
view_seq_from(const struct view *v, uint32_t uid)
{
	size_t low = 0, high = v->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (v->uids[mid] < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return (uint32_t)low + 1;
}

uint32_t
view_seq(const struct view *v, uint32_t uid)
{
	uint32_t seq = view_seq_from(v, uid);

	return seq <= v->n && v->uids[seq - 1] == uid ? seq : 0;
}

uint32_t
view_last_uid(const struct view *v)
{
	return v->n == 0 ? 0 : v->uids[v->n - 1];
}

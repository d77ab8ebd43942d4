/*
 * SELECT, EXAMINE, CHECK, CLOSE (RFC 3501 6.3, 6.4), UNSELECT (RFC 3691),
 * EXPUNGE (RFC 3501 6.4.3, with UID RFC 4315).
 */
#include "imapd/command.h"
#include "imapd/msgflags.h"
#include "imapd/seqset.h"
#include "lib/base/banned.h"

static void
leave(struct session *s)
{
	view_close(&s->view, &s->account->store);
	s->state = SESSION_AUTH;
}

/* First message without \Seen, from 1; 0: none. */
static size_t
first_unseen(const struct view *v)
{
	for (size_t i = 0; i < v->n; i++)
		if ((v->flags[i] & MAILDIR_SEEN) == 0)
			return i + 1;
	return 0;
}

static void
put_permanent(struct buf *out, const struct view *v)
{
	const struct maildir_mailbox *m = v->box->m;

	buf_puts(out, "* OK [PERMANENTFLAGS (");
	if (!v->read_only) {
		msgflags_put_known(out, m);
		if (maildir_mailbox_keyword_room(m))
			buf_puts(out, " \\*");
	}
	buf_puts(out, v->read_only ? ")] Nothing can be changed\r\n"
				   : ")] Flags that stay\r\n");
}

/* RFC 3501 6.3.1: in this order, that of its example */
static void
put_mailbox(struct buf *out, const struct view *v)
{
	const struct maildir_mailbox *m = v->box->m;
	size_t unseen = first_unseen(v);

	buf_puts(out, "* FLAGS (");
	msgflags_put_known(out, m);
	buf_putf(
	    out, ")\r\n* %zu EXISTS\r\n* %zu RECENT\r\n", v->n, v->n_recent);
	if (unseen > 0)
		buf_putf(out, "* OK [UNSEEN %zu] First unseen\r\n", unseen);
	buf_putf(out, "* OK [UIDVALIDITY %u] UIDs are valid\r\n",
	    m->state.uidvalidity);
	buf_putf(out, "* OK [UIDNEXT %u] Next UID\r\n", m->next);
	put_permanent(out, v);
}

static enum step
enter(struct session *s, struct parse *p, bool read_only)
{
	const char *syntax = read_only ? "EXAMINE mailbox" : "SELECT mailbox";
	struct store_box *box;
	struct buf folder;
	struct why why;
	enum step step = STEP_DONE;

	/* RFC 3501 6.3.1: whether or not another one can be selected */
	leave(s);
	buf_init(&folder, COMMAND_FOLDER_MAX);
	if (!command_mailbox(s, p, &folder, syntax)) {
		buf_fini(&folder);
		return STEP_DONE;
	}
	if (!parse_end(p)) {
		step = command_syntax(s, syntax);
	} else if (store_acquire(&s->account->store, buf_span(&folder), &box,
		       &why) != RC_OK) {
		step = reply_why(s, &why);
	} else {
		view_select(&s->view, box, read_only);
		s->state = SESSION_SELECTED;
		put_mailbox(&s->out, &s->view);
		step =
		    reply(s, read_only ? REPLY_EXAMINED : REPLY_SELECTED, "");
	}
	buf_fini(&folder);
	return step;
}

enum step
cmd_select(struct session *s, struct parse *p)
{
	return enter(s, p, false);
}

enum step
cmd_examine(struct session *s, struct parse *p)
{
	return enter(s, p, true);
}

enum step
cmd_check(struct session *s, struct parse *p)
{
	if (!parse_end(p))
		return command_syntax(s, "CHECK");
	return reply(s, REPLY_DONE, "Check");
}

enum step
cmd_unselect(struct session *s, struct parse *p)
{
	if (!parse_end(p))
		return command_syntax(s, "UNSELECT");
	leave(s);
	return reply(s, REPLY_DONE, "Unselect");
}

/* Remove those of the view that are \Deleted, and in `set` if there is one. */
static enum rc
expunge(struct session *s, const struct seqset *set, struct why *why)
{
	struct cache *cache = s->account->store.cache;
	const struct view *v = &s->view;
	struct maildir_mailbox *m = v->box->m;
	enum rc rc = RC_OK;

	for (uint32_t seq = 1; seq <= v->n && rc == RC_OK; seq++) {
		struct maildir_message *msg = view_message(v, seq);

		if (msg == NULL || (msg->flags & MAILDIR_TRASHED) == 0 ||
		    (set != NULL && !seqset_has(set, seq)))
			continue;
		rc = maildir_mailbox_remove(m, msg, why);
		if (rc == RC_OK)
			cache_forget(cache, m, msg->uid);
		s->changed = true;
	}
	return rc;
}

enum step
cmd_close(struct session *s, struct parse *p)
{
	struct why why;

	if (!parse_end(p))
		return command_syntax(s, "CLOSE");
	/* those of the view only: what came since nobody has seen */
	if (!s->view.read_only &&
	    maildir_mailbox_sync(s->view.box->m, &why) == RC_OK &&
	    expunge(s, NULL, &why) != RC_OK) {
		leave(s);
		return reply_why(s, &why);
	}
	leave(s);
	return reply(s, REPLY_DONE, "Close");
}

enum step
cmd_expunge(struct session *s, struct parse *p)
{
	struct seqset set;
	struct why why;
	enum rc rc;

	seqset_init(&set);
	if (s->uid && !command_set(s, p, &set, "UID EXPUNGE set"))
		return STEP_DONE;
	if (!parse_end(p)) {
		seqset_fini(&set);
		return command_syntax(
		    s, s->uid ? "UID EXPUNGE set" : "EXPUNGE");
	}
	if (s->view.read_only) {
		seqset_fini(&set);
		return reply(s, REPLY_READ_ONLY, "");
	}
	rc = maildir_mailbox_sync(s->view.box->m, &why);
	if (rc == RC_OK)
		rc = expunge(s, s->uid ? &set : NULL, &why);
	seqset_fini(&set);
	return rc == RC_OK ? reply(s, REPLY_DONE, "Expunge")
			   : reply_why(s, &why);
}

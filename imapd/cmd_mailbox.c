/*
 * CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 6.3).
 */
#include <stdlib.h>

#include "imapd/command.h"
#include "imapd/name.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

static enum step
create(struct session *s, struct buf *folder)
{
	struct why why;

	/* the inbox is always there */
	if (folder->n > 0 &&
	    store_make(&s->account->store, buf_cstr(folder), &why) == RC_OK)
		return reply(s, REPLY_DONE, "Create");
	if (folder->n == 0 || why.rc == RC_PERM)
		return reply(s, REPLY_EXISTS, "");
	return reply_why(s, &why);
}

enum step
cmd_create(struct session *s, struct parse *p)
{
	struct span name;
	struct buf folder;
	enum step step;

	if (!parse_astring(p, &name) || !parse_end(p))
		return command_syntax(s, "CREATE mailbox");
	/* RFC 3501 6.3.3: it shall have others below it, as all can here */
	if (name.n > 1 && name.p[name.n - 1] == NAME_SEPARATOR)
		name = span_head(name, name.n - 1);
	buf_init(&folder, COMMAND_FOLDER_MAX);
	if (!name_to_folder(name, &folder))
		step = reply(s, REPLY_BAD_NAME, "");
	else
		step = create(s, &folder);
	buf_fini(&folder);
	return step;
}

static enum step delete (struct session *s, struct buf *folder) {
	const struct store_box *box = s->view.box; struct why why;

	    if (store_remove(&s->account->store, buf_cstr(folder), &why) !=
		RC_OK) return reply_why(s, &why);
	    /* other sessions are told and closed; this one knows */
	    s->changed = true;
	    if (box != NULL && box->folder == NULL){
		view_close(&s->view, &s->account->store);
		s->state = SESSION_AUTH;
}
return reply(s, REPLY_DONE, "Delete");
}

enum step
cmd_delete(struct session *s, struct parse *p)
{
	struct buf folder;
	enum step step;

	buf_init(&folder, COMMAND_FOLDER_MAX);
	if (!command_mailbox(s, p, &folder, "DELETE mailbox"))
		step = STEP_DONE;
	else if (!parse_end(p))
		step = command_syntax(s, "DELETE mailbox");
	else if (folder.n == 0)
		step = reply(s, REPLY_IS_INBOX, "");
	else
		step = delete (s, &folder);
	buf_fini(&folder);
	return step;
}

/* Copy them all, noting the UIDs of those that are there now. */
static enum rc
copy_all(struct maildir_mailbox *from, struct maildir_mailbox *to,
    uint32_t *copied, size_t *n, struct why *why)
{
	uint32_t uid;

	for (size_t i = 0; i < from->n; i++) {
		struct maildir_message *msg = &from->v[i];
		uint32_t old = msg->uid;
		enum rc rc = maildir_mailbox_copy(from, msg, to, &uid, why);

		if (rc == RC_OK)
			copied[(*n)++] = old;
		else if (!msg->gone)
			return RC_TEMP;
	}
	return maildir_mailbox_copy_flush(to, why);
}

/*
 * RFC 3501 6.3.5: its messages move, INBOX stays, and is empty. A message is
 * removed here only when it is there for good.
 */
static enum rc
move_inbox(struct store *store, const char *folder, struct why *why)
{
	struct store_box *inbox = NULL, *to = NULL;
	enum rc rc = store_make(store, folder, why);
	uint32_t *copied = NULL;
	size_t n = 0;

	if (rc == RC_OK)
		rc = store_acquire(store, SPAN_LIT(""), &inbox, why);
	if (rc == RC_OK)
		rc = store_acquire(store, span_of(folder), &to, why);
	if (rc == RC_OK) {
		copied = mem_alloc((inbox->m->n + 1) * sizeof(*copied));
		rc = copy_all(inbox->m, to->m, copied, &n, why);
	}
	for (size_t i = 0; rc == RC_OK && i < n; i++) {
		struct maildir_message *msg =
		    maildir_mailbox_find(inbox->m, copied[i]);

		if (msg != NULL)
			rc = maildir_mailbox_remove(inbox->m, msg, why);
	}
	free(copied);
	store_release(store, &inbox);
	store_release(store, &to);
	return rc;
}

static enum step
rename_to(struct session *s, struct buf *from, struct buf *to)
{
	struct store *store = &s->account->store;
	struct why why;
	enum rc rc;

	if (to->n == 0)
		return reply(s, REPLY_EXISTS, "");
	if (from->n == 0)
		rc = move_inbox(store, buf_cstr(to), &why);
	else
		rc = store_rename(store, buf_cstr(from), buf_cstr(to), &why);
	s->changed = true;
	if (rc == RC_OK)
		return reply(s, REPLY_DONE, "Rename");
	if (rc == RC_PERM && from->n == 0)
		return reply(s, REPLY_EXISTS, "");
	return reply_why(s, &why);
}

enum step
cmd_rename(struct session *s, struct parse *p)
{
	static const char syntax[] = "RENAME mailbox new-name";
	struct buf from, to;
	enum step step = STEP_DONE;

	buf_init(&from, COMMAND_FOLDER_MAX);
	buf_init(&to, COMMAND_FOLDER_MAX);
	if (!command_mailbox(s, p, &from, syntax))
		step = STEP_DONE;
	else if (!parse_char(p, ' '))
		step = command_syntax(s, syntax);
	else if (command_mailbox(s, p, &to, syntax))
		step = parse_end(p) ? rename_to(s, &from, &to)
				    : command_syntax(s, syntax);
	buf_fini(&from);
	buf_fini(&to);
	return step;
}

static enum step
subscribe(struct session *s, struct parse *p, bool on)
{
	const char *syntax = on ? "SUBSCRIBE mailbox" : "UNSUBSCRIBE mailbox";
	struct buf folder;
	struct why why;
	enum step step;

	buf_init(&folder, COMMAND_FOLDER_MAX);
	if (!command_mailbox(s, p, &folder, syntax))
		step = STEP_DONE;
	else if (!parse_end(p))
		step = command_syntax(s, syntax);
	else if (maildir_tree_subscribe(s->account->store.root,
		     buf_cstr(&folder), on, &why) == RC_OK)
		step = reply(s, REPLY_DONE, on ? "Subscribe" : "Unsubscribe");
	else
		step = reply_why(s, &why);
	buf_fini(&folder);
	return step;
}

enum step
cmd_subscribe(struct session *s, struct parse *p)
{
	return subscribe(s, p, true);
}

enum step
cmd_unsubscribe(struct session *s, struct parse *p)
{
	return subscribe(s, p, false);
}

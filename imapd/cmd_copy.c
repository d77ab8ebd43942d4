/*
 * COPY (RFC 3501 6.4.7), MOVE (RFC 6851), with COPYUID (RFC 4315). All are
 * copied or none; of a move nothing is removed before its copy is durable.
 */
#include "imapd/command.h"
#include "imapd/seqset.h"
#include "lib/base/banned.h"

struct job {
	struct session *s;
	struct seqset set;    /* sequence numbers that are asked for */
	struct seqset copied; /* those that were there */
	struct seqset from;   /* their UIDs */
	struct seqset to;     /* and those of the copies */
	struct store_box *box;
};

static void
job_fini(struct job *j)
{
	seqset_fini(&j->set);
	seqset_fini(&j->copied);
	seqset_fini(&j->from);
	seqset_fini(&j->to);
	store_release(&j->s->account->store, &j->box);
}

static void
undo(struct job *j)
{
	struct why why;

	if (maildir_mailbox_sync(j->box->m, &why) != RC_OK)
		return;
	for (uint32_t uid = seqset_next(&j->to, 1); uid != 0;
	     uid = seqset_next(&j->to, uid + 1))
		maildir_mailbox_copy_undo(j->box->m, uid);
}

static enum rc
copy_all(struct job *j, struct why *why)
{
	const struct view *v = &j->s->view;
	enum rc rc = RC_OK;

	for (uint32_t seq = seqset_next(&j->set, 1); seq != 0 && rc != RC_TEMP;
	     seq = seqset_next(&j->set, seq + 1)) {
		struct maildir_message *msg = view_message(v, seq);
		uint32_t uid;

		/* one that is gone by now cannot be copied, others can */
		rc = msg == NULL ? RC_PERM
				 : maildir_mailbox_copy(
				       v->box->m, msg, j->box->m, &uid, why);
		if (rc != RC_OK)
			continue;
		seqset_add(&j->copied, seq);
		seqset_add(&j->from, v->uids[seq - 1]);
		seqset_add(&j->to, uid);
	}
	if (rc != RC_TEMP && j->to.n > 0)
		rc = maildir_mailbox_copy_flush(j->box->m, why);
	if (rc != RC_TEMP)
		return RC_OK;
	undo(j);
	return RC_TEMP;
}

static void
put_code(const struct job *j, struct buf *b)
{
	buf_putf(b, "%u ", j->box->m->state.uidvalidity);
	seqset_put(&j->from, b);
	buf_putc(b, ' ');
	seqset_put(&j->to, b);
}

static enum rc
remove_moved(struct job *j, struct why *why)
{
	struct session *s = j->s;
	const struct view *v = &s->view;
	enum rc rc = RC_OK;

	for (uint32_t seq = seqset_next(&j->copied, 1); seq != 0 && rc == RC_OK;
	     seq = seqset_next(&j->copied, seq + 1)) {
		struct maildir_message *msg = view_message(v, seq);

		if (msg == NULL)
			continue;
		rc = maildir_mailbox_remove(v->box->m, msg, why);
		cache_forget(
		    s->account->store.cache, v->box->m, v->uids[seq - 1]);
	}
	return rc;
}

static enum step
finish(struct job *j, bool move)
{
	struct session *s = j->s;
	enum step step;
	struct why why;
	struct buf code;

	if (j->to.n == 0)
		return reply(s, REPLY_GONE, "");
	buf_init(&code, 1U << 20);
	put_code(j, &code);
	s->changed = true;
	if (!move) {
		step = reply(s, REPLY_COPIED, buf_cstr(&code));
	} else {
		/* RFC 6851 4.3: before the EXPUNGEs */
		buf_putf(
		    &s->out, "* OK [COPYUID %s] Moved\r\n", buf_cstr(&code));
		step = remove_moved(j, &why) == RC_OK
			   ? reply(s, REPLY_DONE, "Move")
			   : reply_why(s, &why);
	}
	buf_fini(&code);
	return step;
}

static enum step
run(struct job *j, struct span folder, bool move)
{
	struct session *s = j->s;
	struct why why;
	enum rc rc;

	if (move && s->view.read_only)
		return reply(s, REPLY_READ_ONLY, "");
	rc = store_acquire(&s->account->store, folder, &j->box, &why);
	if (rc == RC_PERM && span_eq(span_of(why.status), SPAN_LIT("5.1.1")))
		return reply(s, REPLY_TRYCREATE, "");
	if (rc != RC_OK)
		return reply_why(s, &why);
	/* into itself: nothing is to be done, nothing may be removed */
	if (move && j->box == s->view.box)
		return reply(s, REPLY_CANNOT,
		    "The messages are in that mailbox already");
	if (copy_all(j, &why) != RC_OK)
		return reply_why(s, &why);
	return finish(j, move);
}

static enum step
copy(struct session *s, struct parse *p, bool move)
{
	const char *syntax = move ? "MOVE set mailbox" : "COPY set mailbox";
	struct job j = {.s = s};
	struct buf folder;
	enum step step = STEP_DONE;

	buf_init(&folder, COMMAND_FOLDER_MAX);
	if (!command_set(s, p, &j.set, syntax))
		step = STEP_DONE;
	else if (!parse_char(p, ' '))
		step = command_syntax(s, syntax);
	else if (command_mailbox(s, p, &folder, syntax))
		step = parse_end(p) ? run(&j, buf_span(&folder), move)
				    : command_syntax(s, syntax);
	job_fini(&j);
	buf_fini(&folder);
	return step;
}

enum step
cmd_copy(struct session *s, struct parse *p)
{
	return copy(s, p, false);
}

enum step
cmd_move(struct session *s, struct parse *p)
{
	return copy(s, p, true);
}

/*
 * COPY (RFC 3501 6.4.7), MOVE (RFC 6851), with COPYUID (RFC 4315). All are
 * copied or none; of a move nothing is removed before its copy is durable. In
 * slices, so that other connections of the account have their turn: they may
 * see copies of which the client has not been told yet, and that are taken
 * back if it fails.
 */
#include <stdlib.h>

#include "imapd/command.h"
#include "imapd/seqset.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

/* work before another connection has its turn */
#define SLICE_MS 50
#define SLICE_N  64

struct copy {
	bool move;
	bool removing;        /* the copies are durable, and were told */
	uint32_t seq;         /* at hand; 0: no more */
	struct seqset set;    /* sequence numbers that are asked for */
	struct seqset copied; /* those that were there */
	struct seqset from;   /* their UIDs */
	struct seqset to;     /* and those of the copies */
	struct store_box *box;
};

static void
undo(struct copy *c)
{
	struct why why;

	if (maildir_mailbox_sync(c->box->m, &why) != RC_OK)
		return;
	for (uint32_t uid = seqset_next(&c->to, 1); uid != 0;
	     uid = seqset_next(&c->to, uid + 1))
		maildir_mailbox_copy_undo(c->box->m, uid);
	seqset_fini(&c->to);
}

static enum rc
remove_one(struct session *s, struct why *why)
{
	const struct view *v = &s->view;
	uint32_t seq = s->copy->seq;
	struct maildir_message *msg = view_message(v, seq);
	enum rc rc;

	if (msg == NULL)
		return RC_OK;
	rc = maildir_mailbox_remove(v->box->m, msg, why);
	cache_forget(s->account->store.cache, v->box->m, v->uids[seq - 1]);
	return rc;
}

static enum rc
copy_one(struct session *s, struct why *why)
{
	struct copy *c = s->copy;
	const struct view *v = &s->view;
	struct maildir_message *msg = view_message(v, c->seq);
	uint32_t uid;
	/* one that is gone by now cannot be copied, others can */
	enum rc rc = msg == NULL ? RC_PERM
				 : maildir_mailbox_copy(
				       v->box->m, msg, c->box->m, &uid, why);

	if (rc == RC_OK) {
		seqset_add(&c->copied, c->seq);
		seqset_add(&c->from, v->uids[c->seq - 1]);
		seqset_add(&c->to, uid);
	}
	return rc == RC_TEMP ? RC_TEMP : RC_OK;
}

/* RC_WAIT: its time is over, and there is more to do. */
static enum rc
slice(struct session *s, struct why *why)
{
	struct copy *c = s->copy;
	const struct seqset *set = c->removing ? &c->copied : &c->set;
	uint64_t until = clock_mono_ms() + SLICE_MS;
	unsigned n = 0;
	enum rc rc = RC_OK;

	while (c->seq != 0 && rc == RC_OK) {
		if (n++ == SLICE_N || clock_mono_ms() >= until)
			return RC_WAIT;
		rc = c->removing ? remove_one(s, why) : copy_one(s, why);
		c->seq = seqset_next(set, c->seq + 1);
	}
	return rc;
}

/* All are there: for good, once this returns RC_OK. */
static enum rc
settle(struct session *s, struct why *why)
{
	struct copy *c = s->copy;
	enum rc rc = maildir_mailbox_copy_flush(c->box->m, why);

	/* a mailbox that was removed meanwhile has taken them along */
	if (rc == RC_OK && !store_is_there(&s->account->store, c->box))
		rc = why_set(why, RC_PERM, "5.1.1", "the mailbox was removed");
	return rc;
}

void
cmd_copy_abandon(struct session *s)
{
	struct copy *c = s->copy;
	struct why why;

	if (c == NULL)
		return;
	/* what was begun is ended, or it was never there */
	while (c->removing && c->seq != 0 && slice(s, &why) == RC_WAIT)
		continue;
	if (!c->removing && c->to.n > 0)
		undo(c);
	seqset_fini(&c->set);
	seqset_fini(&c->copied);
	seqset_fini(&c->from);
	seqset_fini(&c->to);
	store_release(&s->account->store, &c->box);
	free(c);
	s->copy = NULL;
}

static void
put_code(const struct copy *c, struct buf *b)
{
	buf_putf(b, "%u ", c->box->m->state.uidvalidity);
	seqset_put(&c->from, b);
	buf_putc(b, ' ');
	seqset_put(&c->to, b);
}

/* They have been copied: that is told, and those of a move are removed. */
static enum step
copied(struct session *s)
{
	struct copy *c = s->copy;
	enum step step = STEP_MORE;
	struct buf code;

	buf_init(&code, 1U << 20);
	put_code(c, &code);
	s->changed = true;
	if (c->move)
		/* RFC 6851 4.3: before the EXPUNGEs */
		buf_putf(
		    &s->out, "* OK [COPYUID %s] Moved\r\n", buf_cstr(&code));
	else
		step = reply(s, REPLY_COPIED, buf_cstr(&code));
	buf_fini(&code);
	c->removing = true;
	c->seq = c->move ? seqset_next(&c->copied, 1) : 0;
	return step;
}

static enum step
copy_more(struct session *s)
{
	struct copy *c = s->copy;
	enum step step;
	struct why why;
	enum rc rc = slice(s, &why);

	if (rc == RC_WAIT)
		return STEP_MORE;
	if (rc == RC_OK && !c->removing && c->to.n > 0)
		rc = settle(s, &why);
	if (rc != RC_OK) {
		/* what is not removed by now stays in both */
		s->changed = s->changed || c->removing;
		c->seq = 0;
		step = reply_why(s, &why);
	} else if (c->removing) {
		s->changed = true;
		step = reply(s, REPLY_DONE, "Move");
	} else if (c->to.n == 0) {
		step = reply(s, REPLY_GONE, "");
	} else {
		step = copied(s);
	}
	if (step != STEP_MORE)
		cmd_copy_abandon(s);
	return step;
}

static enum step
run(struct session *s, struct span folder)
{
	struct copy *c = s->copy;
	struct why why;
	enum rc rc;

	if (c->move && s->view.read_only)
		return reply(s, REPLY_READ_ONLY, "");
	rc = store_acquire(&s->account->store, folder, &c->box, &why);
	if (rc == RC_PERM && span_eq(span_of(why.status), SPAN_LIT("5.1.1")))
		return reply(s, REPLY_TRYCREATE, "");
	if (rc != RC_OK)
		return reply_why(s, &why);
	/* into itself: nothing is to be done, nothing may be removed */
	if (c->move && c->box == s->view.box)
		return reply(s, REPLY_CANNOT,
		    "The messages are in that mailbox already");
	c->seq = seqset_next(&c->set, 1);
	s->more = copy_more;
	return STEP_MORE;
}

static enum step
copy(struct session *s, struct parse *p, bool move)
{
	const char *syntax = move ? "MOVE set mailbox" : "COPY set mailbox";
	struct buf folder;
	enum step step = STEP_DONE;

	s->copy = mem_alloc(sizeof(*s->copy));
	s->copy->move = move;
	buf_init(&folder, COMMAND_FOLDER_MAX);
	if (!command_set(s, p, &s->copy->set, syntax))
		step = STEP_DONE;
	else if (!parse_char(p, ' '))
		step = command_syntax(s, syntax);
	else if (command_mailbox(s, p, &folder, syntax))
		step = parse_end(p) ? run(s, buf_span(&folder))
				    : command_syntax(s, syntax);
	buf_fini(&folder);
	if (step != STEP_MORE)
		cmd_copy_abandon(s);
	return step == STEP_MORE ? copy_more(s) : step;
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

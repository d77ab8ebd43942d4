/*
 * STORE (RFC 3501 6.4.6).
 */
#include "imapd/command.h"
#include "imapd/msgflags.h"
#include "imapd/seqset.h"
#include "lib/base/banned.h"

static const char syntax[] = "STORE set [+|-]FLAGS[.SILENT] (flags)";

enum how {
	REPLACE,
	ADD,
	REMOVE
};

struct change {
	enum how how;
	bool silent;
	struct msgflags flags;
	uint32_t bits;
};

static bool
parse_change(struct parse *p, struct change *c)
{
	*c = (struct change){.how = REPLACE};
	if (parse_char(p, '+'))
		c->how = ADD;
	else if (parse_char(p, '-'))
		c->how = REMOVE;
	c->silent = parse_word(p, SPAN_LIT("FLAGS.SILENT"));
	if (!c->silent && !parse_word(p, SPAN_LIT("FLAGS")))
		return false;
	return parse_char(p, ' ') && msgflags_parse(p, true, &c->flags) &&
	       parse_end(p);
}

static uint32_t
less(const struct change *c)
{
	return c->how == REPLACE ? ~0U : c->how == REMOVE ? c->bits : 0;
}

static uint32_t
more(const struct change *c)
{
	return c->how == REMOVE ? 0 : c->bits;
}

static void
tell(struct session *s, uint32_t seq, const struct maildir_message *msg)
{
	struct view *v = &s->view;

	v->flags[seq - 1] = msg->flags;
	buf_putf(&s->out, "* %u FETCH (", seq);
	if (s->uid)
		buf_putf(&s->out, "UID %u ", msg->uid);
	buf_puts(&s->out, "FLAGS ");
	msgflags_put(&s->out, v->box->m, msg->flags, v->recent[seq - 1]);
	buf_puts(&s->out, ")\r\n");
}

/* *gone: some of them are not there any more. */
static enum rc
store(struct session *s, const struct seqset *set, const struct change *c,
    bool *gone, struct why *why)
{
	struct view *v = &s->view;
	enum rc rc = RC_OK;

	*gone = false;
	for (uint32_t seq = seqset_next(set, 1); seq != 0 && rc != RC_TEMP;
	     seq = seqset_next(set, seq + 1)) {
		struct maildir_message *msg = view_message(v, seq);

		rc = msg == NULL ? RC_PERM
				 : maildir_mailbox_flag(
				       v->box->m, msg, less(c), more(c), why);
		*gone = *gone || rc == RC_PERM;
		if (rc != RC_OK)
			continue;
		s->changed = true;
		if (c->silent)
			/* what others have changed is told all the same */
			v->flags[seq - 1] =
			    (v->flags[seq - 1] & ~less(c)) | more(c);
		else
			tell(s, seq, msg);
		if (seq == UINT32_MAX)
			break;
	}
	return rc == RC_TEMP ? RC_TEMP : RC_OK;
}

static enum step
run(struct session *s, const struct seqset *set, struct change *c)
{
	struct why why;
	bool gone;

	if (s->view.read_only)
		return reply(s, REPLY_READ_ONLY, "");
	switch (msgflags_bits(
	    &c->flags, s->view.box->m, c->how != REMOVE, &c->bits, &why)) {
	case RC_PERM:
		return reply(s, REPLY_LIMIT, why.text);
	case RC_TEMP:
	case RC_WAIT:
		return reply_why(s, &why);
	case RC_OK:
		break;
	}
	if (store(s, set, c, &gone, &why) != RC_OK)
		return reply_why(s, &why);
	return gone ? reply(s, REPLY_GONE, "") : reply(s, REPLY_DONE, "Store");
}

enum step
cmd_store(struct session *s, struct parse *p)
{
	struct seqset set;
	struct change c;
	enum step step;

	if (!command_set(s, p, &set, syntax))
		return STEP_DONE;
	step = parse_char(p, ' ') && parse_change(p, &c)
		   ? run(s, &set, &c)
		   : command_syntax(s, syntax);
	seqset_fini(&set);
	return step;
}

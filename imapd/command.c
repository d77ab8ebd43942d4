/*
 * The table of commands and its gate: see command.h.
 */
#include "imapd/command.h"
#include "imapd/name.h"
#include "imapd/seqset.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

enum {
	CMD_UID = 1,  /* may have UID in front */
	CMD_KEEPS = 2 /* sequence numbers stay while it is told (RFC 3501
			 7.4.1), but with UID in front */
};

static const struct command {
	struct span verb;
	enum session_state state;
	unsigned flags;
	command_handler *handler;
} commands[] = {
    {SPAN_LIT("CAPABILITY"), SESSION_ANY, 0, cmd_capability},
    {SPAN_LIT("NOOP"), SESSION_ANY, 0, cmd_noop},
    {SPAN_LIT("LOGOUT"), SESSION_ANY, 0, cmd_logout},
    {SPAN_LIT("ID"), SESSION_ANY, 0, cmd_id},
    {SPAN_LIT("STARTTLS"), SESSION_ANY, 0, cmd_logged_in},
    {SPAN_LIT("LOGIN"), SESSION_ANY, 0, cmd_logged_in},
    {SPAN_LIT("AUTHENTICATE"), SESSION_ANY, 0, cmd_logged_in},
    {SPAN_LIT("SELECT"), SESSION_ANY, 0, cmd_select},
    {SPAN_LIT("EXAMINE"), SESSION_ANY, 0, cmd_examine},
    {SPAN_LIT("CREATE"), SESSION_ANY, 0, cmd_create},
    {SPAN_LIT("DELETE"), SESSION_ANY, 0, cmd_delete},
    {SPAN_LIT("RENAME"), SESSION_ANY, 0, cmd_rename},
    {SPAN_LIT("SUBSCRIBE"), SESSION_ANY, 0, cmd_subscribe},
    {SPAN_LIT("UNSUBSCRIBE"), SESSION_ANY, 0, cmd_unsubscribe},
    {SPAN_LIT("LIST"), SESSION_ANY, 0, cmd_list},
    {SPAN_LIT("LSUB"), SESSION_ANY, 0, cmd_lsub},
    {SPAN_LIT("STATUS"), SESSION_ANY, 0, cmd_status},
    {SPAN_LIT("NAMESPACE"), SESSION_ANY, 0, cmd_namespace},
    {SPAN_LIT("IDLE"), SESSION_ANY, 0, cmd_idle},
    {SPAN_LIT("CHECK"), SESSION_SELECTED, 0, cmd_check},
    {SPAN_LIT("CLOSE"), SESSION_SELECTED, 0, cmd_close},
    {SPAN_LIT("UNSELECT"), SESSION_SELECTED, 0, cmd_unselect},
    {SPAN_LIT("EXPUNGE"), SESSION_SELECTED, CMD_UID, cmd_expunge},
    {SPAN_LIT("SEARCH"), SESSION_SELECTED, CMD_UID | CMD_KEEPS, cmd_search},
    {SPAN_LIT("FETCH"), SESSION_SELECTED, CMD_UID | CMD_KEEPS, cmd_fetch},
    {SPAN_LIT("STORE"), SESSION_SELECTED, CMD_UID | CMD_KEEPS, cmd_store},
    {SPAN_LIT("COPY"), SESSION_SELECTED, CMD_UID, cmd_copy},
    {SPAN_LIT("MOVE"), SESSION_SELECTED, CMD_UID, cmd_move},
};

static const struct command *
find(struct span verb)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (span_eq_ci(commands[i].verb, verb))
			return &commands[i];
	return NULL;
}

/* Bare CR, bare LF, NUL outside of literals: see what a literal may hold in
 * parse.c; here, that the first line has none. */
static bool
first_line_clean(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\r' && span_at(text, i + 1) == '\n')
			return true; /* a literal follows */
		if (text.p[i] == '\r' || text.p[i] == '\n' || text.p[i] == '\0')
			return false;
	}
	return true;
}

static enum step
dispatch(struct session *s, struct parse *p)
{
	const struct command *c;
	struct span verb;
	struct why why;

	if (!parse_atom(p, &verb))
		return reply(s, REPLY_NO_COMMAND, "");
	s->uid = span_eq_ci(verb, SPAN_LIT("UID"));
	if (s->uid && (!parse_char(p, ' ') || !parse_atom(p, &verb)))
		return reply(s, REPLY_NO_COMMAND, "");
	c = find(verb);
	if (c == NULL || (s->uid && (c->flags & CMD_UID) == 0))
		return reply(s, REPLY_UNKNOWN, "");
	if ((c->state & s->state) == 0)
		return reply(s, REPLY_WRONG_STATE, "");
	s->tell = s->uid ? VIEW_UID | VIEW_EXPUNGE : VIEW_EXPUNGE;
	if (!s->uid && (c->flags & CMD_KEEPS) != 0)
		s->tell = 0;
	/* arguments stand behind exactly one space */
	if (!parse_end(p) && !parse_char(p, ' '))
		return reply(s, REPLY_NO_COMMAND, "");
	/* what others have changed is one listing here, not one a message; why
	 * it cannot be read now is told at the end */
	if ((c->flags & CMD_UID) != 0)
		(void)maildir_mailbox_sync(s->view.box->m, &why);
	return c->handler(s, p);
}

enum step
command_news(struct session *s, unsigned tell)
{
	const struct store_box *box = s->view.box;
	struct why why;

	if (box == NULL)
		return STEP_DONE;
	if (box->folder == NULL) {
		buf_puts(&s->out, "* BYE The mailbox was deleted or moved\r\n");
		return STEP_CLOSE;
	}
	if (s->look)
		maildir_mailbox_stale(box->m);
	s->look = false;
	if (view_update(&s->view, tell, &s->out, &why) == RC_OK)
		return STEP_DONE;
	LOG(SESSION_ERROR, log_str(s->account->env.account), log_str("imap"),
	    log_str(why.text));
	if (!box->m->broken)
		return STEP_DONE;
	buf_puts(&s->out, "* BYE The mailbox was replaced by another one\r\n");
	return STEP_CLOSE;
}

/* RFC 3501 5.2: the reply comes behind the news */
enum step
command_finish(struct session *s)
{
	enum step step = command_news(s, s->tell);

	cache_flush(s->account->store.cache);
	buf_put_span(&s->out, buf_span(&s->last));
	buf_clear(&s->last);
	return step;
}

static enum step
take_tag(struct session *s, struct parse *p)
{
	struct span tag;

	s->tag[0] = '\0';
	if (!parse_tag(p, &tag) || !parse_char(p, ' '))
		return reply(s, REPLY_NO_COMMAND, "");
	(void)span_copy(tag, s->tag, sizeof(s->tag)); /* its bound */
	if (!first_line_clean(p->rest))
		return reply(s, REPLY_BAD_CONTROL, "");
	return dispatch(s, p);
}

enum step
command_run(struct session *s)
{
	enum step step;
	struct parse p;

	s->tell = VIEW_EXPUNGE;
	s->bad = false;
	parse_init(&p, buf_span(&s->input.text));
	step = take_tag(s, &p);
	parse_fini(&p);
	return step == STEP_DONE ? command_finish(s) : step;
}

enum step
command_more(struct session *s)
{
	enum step step = s->more(s);

	return step == STEP_DONE ? command_finish(s) : step;
}

void
command_abandon(struct session *s)
{
	cmd_append_abandon(s);
	cmd_copy_abandon(s);
	cmd_fetch_abandon(s);
	cmd_search_abandon(s);
}

enum step
command_syntax(struct session *s, const char *syntax)
{
	return reply(s, REPLY_SYNTAX, syntax);
}

bool
command_mailbox(
    struct session *s, struct parse *p, struct buf *folder, const char *syntax)
{
	struct span name;

	if (!parse_astring(p, &name)) {
		(void)command_syntax(s, syntax);
		return false;
	}
	if (name_to_folder(name, folder))
		return true;
	(void)reply(s, REPLY_BAD_NAME, "");
	return false;
}

/* Of a set of UIDs, those that the view has. */
static void
from_uids(const struct view *v, const struct seqset *uids, struct seqset *set)
{
	for (size_t i = 0; i < uids->n; i++) {
		uint32_t seq = view_seq_from(v, uids->v[i].from);

		while (seq <= v->n && v->uids[seq - 1] <= uids->v[i].to)
			seqset_add(set, seq++);
	}
}

bool
command_set(
    struct session *s, struct parse *p, struct seqset *set, const char *syntax)
{
	const struct view *v = &s->view;
	struct seqset uids;
	struct span text;

	seqset_init(set);
	if (!parse_set(p, &text)) {
		(void)command_syntax(s, syntax);
		return false;
	}
	if (!s->uid) {
		seqset_parse(set, text, (uint32_t)v->n);
		if (seqset_last(set) <= v->n)
			return true;
		seqset_fini(set);
		(void)command_syntax(s, "no message has that number");
		return false;
	}
	/* RFC 3501 6.4.8: a UID that is not there is passed over */
	seqset_init(&uids);
	seqset_parse(&uids, text, view_last_uid(v));
	from_uids(v, &uids, set);
	seqset_fini(&uids);
	return true;
}

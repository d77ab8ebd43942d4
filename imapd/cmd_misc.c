/*
 * Commands that touch no mailbox: CAPABILITY, NOOP, LOGOUT (RFC 3501 6.1), ID
 * (RFC 2971), NAMESPACE (RFC 2342), IDLE (RFC 2177).
 */
#include "imapd/capability.h"
#include "imapd/command.h"
#include "lib/base/banned.h"

enum step
cmd_capability(struct session *s, struct parse *p)
{
	if (!parse_end(p))
		return command_syntax(s, "CAPABILITY");
	buf_puts(&s->out, "* CAPABILITY ");
	capability_put(&s->out, CAPABILITY_SESSION);
	buf_puts(&s->out, "\r\n");
	return reply(s, REPLY_DONE, "Capability");
}

enum step
cmd_noop(struct session *s, struct parse *p)
{
	if (!parse_end(p))
		return command_syntax(s, "NOOP");
	return reply(s, REPLY_DONE, "Noop");
}

enum step
cmd_logout(struct session *s, struct parse *p)
{
	if (!parse_end(p))
		return command_syntax(s, "LOGOUT");
	buf_puts(&s->out, "* BYE Logging out\r\n");
	(void)reply(s, REPLY_LOGGED_OUT, "");
	buf_put_span(&s->out, buf_span(&s->last));
	return STEP_CLOSE;
}

/* What the client is called is not wanted here, but it may be any list. */
enum step
cmd_id(struct session *s, struct parse *p)
{
	struct span word;
	bool ok = parse_word(p, SPAN_LIT("NIL"));

	if (!ok && parse_char(p, '(')) {
		while (!parse_char(p, ')')) {
			(void)parse_char(p, ' ');
			if (!parse_string(p, &word) &&
			    !parse_word(p, SPAN_LIT("NIL")))
				return command_syntax(s, "ID NIL or a list");
		}
		ok = true;
	}
	if (!ok || !parse_end(p))
		return command_syntax(s, "ID NIL or a list");
	buf_puts(&s->out, "* ID (\"name\" \"Mailstead\")\r\n");
	return reply(s, REPLY_DONE, "Id");
}

enum step
cmd_namespace(struct session *s, struct parse *p)
{
	if (!parse_end(p))
		return command_syntax(s, "NAMESPACE");
	buf_puts(&s->out, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
	return reply(s, REPLY_DONE, "Namespace");
}

enum step
cmd_logged_in(struct session *s, struct parse *p)
{
	(void)p;
	return reply(s, REPLY_LOGGED_IN, "");
}

enum step
cmd_idle(struct session *s, struct parse *p)
{
	if (!parse_end(p))
		return command_syntax(s, "IDLE");
	buf_puts(&s->out, "+ idling\r\n");
	/* from now on only the watch tells: nothing may be owed */
	s->look = s->view.box != NULL && s->view.box->m->owed;
	return cmd_idle_news(s);
}

enum step
cmd_idle_news(struct session *s)
{
	enum step step = command_news(s, VIEW_EXPUNGE);

	return step == STEP_DONE ? STEP_IDLE : step;
}

enum step
cmd_idle_end(struct session *s)
{
	bool done = span_eq_ci(buf_span(&s->input.text), SPAN_LIT("DONE"));

	s->tell = VIEW_EXPUNGE;
	(void)reply(s, done ? REPLY_IDLE_DONE : REPLY_NOT_DONE, "");
	return command_finish(s);
}

/*
 * NOOP, QUIT, HELP: RFC 5321 4.1.1.8 to 4.1.1.10.
 */
#include "smtpd/command.h"
#include "smtpd/reply.h"
#include "lib/base/banned.h"

enum state
cmd_noop(struct session *s, struct span args)
{
	(void)args; /* RFC 5321 4.1.1.9: a string may follow, and is ignored */
	reply(s, REPLY_OK, SPAN_NONE);
	return s->state;
}

enum state
cmd_quit(struct session *s, struct span args)
{
	(void)args;
	reply(s, REPLY_BYE, SPAN_NONE);
	session_close(s);
	return ST_CLOSED;
}

enum state
cmd_help(struct session *s, struct span args)
{
	(void)args;
	reply(s, REPLY_HELP, SPAN_NONE);
	return s->state;
}

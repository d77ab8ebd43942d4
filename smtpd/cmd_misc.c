/*
 * NOOP, QUIT, VRFY, EXPN, HELP: RFC 5321 4.1.1.6 to 4.1.1.10.
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
cmd_vrfy(struct session *s, struct span args)
{
	/* who exists is told at RCPT, where trying has a price */
	if (args.n == 0)
		reply(s, REPLY_SYNTAX, SPAN_LIT("VRFY string"));
	else
		reply(s, REPLY_VRFY, SPAN_NONE);
	return s->state;
}

enum state
cmd_expn(struct session *s, struct span args)
{
	(void)args;
	reply(s, REPLY_NOT_DONE, SPAN_NONE);
	return s->state;
}

enum state
cmd_help(struct session *s, struct span args)
{
	(void)args;
	reply(s, REPLY_HELP, SPAN_NONE);
	return s->state;
}

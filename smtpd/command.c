/*
 * The table of commands and its gate: see command.h.
 */
#include "smtpd/command.h"
#include "smtpd/refusal.h"
#include "smtpd/reply.h"
#include "lib/base/banned.h"

enum {
	CMD_NO_ARGS = 1,    /* RFC 5321 4.1.1: takes no parameter */
	CMD_NEEDS_AUTH = 2, /* on the submission services */
	CMD_TOLD = 4,       /* the history hears when it is refused */
	CMD_LAST = 8,       /* RFC 2920 3.1: its reply is waited for */
	CMD_JUNK = 16       /* brings no mail */
};

static const struct command {
	struct span verb;
	unsigned states;
	unsigned flags;
	command_handler *handler;
} commands[] = {
    {SPAN_LIT("EHLO"), ST_ANY, CMD_LAST | CMD_JUNK, cmd_ehlo},
    {SPAN_LIT("HELO"), ST_ANY, CMD_LAST | CMD_JUNK, cmd_helo},
    {SPAN_LIT("LHLO"), ST_ANY, CMD_LAST | CMD_JUNK, cmd_lhlo},
    {SPAN_LIT("XCLIENT"), ST_NEW | ST_GREETED, CMD_LAST | CMD_JUNK,
	cmd_xclient},
    {SPAN_LIT("MAIL"), ST_GREETED, CMD_NEEDS_AUTH | CMD_TOLD, cmd_mail},
    {SPAN_LIT("RCPT"), ST_MAIL | ST_RCPT, CMD_TOLD, cmd_rcpt},
    {SPAN_LIT("DATA"), ST_RCPT, CMD_NO_ARGS | CMD_TOLD | CMD_LAST, cmd_data},
    /* whatever the state, its octets have to be read */
    {SPAN_LIT("BDAT"), ST_ANY, CMD_TOLD, cmd_bdat},
    {SPAN_LIT("RSET"), ST_ANY, CMD_NO_ARGS | CMD_JUNK, cmd_rset},
    {SPAN_LIT("STARTTLS"), ST_NEW | ST_GREETED, CMD_NO_ARGS, cmd_starttls},
    {SPAN_LIT("AUTH"), ST_GREETED, 0, cmd_auth},
    {SPAN_LIT("NOOP"), ST_ANY, CMD_JUNK, cmd_noop},
    {SPAN_LIT("VRFY"), ST_ANY, CMD_NEEDS_AUTH | CMD_JUNK, cmd_vrfy},
    {SPAN_LIT("EXPN"), ST_ANY, CMD_NEEDS_AUTH | CMD_JUNK, cmd_expn},
    {SPAN_LIT("HELP"), ST_ANY, CMD_JUNK, cmd_help},
    {SPAN_LIT("QUIT"), ST_ANY, CMD_NO_ARGS, cmd_quit},
};

static const struct command *
find(struct span verb)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (span_eq_ci(commands[i].verb, verb))
			return &commands[i];
	return NULL;
}

/*
 * Does the client go on before it can know the reply? So do programs that only
 * throw mail at a server, and those who hide commands in another protocol.
 */
static bool
talks_early(const struct session *s, const struct command *c)
{
	return (c->flags & CMD_LAST) != 0 && s->behind &&
	       s->service != SERVICE_LOCAL &&
	       !s->server->w->conf->smtpd.early_talkers;
}

/* It may come now; but may it be done? */
static void
run(struct session *s, const struct command *c, struct span args)
{
	enum state next;

	if ((c->flags & CMD_JUNK) != 0 &&
	    s->junk++ >= s->server->w->conf->smtpd.max_junk)
		session_error(s);
	if (s->state == ST_CLOSED)
		return;
	if ((c->flags & CMD_TOLD) != 0)
		refusal_watch(s, c->verb.p, args);
	if (talks_early(s, c)) {
		reply(s, REPLY_EARLY_TALKER, c->verb);
		session_close(s);
	} else if ((c->flags & CMD_NO_ARGS) != 0 && args.n > 0) {
		reply(s, REPLY_SYNTAX, c->verb);
	} else if ((c->flags & CMD_NEEDS_AUTH) != 0 &&
		   session_is_submission(s) && s->login == NULL) {
		reply(s, REPLY_NEED_AUTH, SPAN_NONE);
	} else {
		next = c->handler(s, args);
		/* a handler may have ended the session */
		if (s->state != ST_CLOSED)
			s->state = next;
	}
	refusal_watch(s, NULL, SPAN_NONE);
}

void
command_dispatch(struct session *s, struct span line)
{
	struct span args = line, verb = span_cut(&args, ' ');
	const struct command *c = find(verb);

	if (span_find(line, '\r') < line.n || span_find(line, '\n') < line.n ||
	    span_find(line, '\0') < line.n)
		reply(s, REPLY_BARE_CONTROL, SPAN_NONE);
	else if (c == NULL)
		reply(s, REPLY_UNKNOWN, SPAN_NONE);
	else if ((c->states & s->state) == 0)
		reply(s, REPLY_BAD_SEQUENCE, SPAN_NONE);
	else
		run(s, c, span_trim(args));
}

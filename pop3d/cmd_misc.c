/*
 * DELE, RSET, NOOP, QUIT (RFC 1939 sections 5 and 6), CAPA (RFC 2449).
 */
#include "lib/log/log.h"
#include "pop3d/command.h"
#include "pop3d/reply.h"
#include "lib/base/banned.h"

void
cmd_dele(struct session *s, const struct command_args *args)
{
	drop_delete(&s->drop, args->message);
	reply(s, REPLY_MARKED, "");
}

void
cmd_rset(struct session *s, const struct command_args *args)
{
	(void)args;
	drop_reset(&s->drop);
	reply(s, REPLY_OK, "No message is marked");
}

void
cmd_noop(struct session *s, const struct command_args *args)
{
	(void)args;
	reply(s, REPLY_OK, "");
}

void
cmd_capa(struct session *s, const struct command_args *args)
{
	(void)args;
	reply(s, REPLY_CAPA, "");
	/* RFC 2449 section 5: what held before log-in may be left out now */
	stream_write(s->stream,
	    SPAN_LIT("TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
		     "PIPELINING\r\nEXPIRE NEVER\r\n.\r\n"));
}

static void
update(struct session *s)
{
	s->removed = s->drop.n - s->drop.left;
	s->rc = drop_update(&s->drop, &s->why);
}

static void
updated(struct session *s)
{
	if (s->rc != RC_OK)
		LOG(SESSION_ERROR, log_str(s->account->env.account),
		    log_str("pop3"), log_str(s->why.text));
	/* before the answer: the client may come again at once */
	drop_close(&s->drop);
	reply(s, s->rc == RC_OK ? REPLY_BYE : REPLY_NOT_REMOVED, "");
	session_close(s);
}

void
cmd_quit(struct session *s, const struct command_args *args)
{
	(void)args;
	s->state = SESSION_UPDATE;
	session_start(s, update, updated);
}

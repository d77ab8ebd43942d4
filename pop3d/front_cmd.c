/*
 * The table of commands before log-in and its gate: see front_cmd.h. CAPA
 * (RFC 2449), STLS (RFC 2595), QUIT.
 */
#include "pop3d/front_cmd.h"
#include "pop3d/front_reply.h"
#include "lib/base/banned.h"

enum {
	CMD_NO_ARGS = 1,
	CMD_LOGIN = 2 /* takes a password: not in clear, unless allowed */
};

static enum pop3_state
capa(struct pop3 *p, struct span args)
{
	struct buf b;

	(void)args;
	front_reply(p, FRONT_REPLY_CAPA, SPAN_NONE);
	buf_init(&b, 512);
	buf_puts(&b, "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
		     "PIPELINING\r\nEXPIRE NEVER\r\n");
	if (front_may_start_tls(&p->front))
		buf_puts(&b, "STLS\r\n");
	if (front_may_login(&p->front)) {
		buf_puts(&b, "USER\r\nSASL");
		front_sasl_put(&p->front, &b, " ");
		buf_puts(&b, "\r\n");
	}
	buf_puts(&b, ".\r\n");
	stream_write(p->front.client, buf_span(&b));
	buf_fini(&b);
	return p->state;
}

static enum pop3_state
stls(struct pop3 *p, struct span args)
{
	(void)args;
	if (stream_tls(p->front.client) != NULL) {
		front_reply(p, FRONT_REPLY_TLS_ALREADY, SPAN_NONE);
		return p->state;
	}
	if (p->front.server->tls == NULL) {
		front_reply(p, FRONT_REPLY_NO_TLS, SPAN_NONE);
		return p->state;
	}
	front_reply(p, FRONT_REPLY_START_TLS, SPAN_NONE);
	/* RFC 2595 section 4: what came in clear behind STLS is thrown away */
	stream_start_tls(p->front.client, p->front.server->tls);
	return POP3_GREETED;
}

static enum pop3_state
quit(struct pop3 *p, struct span args)
{
	(void)args;
	front_reply(p, FRONT_REPLY_BYE, SPAN_NONE);
	front_close(&p->front);
	return p->state;
}

static const struct command {
	struct span verb;
	unsigned states;
	unsigned flags;
	front_cmd *handler;
} commands[] = {
    {SPAN_LIT("CAPA"), POP3_COMMANDS, CMD_NO_ARGS, capa},
    {SPAN_LIT("STLS"), POP3_COMMANDS, CMD_NO_ARGS, stls},
    {SPAN_LIT("USER"), POP3_COMMANDS, CMD_LOGIN, front_auth_user},
    {SPAN_LIT("PASS"), POP3_USER, CMD_LOGIN, front_auth_pass},
    {SPAN_LIT("AUTH"), POP3_COMMANDS, CMD_LOGIN, front_auth_sasl},
    {SPAN_LIT("QUIT"), POP3_COMMANDS, CMD_NO_ARGS, quit},
};

static const struct command *
find(struct span verb)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (span_eq_ci(commands[i].verb, verb))
			return &commands[i];
	return NULL;
}

void
front_cmd_dispatch(struct pop3 *p, struct span line)
{
	struct span args = line, verb = span_cut(&args, ' ');
	const struct command *c = find(verb);

	if (!line_is_clean(line))
		front_reply(p, FRONT_REPLY_BARE_CONTROL, SPAN_NONE);
	else if (c == NULL)
		front_reply(p, FRONT_REPLY_UNKNOWN, SPAN_NONE);
	else if ((c->flags & CMD_LOGIN) != 0 && !front_may_login(&p->front))
		front_reply(p, FRONT_REPLY_NEED_TLS, SPAN_NONE);
	else if ((c->states & p->state) == 0)
		front_reply(p, FRONT_REPLY_BAD_SEQUENCE, SPAN_NONE);
	else if ((c->flags & CMD_NO_ARGS) != 0 && span_trim(args).n > 0)
		front_reply(p, FRONT_REPLY_SYNTAX, c->verb);
	else
		p->state = c->handler(p, args);
}

void
front_cmd_sasl(struct pop3 *p, struct span line)
{
	p->state = front_auth_answer(p, line);
}

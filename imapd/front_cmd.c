/*
 * The table of commands before log-in and its gate: see front_cmd.h.
 * CAPABILITY, NOOP, LOGOUT (RFC 3501 6.1), STARTTLS (6.2.1), ID (RFC 2971).
 */
#include "imapd/capability.h"
#include "imapd/front_cmd.h"
#include "imapd/front_reply.h"
#include "lib/base/banned.h"

#define ID_PAIRS_MAX 30 /* RFC 2971 section 3.3 */
#define CAPABLE_MAX  512

enum {
	CMD_LOGIN = 1 /* takes a password: not in clear, unless allowed */
};

static bool
capability(struct imap *p, struct parse *args)
{
	struct buf b;

	if (!parse_end(args))
		return false;
	buf_init(&b, CAPABLE_MAX);
	buf_puts(&b, "* CAPABILITY ");
	front_capabilities(p, &b);
	buf_puts(&b, "\r\n");
	stream_write(p->front.client, buf_span(&b));
	buf_fini(&b);
	front_reply(p, FRONT_REPLY_DONE, SPAN_LIT("CAPABILITY"));
	return true;
}

static bool
noop(struct imap *p, struct parse *args)
{
	if (!parse_end(args))
		return false;
	front_reply(p, FRONT_REPLY_DONE, SPAN_LIT("NOOP"));
	return true;
}

static bool
logout(struct imap *p, struct parse *args)
{
	if (!parse_end(args))
		return false;
	front_reply(p, FRONT_REPLY_BYE, SPAN_NONE);
	front_reply(p, FRONT_REPLY_DONE, SPAN_LIT("LOGOUT"));
	front_close(&p->front);
	return true;
}

static bool
starttls(struct imap *p, struct parse *args)
{
	struct front *f = &p->front;

	if (!parse_end(args))
		return false;
	if (stream_tls(f->client) != NULL) {
		front_reply(p, FRONT_REPLY_TLS_ALREADY, SPAN_NONE);
	} else if (f->server->tls == NULL) {
		front_reply(p, FRONT_REPLY_NO_TLS, SPAN_NONE);
	} else {
		front_reply(p, FRONT_REPLY_START_TLS, SPAN_NONE);
		/* what came in clear behind STARTTLS is thrown away */
		stream_start_tls(f->client, f->server->tls);
	}
	return true;
}

static bool
id_pairs(struct parse *args)
{
	struct span s;

	for (int i = 0; !parse_char(args, ')'); i++) {
		if (i == ID_PAIRS_MAX || (i > 0 && !parse_char(args, ' ')) ||
		    !parse_string(args, &s) || !parse_char(args, ' ') ||
		    (!parse_word(args, SPAN_LIT("NIL")) &&
			!parse_string(args, &s)))
			return false;
	}
	return true;
}

/* What the client tells of itself is checked and not kept. */
static bool
id(struct imap *p, struct parse *args)
{
	if (!parse_char(args, ' ') ||
	    (!parse_word(args, SPAN_LIT("NIL")) &&
		(!parse_char(args, '(') || !id_pairs(args))) ||
	    !parse_end(args))
		return false;
	stream_write(
	    p->front.client, SPAN_LIT("* ID (\"name\" \"Mailstead\")\r\n"));
	front_reply(p, FRONT_REPLY_DONE, SPAN_LIT("ID"));
	return true;
}

static const struct command {
	struct span verb;
	unsigned flags;
	front_cmd *handler;
	struct span syntax;
} commands[] = {
    {SPAN_LIT("CAPABILITY"), 0, capability, SPAN_LIT("CAPABILITY")},
    {SPAN_LIT("NOOP"), 0, noop, SPAN_LIT("NOOP")},
    {SPAN_LIT("LOGOUT"), 0, logout, SPAN_LIT("LOGOUT")},
    {SPAN_LIT("ID"), 0, id, SPAN_LIT("ID NIL, or ID (\"field\" \"value\")")},
    {SPAN_LIT("STARTTLS"), 0, starttls, SPAN_LIT("STARTTLS")},
    {SPAN_LIT("LOGIN"), CMD_LOGIN, front_auth_login,
	SPAN_LIT("LOGIN name password")},
    {SPAN_LIT("AUTHENTICATE"), CMD_LOGIN, front_auth_sasl,
	SPAN_LIT("AUTHENTICATE mechanism [initial-response]")},
};

static const struct command *
find(struct span verb)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (span_eq_ci(commands[i].verb, verb))
			return &commands[i];
	return NULL;
}

/* Take tag and command name; NULL, with the reply said: not that far. */
static const struct command *
gate(struct imap *p, struct parse *text)
{
	const struct command *c = NULL;
	struct span tag, verb;

	(void)span_copy(SPAN_LIT("*"), p->tag, sizeof(p->tag)); /* fits */
	if (!parse_tag(text, &tag) || !span_copy(tag, p->tag, sizeof(p->tag))) {
		front_reply(p, FRONT_REPLY_NO_TAG, SPAN_NONE);
		return NULL;
	}
	if (parse_char(text, ' ') && parse_atom(text, &verb))
		c = find(verb);
	if (c == NULL) {
		front_reply(p, FRONT_REPLY_UNKNOWN, SPAN_NONE);
	} else if ((c->flags & CMD_LOGIN) != 0 && !front_may_login(&p->front)) {
		front_reply(p, FRONT_REPLY_NEED_TLS, SPAN_NONE);
		c = NULL;
	}
	return c;
}

void
front_cmd_dispatch(struct imap *p, struct span text)
{
	const struct command *c;
	struct parse parse;

	parse_init(&parse, text);
	c = gate(p, &parse);
	if (c != NULL && !c->handler(p, &parse))
		front_reply(p, FRONT_REPLY_SYNTAX, c->syntax);
	parse_fini(&parse);
}

bool
front_cmd_literal(struct imap *p, struct span text)
{
	struct parse parse;
	bool ok;

	parse_init(&parse, text);
	ok = gate(p, &parse) != NULL;
	parse_fini(&parse);
	return ok;
}

void
front_cmd_tag(struct imap *p, struct span text)
{
	struct parse parse;
	struct span tag;

	parse_init(&parse, text);
	if (!parse_tag(&parse, &tag) || !span_copy(tag, p->tag, sizeof(p->tag)))
		(void)span_copy(
		    SPAN_LIT("*"), p->tag, sizeof(p->tag)); /* fits */
	parse_fini(&parse);
}

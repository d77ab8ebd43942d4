/*
 * The table of commands and its gate: see command.h.
 */
#include "lib/base/num.h"
#include "pop3d/command.h"
#include "pop3d/reply.h"
#include "lib/base/banned.h"

enum args {
	ARGS_NONE,
	ARGS_MESSAGE_OPTIONAL,
	ARGS_MESSAGE,
	ARGS_MESSAGE_LINES,
};

static const struct command {
	struct span verb;
	enum args args;
	const char *syntax;
	command_handler *handler;
} commands[] = {
    {SPAN_LIT("STAT"), ARGS_NONE, "STAT", cmd_stat},
    {SPAN_LIT("LIST"), ARGS_MESSAGE_OPTIONAL, "LIST [number]", cmd_list},
    {SPAN_LIT("RETR"), ARGS_MESSAGE, "RETR number", cmd_retr},
    {SPAN_LIT("DELE"), ARGS_MESSAGE, "DELE number", cmd_dele},
    {SPAN_LIT("NOOP"), ARGS_NONE, "NOOP", cmd_noop},
    {SPAN_LIT("RSET"), ARGS_NONE, "RSET", cmd_rset},
    {SPAN_LIT("TOP"), ARGS_MESSAGE_LINES, "TOP number lines", cmd_top},
    {SPAN_LIT("UIDL"), ARGS_MESSAGE_OPTIONAL, "UIDL [number]", cmd_uidl},
    {SPAN_LIT("CAPA"), ARGS_NONE, "CAPA", cmd_capa},
    {SPAN_LIT("QUIT"), ARGS_NONE, "QUIT", cmd_quit},
};

static const struct command *
find(struct span verb)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (span_eq_ci(commands[i].verb, verb))
			return &commands[i];
	return NULL;
}

/* *number: as given, from 1 */
static bool
parse(
    enum args kind, struct span text, struct command_args *a, uint64_t *number)
{
	struct span rest = span_trim(text), first = span_cut(&rest, ' ');

	*a = (struct command_args){.given = first.n > 0};
	*number = 0;
	if (first.n > 0 && !num_u64_padded(first, number))
		return false;
	switch (kind) {
	case ARGS_NONE:
		return first.n == 0;
	case ARGS_MESSAGE_OPTIONAL:
		return rest.p == NULL;
	case ARGS_MESSAGE:
		return first.n > 0 && rest.p == NULL;
	case ARGS_MESSAGE_LINES:
		return first.n > 0 &&
		       num_u64_padded(span_trim(rest), &a->lines);
	}
	return false;
}

void
command_dispatch(struct session *s, struct span line)
{
	struct span rest = line, verb = span_cut(&rest, ' ');
	const struct command *c = find(verb);
	struct command_args args;
	uint64_t number;

	if (!line_is_clean(line)) {
		reply(s, REPLY_BARE_CONTROL, "");
	} else if (c == NULL) {
		reply(s, REPLY_UNKNOWN, "");
	} else if (!parse(c->args, rest, &args, &number)) {
		reply(s, REPLY_SYNTAX, c->syntax);
	} else if (args.given && (number == 0 || number > s->drop.n ||
				     s->drop.v[number - 1].deleted)) {
		/* RFC 1939 section 5: a deleted one cannot be named */
		reply(s, REPLY_NO_MESSAGE, "");
	} else {
		args.message = args.given ? (size_t)number - 1 : 0;
		c->handler(s, &args);
	}
}

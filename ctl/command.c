/*
 * What steadctl can do: see command.h.
 */
#include <errno.h>
#include <stdarg.h>

#include "ctl/cmd.h"
#include "lib/base/buf.h"
#include "lib/base/banned.h"

#define NAME_MAX_LEN 32
#define NEAR         3 /* edits: more is another word */
#define IDS_MAX      100000
#define FILTER_ARGS  18
#define FILTERS                                                            \
	"Filters: --from, --to ADDRESS (or @DOMAIN, or \"<>\" for none), " \
	"--domain DOMAIN, --state active|deferred|held, --reason TEXT, "   \
	"--older, --younger TIME (2h), --larger, --smaller SIZE (1MB)."

const struct command command_table[] = {
    {"status", "", "Show whether all runs, and what holds the workers in.", 0,
	0, cmd_status},
    {"check", "", "Check the configuration; no server is needed.", 0, 0,
	cmd_check},
    {"reload", "", "Take up the changed configuration.", 0, 0, cmd_reload},
    {"stop", "", "Stop the server, and wait until it is gone.", 0, 0, cmd_stop},
    {"account add", "ADDRESS [--name NAME]",
	"Make an account; its password is asked for, or read from standard "
	"input.",
	1, 3, cmd_account_add},
    {"account passwd", "ADDRESS",
	"Change a password; it is asked for, or read from standard input.", 1,
	1, cmd_account_passwd},
    {"account list", "", "List the accounts.", 0, 0, cmd_account_list},
    {"account remove", "ADDRESS",
	"Remove an account; its mailbox stays where it is.", 1, 1,
	cmd_account_remove},
    {"app-password add", "ADDRESS NAME [--for imap,pop3,smtp]",
	"Make a further password of an account for one program or device, "
	"which can be taken back by its NAME, and is for some services only; "
	"it is shown this once.",
	2, 4, cmd_app_add},
    {"app-password list", "ADDRESS",
	"List the application passwords of an account.", 1, 1, cmd_app_list},
    {"app-password remove", "ADDRESS NAME",
	"Take an application password back; connections that are open stay.", 2,
	2, cmd_app_remove},
    {"queue list", "[--limit N] [FILTER...]",
	"List queued messages by their IDs; 1000, or N, or (0) all. " FILTERS,
	0, FILTER_ARGS + 3, cmd_queue_list},
    {"queue count", "[--by domain|sender|reason|state] [FILTER...]",
	"Count queued messages by the domains that they wait for, or by "
	"something else, the most first; filters as with queue list.",
	0, FILTER_ARGS + 3, cmd_queue_count},
    {"queue show", "[--headers] ID",
	"Show a queued message: envelope, outcomes, header, body.", 1, 3,
	cmd_queue_show},
    {"queue flush", "[ID...|FILTER...]",
	"Attempt deferred messages now; without ID: all that are not held.", 0,
	IDS_MAX, cmd_queue_flush},
    {"queue hold", "ID...|ALL|FILTER...",
	"Keep messages back until they are released.", 1, IDS_MAX,
	cmd_queue_hold},
    {"queue release", "ID...|ALL|FILTER...",
	"Let held messages go, and attempt them now.", 1, IDS_MAX,
	cmd_queue_release},
    {"queue delete", "[--yes] ID...|ALL|FILTER...",
	"Delete messages for good; on a terminal it asks first.", 1, IDS_MAX,
	cmd_queue_delete},
    {"queue bounce", "[--yes] ID...|ALL|FILTER...",
	"Give messages up: their senders are told; on a terminal it asks "
	"first.",
	1, IDS_MAX, cmd_queue_bounce},
    {"trace", "[--since T] [-n N] WHAT",
	"Tell what happened to messages, and to refused attempts; WHAT is a "
	"queue ID, Message-ID, address or client (192.0.2.1, uid:33), T like "
	"2d or 2026-11-26; the newest "
	"1000, or N, or (0) all.",
	1, 6, cmd_trace},
    {"explain", "[CODE]",
	"Tell what a refusal means, by the code in brackets at its end or by "
	"its enhanced status code; without CODE: all. No server is needed.",
	0, 1, cmd_explain},
    {"sandbox", "--prove [--abi N]",
	"Try what each worker must not be able to do; --verbose names it. No "
	"server is needed.",
	1, 5, cmd_sandbox},
    {"help", "[COMMAND]", "Explain the commands, or one.", 0, 2,
	command_run_help},
    {NULL, NULL, NULL, 0, 0, NULL},
};

void
command_say(const char *fmt, ...)
{
	va_list ap;

	/* nobody is left to tell when stderr fails */
	(void)fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

const struct command *
command_find(int argc, char **argv, int *used)
{
	for (const struct command *c = command_table; c->name != NULL; c++) {
		struct span second = span_of(c->name);
		struct span first = span_cut(&second, ' ');

		*used = second.p == NULL ? 1 : 2;
		if (argc >= *used && span_eq(span_of(argv[0]), first) &&
		    (*used == 1 || span_eq(span_of(argv[1]), second)))
			return c;
	}
	return NULL;
}

bool
command_take_flag(struct command_call *call, const char *flag)
{
	bool found = false;
	int n = 0;

	for (int i = 0; i < call->argc; i++) {
		if (span_eq(span_of(call->argv[i]), span_of(flag)))
			found = true;
		else
			call->argv[n++] = call->argv[i];
	}
	call->argc = n;
	return found;
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, replacements from a to b, both short. */
static size_t
distance(struct span a, struct span b)
{
	size_t row[NAME_MAX_LEN + 1], before, old;

	for (size_t j = 0; j <= b.n; j++)
		row[j] = j;
	for (size_t i = 0; i < a.n; i++) {
		before = row[0];
		row[0] = i + 1;
		for (size_t j = 0; j < b.n; j++) {
			old = row[j + 1];
			row[j + 1] = least(least(old, row[j]) + 1,
			    before + (a.p[i] != b.p[j]));
			before = old;
		}
	}
	return row[b.n];
}

const char *
command_nearest(struct span said)
{
	const char *best = NULL;
	size_t least_far = NEAR + 1;

	if (said.n > NAME_MAX_LEN)
		return NULL;
	for (const struct command *c = command_table; c->name != NULL; c++) {
		size_t far = distance(said, span_of(c->name));

		if (far < least_far && far < strlen(c->name)) {
			least_far = far;
			best = c->name;
		}
	}
	return best;
}

/* A usage text that cannot be written harms nobody. */
void
command_help(FILE *to, const struct command *only)
{
	if (only != NULL) {
		(void)fprintf(to, "usage: steadctl %s %s\n%s\n", only->name,
		    only->args, only->help);
		return;
	}
	(void)fputs("usage: steadctl [-c FILE | --run DIR] [--json] COMMAND\n"
		    "  -c FILE    configuration, which says where the server "
		    "is reached\n"
		    "  --run DIR  its folder of sockets (paths.run)\n"
		    "  --json     what is shown and listed, for programs\n"
		    "\n",
	    to);
	for (const struct command *c = command_table; c->name != NULL; c++) {
		char line[96];

		(void)snprintf(
		    line, sizeof(line), "%s %s", c->name, c->args); /* fits */
		(void)fprintf(to, "  %-34s %s\n", line, c->help);
	}
}

int
command_run_help(const struct command_call *call)
{
	const struct command *c = NULL;
	int used;

	if (call->argc > 0) {
		c = command_find(call->argc, call->argv, &used);
		if (c == NULL || used != call->argc) {
			command_say("no such command: %s%s%s", call->argv[0],
			    call->argc > 1 ? " " : "",
			    call->argc > 1 ? call->argv[1] : "");
			return COMMAND_USAGE;
		}
	}
	command_help(stdout, c);
	return COMMAND_OK;
}

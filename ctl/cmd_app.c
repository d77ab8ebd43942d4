/*
 * steadctl app-password: asks authd, over a link that master makes.
 */
#include "ctl/cmd.h"
#include "ctl/listing.h"
#include "lib/base/banned.h"

#define LIST_MAX 65536 /* an account has few of them */
#define SERVICES "imap,pop3,smtp"

/* A new one, with its password: that alone on standard output. */
static void
put_made(struct buf *out, const struct output_row *row)
{
	output_plain(out, output_get(row, "password"));
	buf_putc(out, '\n');
	command_say("for %s; it is shown this once, and kept nowhere",
	    output_get(row, "services").p);
}

static void
put_one(struct buf *out, const struct output_row *row)
{
	output_plain(out, output_get(row, "made"));
	buf_puts(out, "  ");
	output_plain(out, output_get(row, "services"));
	buf_puts(out, "  ");
	output_plain(out, output_get(row, "name"));
	buf_putc(out, '\n');
}

int
cmd_app_add(const struct command_call *call)
{
	union ipc_msg msg = {.app_add = {.id = 1}};
	struct listing l = {.role = ROLE_AUTHD,
	    .type = MSG_APP_ADD,
	    .msg = &msg,
	    .row = put_made,
	    .texts = "name services made password",
	    .single = true,
	    .max = LIST_MAX};

	if (call->argc == 3 ||
	    (call->argc == 4 &&
		!span_eq(span_of(call->argv[2]), SPAN_LIT("--for")))) {
		command_say("expected: app-password add ADDRESS NAME [--for "
			    "SERVICES]");
		return COMMAND_USAGE;
	}
	msg.app_add.login = span_of(call->argv[0]);
	msg.app_add.name = span_of(call->argv[1]);
	msg.app_add.services =
	    span_of(call->argc == 4 ? call->argv[3] : SERVICES);
	return listing_print(call, &l);
}

int
cmd_app_list(const struct command_call *call)
{
	union ipc_msg msg = {.app_list = {1, span_of(call->argv[0])}};
	struct listing l = {.role = ROLE_AUTHD,
	    .type = MSG_APP_LIST,
	    .msg = &msg,
	    .row = put_one,
	    .texts = "name services made",
	    .max = LIST_MAX};

	return listing_print(call, &l);
}

int
cmd_app_remove(const struct command_call *call)
{
	union ipc_msg msg = {
	    .app_remove = {1, span_of(call->argv[0]), span_of(call->argv[1])}};

	return server_tell(call, ROLE_AUTHD, MSG_APP_REMOVE, &msg);
}

/*
 * steadctl account: asks authd, over a link that master makes.
 */
#include "ctl/cmd.h"
#include "ctl/listing.h"
#include "ctl/password.h"
#include "ctl/server.h"
#include "lib/base/banned.h"

#define LIST_MAX ((size_t)256 << 20)

int
cmd_account_add(const struct command_call *call)
{
	union ipc_msg msg = {.account_add = {.id = 1}};
	struct secret password = {NULL, 0};
	struct server *s;
	int status;

	if (call->argc == 2 ||
	    (call->argc == 3 &&
		!span_eq(span_of(call->argv[1]), SPAN_LIT("--name")))) {
		command_say("expected: account add ADDRESS [--name NAME]");
		return COMMAND_USAGE;
	}
	/* who has no right, or no server, is told before he types */
	s = server_worker(call, ROLE_AUTHD, &status);
	if (s == NULL)
		return status;
	status = COMMAND_FAILED;
	if (password_read(&password)) {
		msg.account_add.login = span_of(call->argv[0]);
		msg.account_add.name =
		    call->argc == 3 ? span_of(call->argv[2]) : SPAN_LIT("");
		msg.account_add.password = span_make(password.p, password.n);
		status = server_do(s, MSG_ACCOUNT_ADD, &msg);
	}
	secret_fini(&password);
	server_close(&s);
	return status;
}

int
cmd_account_passwd(const struct command_call *call)
{
	union ipc_msg msg = {.account_passwd = {.id = 1}};
	struct secret password = {NULL, 0};
	int status;
	struct server *s = server_worker(call, ROLE_AUTHD, &status);

	if (s == NULL)
		return status;
	status = COMMAND_FAILED;
	if (password_read(&password)) {
		msg.account_passwd.login = span_of(call->argv[0]);
		msg.account_passwd.password = span_make(password.p, password.n);
		status = server_do(s, MSG_ACCOUNT_PASSWD, &msg);
	}
	secret_fini(&password);
	server_close(&s);
	return status;
}

int
cmd_account_remove(const struct command_call *call)
{
	union ipc_msg msg = {.account_remove = {1, span_of(call->argv[0])}};

	return server_tell(call, ROLE_AUTHD, MSG_ACCOUNT_REMOVE, &msg);
}

static void
put_account(struct buf *out, const struct output_row *row)
{
	output_plain(out, output_get(row, "login"));
	if (span_eq(output_get(row, "locked"), SPAN_LIT("yes")))
		buf_puts(out, "  (locked)");
	if (output_get(row, "name").n > 0) {
		buf_puts(out, "  ");
		output_plain(out, output_get(row, "name"));
	}
	buf_putc(out, '\n');
}

int
cmd_account_list(const struct command_call *call)
{
	union ipc_msg msg = {.account_list = {.id = 1}};
	struct listing l = {.role = ROLE_AUTHD,
	    .type = MSG_ACCOUNT_LIST,
	    .msg = &msg,
	    .row = put_account,
	    .texts = "login name",
	    .max = LIST_MAX};

	return listing_print(call, &l);
}

/*
 * steadctl account: asks authd, over a link that master makes.
 */
#include "ctl/cmd.h"
#include "ctl/output.h"
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
	int status;
	struct server *s = server_worker(call, ROLE_AUTHD, &status);

	if (s == NULL)
		return status;
	status = server_do(s, MSG_ACCOUNT_REMOVE, &msg);
	server_close(&s);
	return status;
}

struct list {
	struct buf out;
	bool json;
	bool any;
};

static void
on_row(void *ctx, struct span text)
{
	struct list *l = ctx;
	struct output_row row;

	output_parse(&row, text);
	if (l->json) {
		buf_puts(&l->out, l->any ? ",\n" : "\n");
		output_json_row(&l->out, &row, "login name");
	} else {
		output_plain(&l->out, output_get(&row, "login"));
		if (span_eq(output_get(&row, "locked"), SPAN_LIT("yes")))
			buf_puts(&l->out, "  (locked)");
		if (output_get(&row, "name").n > 0) {
			buf_puts(&l->out, "  ");
			output_plain(&l->out, output_get(&row, "name"));
		}
		buf_putc(&l->out, '\n');
	}
	l->any = true;
	output_fini(&row);
}

int
cmd_account_list(const struct command_call *call)
{
	union ipc_msg msg = {.account_list = {.id = 1}};
	struct list l = {.json = call->json};
	struct server_answer a = {.on_row = on_row, .ctx = &l};
	int status;
	struct server *s = server_worker(call, ROLE_AUTHD, &status);

	if (s == NULL)
		return status;
	buf_init(&l.out, LIST_MAX);
	if (l.json)
		buf_putc(&l.out, '[');
	if (!server_ask(s, MSG_ACCOUNT_LIST, &msg, &a)) {
		server_say_gone(s);
		status = COMMAND_NO_SERVER;
	} else if (a.rc != RC_OK) {
		command_say("%s", buf_cstr(&a.text));
		status = COMMAND_FAILED;
	} else {
		if (l.json)
			buf_puts(&l.out, "\n]\n");
		/* half a list would be a wrong one */
		status =
		    !l.out.over &&
			    fwrite(l.out.p, 1, l.out.n, stdout) == l.out.n &&
			    fflush(stdout) == 0
			? COMMAND_OK
			: COMMAND_FAILED;
	}
	server_answer_fini(&a);
	buf_fini(&l.out);
	server_close(&s);
	return status;
}

/*
 * steadctl app-password: asks authd, over a link that master makes.
 */
#include "ctl/cmd.h"
#include "ctl/output.h"
#include "ctl/server.h"
#include "lib/base/banned.h"

#define LIST_MAX 65536 /* an account has few of them */
#define SERVICES "imap,pop3,smtp"

struct list {
	struct buf out;
	bool json;
	bool any;
};

/* A new one, with its password: that alone on standard output. */
static void
on_made(void *ctx, struct span text)
{
	struct list *l = ctx;
	struct output_row row;

	output_parse(&row, text);
	if (l->json) {
		output_json_row(&l->out, &row, "name services made password");
	} else {
		output_plain(&l->out, output_get(&row, "password"));
		command_say("for %s; it is shown this once, and kept nowhere",
		    output_get(&row, "services").p);
	}
	buf_putc(&l->out, '\n');
	output_fini(&row);
}

static void
on_listed(void *ctx, struct span text)
{
	struct list *l = ctx;
	struct output_row row;

	output_parse(&row, text);
	if (l->json) {
		buf_puts(&l->out, l->any ? ",\n" : "\n");
		output_json_row(&l->out, &row, "name services made");
	} else {
		output_plain(&l->out, output_get(&row, "made"));
		buf_puts(&l->out, "  ");
		output_plain(&l->out, output_get(&row, "services"));
		buf_puts(&l->out, "  ");
		output_plain(&l->out, output_get(&row, "name"));
		buf_putc(&l->out, '\n');
	}
	l->any = true;
	output_fini(&row);
}

/* Ask authd, and print what the rows made; the exit status. */
static int
ask(const struct command_call *call, uint16_t type, const union ipc_msg *msg,
    server_row *on_row)
{
	struct list l = {.json = call->json};
	struct server_answer a = {.on_row = on_row, .ctx = &l};
	bool array = l.json && type == MSG_APP_LIST;
	int status;
	struct server *s = server_worker(call, ROLE_AUTHD, &status);

	if (s == NULL)
		return status;
	buf_init(&l.out, LIST_MAX);
	if (array)
		buf_putc(&l.out, '[');
	if (!server_ask(s, type, msg, &a)) {
		server_say_gone(s);
		status = COMMAND_NO_SERVER;
	} else if (a.rc != RC_OK) {
		command_say("%s", buf_cstr(&a.text));
		status = COMMAND_FAILED;
	} else {
		if (array)
			buf_puts(&l.out, "\n]\n");
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

int
cmd_app_add(const struct command_call *call)
{
	union ipc_msg msg = {.app_add = {.id = 1}};

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
	return ask(call, MSG_APP_ADD, &msg, on_made);
}

int
cmd_app_list(const struct command_call *call)
{
	union ipc_msg msg = {.app_list = {1, span_of(call->argv[0])}};

	return ask(call, MSG_APP_LIST, &msg, on_listed);
}

int
cmd_app_remove(const struct command_call *call)
{
	union ipc_msg msg = {
	    .app_remove = {1, span_of(call->argv[0]), span_of(call->argv[1])}};

	return ask(call, MSG_APP_REMOVE, &msg, NULL);
}

/*
 * steadctl check, reload, stop.
 */
#include "ctl/cmd.h"
#include "ctl/server.h"
#include "lib/base/banned.h"

int
cmd_check(const struct command_call *call)
{
	struct conf *conf = server_conf(call);

	if (conf == NULL)
		return COMMAND_FAILED;
	conf_free(&conf);
	return printf("%s: ok\n", call->conf_path) < 0 ? COMMAND_FAILED
						       : COMMAND_OK;
}

int
cmd_reload(const struct command_call *call)
{
	union ipc_msg msg = {.ctl_reload = {.id = 1}};
	struct server *s = server_open(call);
	struct server_answer a = {0};
	int status = COMMAND_NO_SERVER;

	if (s == NULL)
		return status;
	if (!server_ask(s, MSG_CTL_RELOAD, &msg, &a)) {
		server_say_gone(s);
	} else {
		status = a.rc == RC_OK ? COMMAND_OK : COMMAND_FAILED;
		/* mistakes are lines of their own: file, line, column */
		(void)fprintf(status == COMMAND_OK ? stdout : stderr, "%s%s",
		    buf_cstr(&a.text),
		    a.text.n > 0 && a.text.p[a.text.n - 1] == '\n' ? "" : "\n");
	}
	server_answer_fini(&a);
	server_close(&s);
	return status;
}

int
cmd_stop(const struct command_call *call)
{
	union ipc_msg msg = {.ctl_stop = {.id = 1}};
	struct server *s = server_open(call);
	struct server_answer a = {0};
	int status = COMMAND_OK;

	if (s == NULL)
		return COMMAND_NO_SERVER;
	/* an answer is a refusal: else it only closes, when it is gone */
	if (server_ask(s, MSG_CTL_STOP, &msg, &a)) {
		command_say("%s", buf_cstr(&a.text));
		status = COMMAND_FAILED;
	} else if (server_listens(s)) {
		server_say_gone(s);
		command_say("but a server is there");
		status = COMMAND_FAILED;
	}
	server_answer_fini(&a);
	server_close(&s);
	return status;
}

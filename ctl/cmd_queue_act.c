/*
 * steadctl queue flush, hold, release, delete: one question an ID, and each
 * failure is said; the others go on.
 */
#include <unistd.h>

#include "ctl/cmd.h"
#include "ctl/server.h"
#include "lib/base/banned.h"

/* The four questions have the same fields. */
static int
ask(struct server *s, uint16_t type, const char *id)
{
	union ipc_msg msg = {.queue_flush = {1, span_of(id)}};
	struct server_answer a = {0};
	int status = COMMAND_OK;

	if (type == MSG_QUEUE_HOLD)
		msg.queue_hold = (struct msg_queue_hold){1, span_of(id)};
	else if (type == MSG_QUEUE_RELEASE)
		msg.queue_release = (struct msg_queue_release){1, span_of(id)};
	else if (type == MSG_QUEUE_DELETE)
		msg.queue_delete = (struct msg_queue_delete){1, span_of(id)};
	if (!server_ask(s, type, &msg, &a)) {
		server_say_gone(s);
		status = COMMAND_NO_SERVER;
	} else if (a.rc != RC_OK) {
		command_say("%s", buf_cstr(&a.text));
		status = COMMAND_FAILED;
	} else if (a.text.n > 0) {
		/* how many; the status tells more */
		(void)printf("%s\n", buf_cstr(&a.text));
	}
	server_answer_fini(&a);
	return status;
}

static int
act(const struct command_call *call, uint16_t type)
{
	int status, one;
	struct server *s = server_worker(call, ROLE_QMGR, &status);

	if (s == NULL)
		return status;
	status = COMMAND_OK;
	for (int i = 0; i < call->argc && status != COMMAND_NO_SERVER; i++) {
		one = ask(s, type, call->argv[i]);
		status = one != COMMAND_OK ? one : status;
	}
	server_close(&s);
	return status;
}

int
cmd_queue_flush(const struct command_call *call)
{
	static char all[] = "ALL";
	char *argv[] = {all, NULL};
	struct command_call everything = *call;

	if (call->argc > 0)
		return act(call, MSG_QUEUE_FLUSH);
	everything.argc = 1;
	everything.argv = argv;
	return act(&everything, MSG_QUEUE_FLUSH);
}

int
cmd_queue_hold(const struct command_call *call)
{
	return act(call, MSG_QUEUE_HOLD);
}

int
cmd_queue_release(const struct command_call *call)
{
	return act(call, MSG_QUEUE_RELEASE);
}

/* Only who sits at a terminal can be asked. */
static bool
confirmed(const struct command_call *call)
{
	char line[8] = "";

	if (isatty(STDIN_FILENO) != 1)
		return true;
	(void)fprintf(stderr, "Delete %s%s for good? [y/N] ",
	    call->argc == 1 ? call->argv[0] : "these messages",
	    strcmp(call->argv[0], "ALL") == 0 ? " messages" : "");
	if (fgets(line, sizeof(line), stdin) != NULL &&
	    (line[0] == 'y' || line[0] == 'Y'))
		return true;
	command_say("nothing is deleted");
	return false;
}

int
cmd_queue_delete(const struct command_call *call)
{
	struct command_call mine = *call;
	bool sure = mine.argc > 0 && strcmp(mine.argv[0], "--yes") == 0;

	if (sure) {
		mine.argc--;
		mine.argv++;
	}
	if (mine.argc == 0) {
		command_say("expected: queue delete [--yes] ID...|ALL");
		return COMMAND_USAGE;
	}
	if (!sure && !confirmed(&mine))
		return COMMAND_FAILED;
	return act(&mine, MSG_QUEUE_DELETE);
}

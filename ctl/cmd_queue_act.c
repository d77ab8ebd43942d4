/*
 * steadctl queue flush, hold, release, delete, bounce: one question an ID, and
 * each failure is said; the others go on. Filters are asked for their IDs
 * first; of theirs the failures are counted, and the first is said.
 */
#include <unistd.h>

#include "ctl/cmd.h"
#include "ctl/queue_filter.h"
#include "ctl/server.h"
#include "lib/base/banned.h"

/* The questions have the same fields. */
static void
fill(union ipc_msg *msg, uint16_t type, const char *id)
{
	struct span qid = span_of(id);

	if (type == MSG_QUEUE_HOLD)
		msg->queue_hold = (struct msg_queue_hold){1, qid};
	else if (type == MSG_QUEUE_RELEASE)
		msg->queue_release = (struct msg_queue_release){1, qid};
	else if (type == MSG_QUEUE_DELETE)
		msg->queue_delete = (struct msg_queue_delete){1, qid};
	else if (type == MSG_QUEUE_BOUNCE)
		msg->queue_bounce = (struct msg_queue_bounce){1, qid};
	else
		msg->queue_flush = (struct msg_queue_flush){1, qid};
}

static int
ask(struct server *s, uint16_t type, const char *id)
{
	union ipc_msg msg;
	struct server_answer a = {0};
	int status = COMMAND_OK;

	fill(&msg, type, id);
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
act_on(struct server *s, uint16_t type, int n, char *const *ids)
{
	int status = COMMAND_OK;

	for (int i = 0; i < n && status != COMMAND_NO_SERVER; i++) {
		int one = ask(s, type, ids[i]);

		status = one != COMMAND_OK ? one : status;
	}
	return status;
}

/* Only who sits at a terminal can be asked. */
static bool
confirmed(uint16_t type, const char *what)
{
	char line[8] = "";

	if (isatty(STDIN_FILENO) != 1)
		return true;
	(void)fprintf(stderr, "%s %s%s [y/N] ",
	    type == MSG_QUEUE_DELETE ? "Delete" : "Give up", what,
	    type == MSG_QUEUE_DELETE ? " for good?"
				     : ", and tell the senders?");
	if (fgets(line, sizeof(line), stdin) != NULL &&
	    (line[0] == 'y' || line[0] == 'Y'))
		return true;
	command_say("nothing is done");
	return false;
}

/* Those of the filters, and how it went. */
struct tally {
	size_t done;
	size_t failed;
	struct buf why; /* the first failure's words */
};

/*
 * Whom it does not concern any more (RC_PERM: it has gone, is held already) is
 * no failure, as with ALL.
 */
static int
ask_one(struct server *s, uint16_t type, const char *id, struct tally *t)
{
	union ipc_msg msg;
	struct server_answer a = {0};
	bool answered;

	fill(&msg, type, id);
	answered = server_ask(s, type, &msg, &a);
	if (!answered) {
		server_say_gone(s);
	} else if (a.rc == RC_OK) {
		t->done++;
	} else if (a.rc != RC_PERM && t->failed++ == 0) {
		buf_put_span(&t->why, buf_span(&a.text));
	}
	server_answer_fini(&a);
	return answered ? COMMAND_OK : COMMAND_NO_SERVER;
}

static int
act_on_ids(struct server *s, uint16_t type, const struct buf *ids, size_t n)
{
	struct tally t = {0};
	int status = COMMAND_OK;
	size_t at = 0;

	buf_init(&t.why, 4096);
	for (size_t i = 0; status == COMMAND_OK && i < n; i++) {
		status = ask_one(s, type, ids->p + at, &t);
		at += strlen(ids->p + at) + 1;
	}
	(void)printf("%zu message%s\n", t.done, t.done == 1 ? "" : "s");
	if (t.failed > 0) {
		command_say("not %zu: %s", t.failed, buf_cstr(&t.why));
		status = status == COMMAND_OK ? COMMAND_FAILED : status;
	}
	buf_fini(&t.why);
	return status;
}

static int
act_filtered(
    struct server *s, uint16_t type, const struct queue_filter *f, bool sure)
{
	struct buf ids, what;
	size_t n;
	int status = queue_filter_ids(s, f, &ids, &n);

	buf_init(&what, 64);
	buf_putf(&what, "%zu message%s", n, n == 1 ? "" : "s");
	if (status == COMMAND_OK && n > 0 && !sure &&
	    !confirmed(type, buf_cstr(&what)))
		status = COMMAND_FAILED;
	if (status == COMMAND_OK)
		status = act_on_ids(s, type, &ids, n);
	buf_fini(&what);
	buf_fini(&ids);
	return status;
}

/* `sure`: nobody is to be asked. */
static int
act(const struct command_call *call, uint16_t type, bool sure)
{
	struct command_call mine = *call;
	struct queue_filter filter;
	int status = COMMAND_USAGE;
	struct server *s = NULL;

	if (!queue_filter_take(&mine, &filter))
		goto end;
	if (filter.any == (mine.argc > 0)) {
		command_say(filter.any ? "IDs or filters, not both"
				       : "IDs, ALL or filters are expected");
		goto end;
	}
	if (!filter.any && !sure &&
	    !confirmed(type, mine.argc > 1 ? "these messages"
			     : strcmp(mine.argv[0], "ALL") == 0
				 ? "ALL messages"
				 : mine.argv[0])) {
		status = COMMAND_FAILED;
		goto end;
	}
	s = server_worker(&mine, ROLE_QMGR, &status);
	if (s != NULL)
		status = filter.any ? act_filtered(s, type, &filter, sure)
				    : act_on(s, type, mine.argc, mine.argv);
	server_close(&s);
end:
	queue_filter_fini(&filter);
	return status;
}

int
cmd_queue_flush(const struct command_call *call)
{
	static char all[] = "ALL";
	char *argv[] = {all, NULL};
	struct command_call everything = *call;

	if (call->argc > 0)
		return act(call, MSG_QUEUE_FLUSH, true);
	everything.argc = 1;
	everything.argv = argv;
	return act(&everything, MSG_QUEUE_FLUSH, true);
}

int
cmd_queue_hold(const struct command_call *call)
{
	return act(call, MSG_QUEUE_HOLD, true);
}

int
cmd_queue_release(const struct command_call *call)
{
	return act(call, MSG_QUEUE_RELEASE, true);
}

/* [--yes], then as the others. */
static int
act_surely(const struct command_call *call, uint16_t type)
{
	struct command_call mine = *call;
	bool sure = mine.argc > 0 && strcmp(mine.argv[0], "--yes") == 0;

	if (sure) {
		mine.argc--;
		mine.argv++;
	}
	return act(&mine, type, sure);
}

int
cmd_queue_delete(const struct command_call *call)
{
	return act_surely(call, MSG_QUEUE_DELETE);
}

int
cmd_queue_bounce(const struct command_call *call)
{
	return act_surely(call, MSG_QUEUE_BOUNCE);
}

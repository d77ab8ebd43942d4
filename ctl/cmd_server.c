/*
 * steadctl check, reload, stop.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "ctl/cmd.h"
#include "ctl/server.h"
#include "lib/base/io.h"
#include "lib/directory/compile.h"
#include "lib/users/user.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

#define USERS_MAX (64U << 20) /* bytes of all names */

static void
put_user(void *ctx, struct span name)
{
	(void)buf_put_span(ctx, name); /* over: all are left out */
	(void)buf_putc(ctx, '\n');
}

/* -1: it cannot be read, or is not there; the first is said, and partly. */
static int
open_source(const char *path, bool *partly)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 && errno != ENOENT) {
		command_say(
		    "%s: %s: not looked at", path, strerrordesc_np(errno));
		*partly = true;
	}
	return fd;
}

/* A file that the configuration names; *fd is -1 when it names none. */
static bool
open_named(const char *path, int *fd, struct why *why)
{
	*fd =
	    path[0] == '\0' ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return path[0] == '\0' || *fd >= 0 ||
	       why_sys(why, RC_PERM, "5.3.5", "%s", path) == RC_OK;
}

/* What newaliases would say. */
static bool
check_directory(const struct conf *conf)
{
	static const struct worker_path_row auth = {
	    "", WORKER_STATE, "/auth/accounts", 0};
	struct directory_source source = {.domains = &conf->domains,
	    .alias_domains = &conf->alias_domains,
	    .delimiters = conf->recipient_delimiter,
	    .postmaster = conf->postmaster,
	    .aliases = -1,
	    .senders = -1,
	    .relay_domains = &conf->relay.domains,
	    .relay_recipients = -1,
	    .user_domains = &conf->users.domains,
	    .actions = conf->delivery.program_user[0] != '\0'};
	char *accounts = workers_path(&auth, conf);
	struct directory_report report;
	struct buf users;
	struct why why;
	bool ok;

	directory_report_init(&report);
	buf_init(&users, USERS_MAX);
	source.accounts = open_source(accounts, &source.partly);
	ok = open_named(conf->paths.aliases, &source.aliases, &why) &&
	     open_named(conf->paths.senders, &source.senders, &why) &&
	     open_named(conf->relay.recipients, &source.relay_recipients, &why);
	ok = ok && user_each(conf, put_user, &users, &why) == RC_OK;
	source.users = buf_span(&users);
	ok = ok && directory_compile(&source, NULL, &report, &why) == RC_OK;
	if (!ok)
		command_say("%s", why.text);
	/* the status tells */
	(void)fputs(buf_cstr(&report.note), stderr);
	if (report.n_notes > DIRECTORY_REPORT_MAX)
		command_say("%zu more", report.n_notes - DIRECTORY_REPORT_MAX);
	(void)fputs(buf_cstr(&report.text), stderr);
	if (report.n > DIRECTORY_REPORT_MAX)
		command_say("%zu more", report.n - DIRECTORY_REPORT_MAX);
	ok = ok && report.n == 0;
	io_close(&source.accounts);
	io_close(&source.aliases);
	io_close(&source.senders);
	io_close(&source.relay_recipients);
	directory_report_fini(&report);
	buf_fini(&users);
	free(accounts);
	return ok;
}

/* As a start would say it. */
static bool
check_program_user(const struct conf *conf)
{
	struct user user = {0};
	struct why why;
	bool ok = conf->delivery.program_user[0] == '\0' ||
		  user_of_programs(conf, &user, &why) == RC_OK;

	if (!ok)
		command_say("%s", why.text);
	user_fini(&user);
	return ok;
}

int
cmd_check(const struct command_call *call)
{
	struct conf *conf = server_conf(call);
	bool ok;

	if (conf == NULL)
		return COMMAND_FAILED;
	ok = check_program_user(conf);
	ok = check_directory(conf) && ok;
	conf_free(&conf);
	if (!ok)
		return COMMAND_FAILED;
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

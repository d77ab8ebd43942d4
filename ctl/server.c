/*
 * A conversation with the server: see server.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ctl/server.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

#define TEXT_MAX   65536
#define REPORT_MAX 65536

struct server {
	struct event_base *base;
	struct ipc_link *link;
	struct server_answer *answer; /* that is waited for */
	bool ended;
	struct sockaddr_un path;
	int reached;     /* a link to a worker, or -1 */
	struct why gone; /* rc is RC_OK: it closed without a reason */
};

struct conf *
server_conf(const struct command_call *call)
{
	struct conf *conf = NULL;
	struct buf errors;
	struct why why;
	int fd = open(call->conf_path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		why_sys(&why, RC_PERM, "5.3.5", "%s", call->conf_path);
		command_say("%s", why.text);
		return NULL;
	}
	buf_init(&errors, REPORT_MAX);
	if (conf_load(fd, call->conf_path, &conf, &errors) != RC_OK)
		(void)fputs(buf_cstr(&errors), stderr); /* the status tells */
	buf_fini(&errors);
	io_close(&fd);
	return conf;
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct server *s = ctx;

	(void)link;
	if (why != NULL)
		s->gone = *why;
}

static void
on_row(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct server *s = ctx;

	(void)link;
	if (s->answer != NULL && s->answer->on_row != NULL)
		s->answer->on_row(s->answer->ctx, msg->ctl_row.text);
}

static void
on_data(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct server *s = ctx;

	(void)link;
	if (s->answer != NULL && s->answer->on_data != NULL)
		s->answer->on_data(s->answer->ctx, msg->ctl_data.data);
}

static void
on_end(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct server *s = ctx;

	(void)link;
	if (s->answer == NULL)
		return;
	s->answer->rc = (enum rc)msg->ctl_end.rc;
	buf_put_span(&s->answer->text, msg->ctl_end.text);
	s->ended = true;
}

static void
on_reached(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct server *s = ctx;

	(void)link;
	io_close(&s->reached);
	s->reached = msg->ctl_reached.socket;
	msg->ctl_reached.socket = -1;
	s->ended = true;
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_CTL_ROW] = on_row,
    [MSG_CTL_DATA] = on_data,
    [MSG_CTL_END] = on_end,
    [MSG_CTL_REACHED] = on_reached,
};

static struct ipc_link *
link_new(struct server *s, int fd, enum role peer)
{
	return ipc_link_new(&(struct ipc_link_args){.base = s->base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_closed,
	    .ctx = s,
	    .fd = fd,
	    .self = ROLE_CTL,
	    .peer = peer,
	    .phase = IPC_RUN});
}

/* errno is set when it is -1 */
static int
connect_to(const struct sockaddr_un *path)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	/* non-blocking only then: a full backlog is worth waiting for */
	if (fd >= 0 &&
	    (connect(fd, (const struct sockaddr *)path, sizeof(*path)) < 0 ||
		!io_nonblock(fd)))
		io_close(&fd);
	return fd;
}

static bool
control_path(const char *run, struct sockaddr_un *path)
{
	struct buf b;
	bool ok;

	*path = (struct sockaddr_un){.sun_family = AF_UNIX};
	buf_init(&b, sizeof(path->sun_path) - 1);
	ok = buf_puts(&b, run) && buf_puts(&b, "/control") &&
	     span_copy(buf_span(&b), path->sun_path, sizeof(path->sun_path));
	buf_fini(&b);
	if (!ok)
		command_say("%s is too long for a socket in it", run);
	return ok;
}

static int
reach_master(const struct sockaddr_un *path)
{
	int fd = connect_to(path);
	struct why why;

	if (fd >= 0)
		return fd;
	why_sys(&why, RC_TEMP, "4.3.0",
	    errno == ENOENT || errno == ECONNREFUSED
		? "mailstead is not running: %s"
		: "cannot reach mailstead: %s",
	    path->sun_path);
	command_say("%s", why.text);
	return -1;
}

bool
server_listens(const struct server *s)
{
	int fd = connect_to(&s->path);
	bool does = fd >= 0;

	io_close(&fd);
	return does;
}

struct server *
server_open(const struct command_call *call)
{
	struct conf *conf = NULL;
	struct sockaddr_un path;
	struct server *s;
	int fd = -1;

	if (call->run == NULL && (conf = server_conf(call)) == NULL) {
		command_say("so it is not known where the server is: mend "
			    "that, or give --run DIR");
		return NULL;
	}
	if (control_path(conf != NULL ? conf->paths.run : call->run, &path))
		fd = reach_master(&path);
	conf_free(&conf);
	if (fd < 0)
		return NULL;
	s = mem_alloc(sizeof(*s));
	s->path = path;
	s->reached = -1;
	s->base = event_base_new();
	if (s->base == NULL)
		bug("event_base_new");
	s->link = link_new(s, fd, ROLE_MASTER);
	return s;
}

void
server_close(struct server **server)
{
	struct server *s = *server;

	*server = NULL;
	if (s == NULL)
		return;
	ipc_link_free(&s->link);
	io_close(&s->reached);
	event_base_free(s->base);
	free(s);
}

bool
server_ask(struct server *s, uint16_t type, const union ipc_msg *msg,
    struct server_answer *a)
{
	bool ok;

	buf_init(&a->text, TEXT_MAX);
	a->rc = RC_TEMP;
	s->answer = a;
	s->ended = false;
	ok = ipc_send(s->link, type, msg) && ipc_link_wait(s->link, &s->ended);
	s->answer = NULL;
	/* on_closed, which knows why, runs in the loop */
	if (!ok)
		(void)event_base_loop(s->base, EVLOOP_NONBLOCK);
	return ok;
}

void
server_answer_fini(struct server_answer *a)
{
	buf_fini(&a->text);
}

void
server_say_gone(const struct server *s)
{
	command_say("the server has gone%s%s",
	    s->gone.text[0] != '\0' ? ": " : "", s->gone.text);
}

bool
server_reach(struct server *s, enum role role)
{
	union ipc_msg msg = {.ctl_reach = {.id = 1, .role = role}};
	struct server_answer a = {0};

	if (!server_ask(s, MSG_CTL_REACH, &msg, &a))
		server_say_gone(s);
	else if (s->reached < 0)
		command_say("%s", buf_cstr(&a.text));
	server_answer_fini(&a);
	if (s->reached < 0)
		return false;
	ipc_link_free(&s->link);
	s->link = link_new(s, s->reached, role);
	s->reached = -1;
	return true;
}

struct server *
server_worker(const struct command_call *call, enum role role, int *status)
{
	struct server *s = server_open(call);

	*status = COMMAND_NO_SERVER;
	if (s == NULL)
		return NULL;
	*status = COMMAND_FAILED;
	if (!server_reach(s, role))
		server_close(&s);
	return s;
}

int
server_ask_ok(struct server *s, uint16_t type, const union ipc_msg *msg,
    struct server_answer *a)
{
	if (!server_ask(s, type, msg, a)) {
		server_say_gone(s);
		return COMMAND_NO_SERVER;
	}
	if (a->rc == RC_OK)
		return COMMAND_OK;
	command_say("%s", buf_cstr(&a->text));
	return COMMAND_FAILED;
}

int
server_do(struct server *s, uint16_t type, const union ipc_msg *msg)
{
	struct server_answer a = {0};
	int status = server_ask_ok(s, type, msg, &a);

	server_answer_fini(&a);
	return status;
}

int
server_tell(const struct command_call *call, enum role role, uint16_t type,
    const union ipc_msg *msg)
{
	int status;
	struct server *s = server_worker(call, role, &status);

	if (s != NULL)
		status = server_do(s, type, msg);
	server_close(&s);
	return status;
}

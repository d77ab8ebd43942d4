/* Handing deliveries on to users' processes, which this test plays, and which
 * die, lie and refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "delivery/users.h"
#include "lib/base/io.h"
#include "lib/log/log.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define PROCESSES_MAX 8

struct world {
	struct worker w;
	struct worker_ops ops;
	struct ipc_link *master; /* its end */
	struct users *users;
	struct ipc_link *parent; /* the worker `users` */
	bool refuses;
	struct ipc_link *processes[PROCESSES_MAX];
	int raw[PROCESSES_MAX]; /* their sockets */
	size_t n_processes;
	char heard[256]; /* by them, and the outcomes */
};
/* one for each row: what they hold is held to the end */
static struct world worlds[16], *t;

static void
hear(const char *text)
{
	size_t n = strlen(t->heard);

	(void)snprintf(t->heard + n, sizeof(t->heard) - n, "%s ", text);
}

static void
ignore_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	(void)ctx;
	(void)why;
	if (link == t->parent)
		t->parent = NULL;
	for (size_t i = 0; i < t->n_processes; i++)
		if (t->processes[i] == link)
			t->processes[i] = NULL;
	ipc_link_free(&link);
}

static struct ipc_link *
link_of(int fd, enum role self, enum role peer, ipc_handler *const *handlers)
{
	return ipc_link_new(&(struct ipc_link_args){.base = t->w.base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = ignore_closed,
	    .fd = fd,
	    .self = self,
	    .peer = peer,
	    .phase = IPC_RUN});
}

static void
on_deliver(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_deliver *m = &msg->deliver;
	char text[64];

	(void)ctx;
	(void)link;
	(void)snprintf(text, sizeof(text), SPAN_FMT "%u%s",
	    SPAN_ARG(m->account), m->rcpt, m->again != 0 ? "again" : "");
	hear(text);
}

static ipc_handler *const process_handlers[MSG_COUNT] = {
    [MSG_DELIVER] = on_deliver,
};

static void
on_session_open(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct msg_session_open *m = &msg->session_open;
	bool program = span_at(m->account, 0) == '|';
	struct span service =
	    program ? SPAN_LIT("action") : SPAN_LIT("deliver");

	(void)ctx;
	assert_true(span_eq(m->service, service));
	if (t->refuses) {
		(void)proto_send_session_opened(
		    link, &(struct msg_session_opened){
			      m->id, RC_TEMP, SPAN_LIT("full")});
		return;
	}
	assert_true(t->n_processes < PROCESSES_MAX);
	t->raw[t->n_processes] = dup(m->socket);
	t->processes[t->n_processes++] =
	    link_of(m->socket, ROLE_SESSION, ROLE_LOCAL, process_handlers);
	m->socket = -1;
}

static ipc_handler *const parent_handlers[MSG_COUNT] = {
    [MSG_SESSION_OPEN] = on_session_open,
};

static ipc_handler *const no_handlers[MSG_COUNT] = {NULL};

static void
settle(void)
{
	for (int i = 0; i < 20; i++) {
		event_base_loop(t->w.base, EVLOOP_NONBLOCK);
		(void)usleep(200);
	}
}

static void
pair(int fds[2])
{
	assert_int_equal(
	    socketpair(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
	    0);
}

static void
on_done(void *ctx, const struct users_outcome *o)
{
	char text[64];

	(void)ctx;
	(void)snprintf(text, sizeof(text), "%s:%s:" SPAN_FMT SPAN_FMT "%s",
	    why_rc_name(o->why.rc), o->why.status, SPAN_ARG(o->name),
	    SPAN_ARG(o->forward), o->kept ? "+" : "");
	hear(text);
}

static void
deliver(const char *account, uint32_t rcpt)
{
	static struct maildir_deliver d[10];

	d[rcpt] = (struct maildir_deliver){.qid = SPAN_LIT("qid"),
	    .rcpt = rcpt,
	    .account = span_of(account),
	    .trace = SPAN_LIT("T\n"),
	    .file = STDERR_FILENO};
	users_deliver(t->users, &d[rcpt], on_done, NULL);
	settle();
}

static void
answer(size_t process, uint32_t rcpt, uint8_t rc, const char *status)
{
	assert_true(proto_send_delivered(t->processes[process],
	    &(struct msg_delivered){
		SPAN_LIT("qid"), rcpt, rc, span_of(status), SPAN_LIT("file")}));
	settle();
}

static void
die(size_t process)
{
	ipc_link_free(&t->processes[process]);
	io_close(&t->raw[process]);
	settle();
}

/* ---- the rows ---- */

static void
one_process_for_all(void)
{
	deliver("ann", 1);
	deliver("ann", 2);
	deliver("bob", 3);
	answer(0, 2, RC_OK, "2.0.0");
	answer(0, 1, RC_OK, "2.0.0");
	answer(1, 3, RC_TEMP, "4.2.2");
	deliver("ann", 4);
	answer(0, 4, RC_OK, "2.0.0");
	assert_int_equal(t->n_processes, 2);
}

/* It may have delivered before it died. */
static void
dies_once(void)
{
	deliver("ann", 1);
	die(0);
	answer(1, 1, RC_OK, "2.0.0");
}

static void
dies_twice(void)
{
	deliver("ann", 1);
	die(0);
	die(1);
	assert_int_equal(t->n_processes, 2);
}

static void
refused(void)
{
	t->refuses = true;
	deliver("ann", 1);
}

/* What comes meanwhile waits for the next one. */
static void
no_worker(void)
{
	int fds[2];

	ipc_link_free(&t->parent);
	settle();
	deliver("ann", 1);
	deliver("bob", 2);
	assert_string_equal(t->heard, "");
	assert_int_equal(users_pending(t->users), 2);
	pair(fds);
	users_link(t->users, fds[0]);
	t->parent = link_of(fds[1], ROLE_USERS, ROLE_LOCAL, parent_handlers);
	settle();
	answer(0, 1, RC_OK, "2.0.0");
	answer(1, 2, RC_OK, "2.0.0");
	assert_int_equal(users_pending(t->users), 0);
}

/* The processes that there are go on. */
static void
worker_dies(void)
{
	deliver("ann", 1);
	ipc_link_free(&t->parent);
	settle();
	answer(0, 1, RC_OK, "2.0.0");
	deliver("ann", 2);
	answer(0, 2, RC_OK, "2.0.0");
}

/* ~/.forward is the process's to read: what it says goes to qmgr. */
static void
sends_on(void)
{
	struct msg_forward m = {.qid = SPAN_LIT("qid"),
	    .rcpt = 1,
	    .targets = SPAN_LIT("bob@x.example")};

	deliver("ann", 1);
	(void)proto_send_forward(t->processes[0], &m);
	settle();
	deliver("ann", 2);
	m.rcpt = 2;
	m.kept = 1;
	(void)proto_send_forward(t->processes[0], &m);
	settle();
	deliver("ann", 3);
	m.rcpt = 3;
	m.targets = SPAN_NONE;
	(void)proto_send_forward(t->processes[0], &m);
	settle();
}

/* A user's process is nobody to be believed in more than its own outcome. */
static void
lies(void)
{
	deliver("ann", 1);
	answer(0, 7, RC_OK, "2.0.0");
	answer(0, 1, 77, "4.0.0-and-much-more");
	deliver("ann", 2);
	answer(0, 2, RC_WAIT, "2.0.0");
	deliver("ann", 3);
	assert_int_equal(write(t->raw[0], "nonsense", 8), 8);
	settle();
}

/* Whose process does not go on holds up himself only. */
static void
stands_still(void)
{
	static struct maildir_deliver d[66];

	for (uint32_t i = 0; i < 65; i++) {
		d[i] = (struct maildir_deliver){.qid = SPAN_LIT("qid"),
		    .rcpt = i,
		    .account = SPAN_LIT("ann"),
		    .file = STDERR_FILENO};
		users_deliver(t->users, &d[i], on_done, NULL);
	}
	assert_string_equal(t->heard, "temp:4.3.0: ");
	settle();
	t->heard[0] = '\0';
	deliver("bob", 1);
	answer(1, 1, RC_OK, "2.0.0");
}

/* Several such users together do not use up the worker's room. */
static void
many_stand_still(void)
{
	static const char *const names[] = {"a", "b", "c", "d", "e"};
	static struct maildir_deliver d[5][64];

	for (uint32_t i = 0; i < 5 * 64; i++) {
		d[i / 64][i % 64] =
		    (struct maildir_deliver){.qid = SPAN_LIT("qid"),
			.rcpt = i,
			.account = span_of(names[i / 64]),
			.file = STDERR_FILENO};
		users_deliver(t->users, &d[i / 64][i % 64], on_done, NULL);
		if (i == 255)
			assert_string_equal(t->heard, "");
		else if (i > 255)
			assert_string_equal(t->heard, "temp:4.3.0: ");
		t->heard[0] = '\0';
	}
	assert_int_equal(users_pending(t->users), 256);
	settle();
	die(0);
	/* they go to its next process, and are counted once */
	assert_int_equal(users_pending(t->users), 256);
	t->heard[0] = '\0';
}

/* For 5.1 seconds: the next delivery has another process. */
static void
wait_for_a_new_box(void)
{
	for (int i = 0; i < 510; i++) {
		event_base_loop(t->w.base, EVLOOP_NONBLOCK);
		(void)usleep(10000);
	}
}

/* That he is asked for anew gives him no more room, until one of them works. */
static void
stands_still_for_long(void)
{
	static struct maildir_deliver d[12];

	for (uint32_t i = 0; i < 12; i++) {
		d[i] = (struct maildir_deliver){.qid = SPAN_LIT("qid"),
		    .rcpt = i,
		    .account = SPAN_LIT("ann"),
		    .file = STDERR_FILENO};
		if (i == 10)
			wait_for_a_new_box();
		if (i == 10)
			t->heard[0] = '\0';
		if (i < 11)
			users_deliver(t->users, &d[i], on_done, NULL);
	}
	assert_string_equal(t->heard, "temp:4.3.0: ");
	assert_int_equal(users_pending(t->users), 10);
	answer(0, 3, RC_OK, "2.0.0");
	t->heard[0] = '\0';
	users_deliver(t->users, &d[11], on_done, NULL);
	settle();
	assert_int_equal(users_pending(t->users), 10);
}

/* The whole of a user's waits, whichever process of his it is for. */
static void
one_for_all_boxes(void)
{
	static struct maildir_deliver d[65];

	for (uint32_t i = 0; i < 65; i++) {
		d[i] = (struct maildir_deliver){.qid = SPAN_LIT("qid"),
		    .rcpt = i,
		    .account = SPAN_LIT("ann"),
		    .file = STDERR_FILENO};
		if (i == 60) {
			wait_for_a_new_box();
			answer(0, 0, RC_OK, "2.0.0");
			t->heard[0] = '\0';
		}
		users_deliver(t->users, &d[i], on_done, NULL);
	}
	assert_int_equal(users_pending(t->users), 64);
	users_deliver(t->users, &d[0], on_done, NULL);
	assert_string_equal(t->heard, "temp:4.3.0: ");
	settle();
	t->heard[0] = '\0';
}

static const struct row {
	const char *name;
	void (*act)(void);
	const char *heard;
} rows[] = {
    {"one process for all", one_process_for_all,
	"ann1 ann2 bob3 ok:2.0.0:file ok:2.0.0:file temp:4.2.2: ann4 "
	"ok:2.0.0:file "},
    {"dies once", dies_once, "ann1 ann1again ok:2.0.0:file "},
    {"dies twice", dies_twice, "ann1 ann1again temp:4.3.0: "},
    {"refused", refused, "temp:4.3.0: "},
    {"no worker", no_worker, "ann1 bob2 ok:2.0.0:file ok:2.0.0:file "},
    {"worker dies", worker_dies, "ann1 ok:2.0.0:file ann2 ok:2.0.0:file "},
    {"sends on", sends_on,
	"ann1 ok:2.0.0:bob@x.example ann2 ok:2.0.0:bob@x.example+ ann3 "
	"temp:4.3.0:+ "},
    {"stands still", stands_still, "bob1 ok:2.0.0:file "},
    {"many stand still", many_stand_still, ""},
    {"stands still for long", stands_still_for_long, "ann11 "},
    {"one bound for all of a user's boxes", one_for_all_boxes, ""},
    {"lies", lies, "ann1 temp:4.3.0: ann2 temp:2.0.0: ann3 ann3again "},
};

static void
begin(void)
{
	int fds[2];

	t = t == NULL ? worlds : t + 1;
	t->ops.role = ROLE_LOCAL;
	t->w.ops = &t->ops;
	t->w.base = event_base_new();
	log_open(STDERR_FILENO, "test", LOG_ERROR, false);
	/* told of nonsense */
	pair(fds);
	t->w.master = link_of(fds[0], ROLE_LOCAL, ROLE_MASTER, no_handlers);
	t->master = link_of(fds[1], ROLE_MASTER, ROLE_LOCAL, no_handlers);
	t->users = users_new(&t->w);
	pair(fds);
	t->parent = link_of(fds[1], ROLE_USERS, ROLE_LOCAL, parent_handlers);
	users_link(t->users, fds[0]);
	settle();
}

static void
check_row(void **state)
{
	const struct row *row = *state;

	begin();
	row->act();
	assert_string_equal(t->heard, row->heard);
}

ROWS_MAIN(rows, check_row)

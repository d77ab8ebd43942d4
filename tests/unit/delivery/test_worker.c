/*
 * mailstead-delivery itself, in its sandbox, with this program as its master
 * and qmgr. A row's script:
 *
 *   link    a new qmgr is there      cut   it has gone
 *   junk    it sends what is no message
 *   d1      it has a message for recipient 1
 *   drain   for a new generation     stop  for all
 *   status  is asked for
 *   big     the message has 64 MB   busy  until its delivery is under way
 *   =text   until exactly this was heard, from the beginning: [] hello of a
 *           link, d delivered, s status, b bad peer, x the program's end
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/conf/conf.h"
#include "lib/proto/proto.h"
#include "lib/sandbox/sandbox.h"
#include "tests/unit/lib/maildir/box.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define UID     61236
#define WAIT_MS 20000
#define BUSY    2 /* number of a question */

struct row {
	const char *name;
	const char *script;
	int files; /* delivered */
};

static const struct row rows[] = {
    {"delivers", "link =[] d1 d2 =[]dd stop cut =[]ddx", 2},
    {"stops without a qmgr", "stop =x", -1},
    {"serves until qmgr has gone", "link =[] stop d1 =[]d cut =[]dx", 1},
    {"a new generation: ends when idle", "link =[] d1 =[]d drain =[]drx", 1},
    {"a new generation, then stop", "stop drain =x", -1},
    {"a new generation: ends what is under way",
	"link =[] big d1 busy drain =[]rdx", 1},
    {"stop: ends what is under way", "link =[] big d1 busy stop cut =[]x", 1},
    {"status", "link =[] d1 =[]d status =[]ds stop cut =[]dsx", 1},
    {"the next qmgr", "link =[] cut link =[][] d1 =[][]d drain =[][]drx", 1},
    {"nonsense closes that link",
	"link =[] junk =[]b link =[]b[] d1 =[]b[]d "
	"drain =[]b[]drx",
	1},
};

static struct {
	struct event_base *base;
	struct ipc_link *master;
	struct ipc_link *qmgr;
	int qmgr_fd;
	pid_t pid;
	bool busy;
	char heard[64];
} t;

static void
hear(const char *what)
{
	size_t n = strlen(t.heard);

	(void)snprintf(t.heard + n, sizeof(t.heard) - n, "%s", what);
}

static void
on_ready(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)msg;
	ipc_link_phase(link, IPC_RUN);
}

static void
on_status(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	if (msg->status.id == BUSY)
		t.busy |= span_starts(msg->status.text, SPAN_LIT("jobs=1 "));
	else if (span_eq(msg->status.text,
		     SPAN_LIT("jobs=0 for_users=0 delivered=1 failed=0")))
		hear("s");
}

static void
on_bad_peer(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	if (msg->bad_peer.role == ROLE_QMGR)
		hear("b");
}

static void
on_underway_end(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	if (msg->underway_end.count == 0)
		hear("[]");
}

static void
on_retire(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	(void)msg;
	hear("r");
}

static void
on_delivered(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	hear(msg->delivered.rc == RC_OK ? "d" : "f");
}

static ipc_handler *const master_handlers[MSG_COUNT] = {[MSG_READY] = on_ready,
    [MSG_STATUS] = on_status,
    [MSG_BAD_PEER] = on_bad_peer};
static ipc_handler *const qmgr_handlers[MSG_COUNT] = {
    [MSG_UNDERWAY_END] = on_underway_end,
    [MSG_DELIVERED] = on_delivered,
    [MSG_RETIRE] = on_retire};

static void
on_master_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	int status = -1;

	(void)ctx;
	(void)link;
	(void)why;
	if (waitpid(t.pid, &status, 0) != t.pid || status != 0)
		hear("!");
	t.pid = 0;
	hear("x");
}

static void
on_qmgr_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	(void)ctx;
	(void)why;
	ipc_link_free(&link);
	t.qmgr = NULL;
}

static struct ipc_link *
link_new(enum role self, int fd)
{
	bool master = self == ROLE_MASTER;

	return ipc_link_new(&(struct ipc_link_args){.base = t.base,
	    .schema = proto_schema(),
	    .handlers = master ? master_handlers : qmgr_handlers,
	    .on_closed = master ? on_master_closed : on_qmgr_closed,
	    .fd = fd,
	    .self = self,
	    .peer = ROLE_LOCAL,
	    .phase = master ? IPC_SETUP : IPC_RUN});
}

static void
pair(int fds[2])
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

static void
new_qmgr(void)
{
	int fds[2];

	ipc_link_free(&t.qmgr);
	pair(fds);
	t.qmgr_fd = fds[0];
	t.qmgr = link_new(ROLE_QMGR, fds[0]);
	assert_true(proto_send_link(
	    t.master, &(struct msg_link){ROLE_QMGR, 0, fds[1]}));
	io_close(&fds[1]);
}

static void
set_up(void)
{
	struct conf *conf = NULL;
	struct buf text, errors;

	buf_init(&text, 60000);
	buf_init(&errors, 60000);
	assert_int_equal(conf_load_text(SPAN_LIT("hostname: localhost\n"
						 "domains: [localhost]\n"),
			     "test", &conf, &errors),
	    RC_OK);
	assert_true(
	    conf_encode(conf, CONF_TOP | CONF_DELIVERY | CONF_LOG, &text));
	proto_send_setup(t.master, &(struct msg_setup){.generation = 1,
				       .set_ids = geteuid() == 0,
				       .uid = UID,
				       .gid = UID,
				       .landlock_abi = 99});
	proto_send_conf(t.master, &(struct msg_conf){buf_span(&text)});
	proto_send_path(t.master,
	    &(struct msg_path){SPAN_LIT("mail"), span_of(box.top),
		SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE | SANDBOX_REMOVE});
	assert_true(proto_send_start(t.master, &(struct msg_start){0}));
	conf_free(&conf);
	buf_fini(&text);
	buf_fini(&errors);
}

static void
start(void)
{
	const char *build = getenv("BUILD");
	char path[512];
	int fds[2];

	(void)snprintf(path, sizeof(path), "%s/bin/mailstead-delivery",
	    build == NULL ? "build/out" : build);
	pair(fds);
	t.pid = fork();
	if (t.pid == 0) {
		int fd = fcntl(fds[1], F_DUPFD, 10);

		/* the search for leaks needs ptrace, which a worker lacks */
		if (fd >= 0 && dup2(fd, 3) == 3 && close(fd) == 0 &&
		    setenv("ASAN_OPTIONS", "detect_leaks=0", 1) == 0)
			execl(path, path, "--worker", (char *)NULL);
		_exit(127);
	}
	io_close(&fds[1]);
	t.master = link_new(ROLE_MASTER, fds[0]);
	set_up();
}

static void
deliver(uint32_t rcpt)
{
	assert_true(proto_send_deliver(
	    t.qmgr, &(struct msg_deliver){.qid = SPAN_LIT("qid"),
			.rcpt = rcpt,
			.account = box.d.account,
			.sender = box.d.sender,
			.trace = SPAN_LIT("Received: by us\n"),
			.arrived = 5,
			.offset = box.d.offset,
			.size = box.d.size,
			.file = box.d.file}));
}

static void
await(struct span want)
{
	uint64_t end = clock_mono_ms() + WAIT_MS;

	while (!span_eq(span_of(t.heard), want)) {
		if (clock_mono_ms() > end || strlen(t.heard) > want.n)
			fail_msg(
			    "heard %s, not " SPAN_FMT, t.heard, SPAN_ARG(want));
		event_base_loop(t.base, EVLOOP_NONBLOCK);
		(void)usleep(500);
	}
}

/* Sparse: what takes its time is the writing. */
static void
make_big(void)
{
	box.d.size = 64 << 20;
	assert_int_equal(ftruncate(box.d.file, 65 << 20), 0);
}

static void
until_busy(void)
{
	uint64_t end = clock_mono_ms() + WAIT_MS;

	for (t.busy = false; !t.busy; (void)usleep(1000)) {
		assert_true(clock_mono_ms() < end);
		proto_send_status_ask(t.master, &(struct msg_status_ask){BUSY});
		event_base_loop(t.base, EVLOOP_NONBLOCK);
	}
}

static void
step(struct span word)
{
	if (word.p[0] == '=')
		await(span_from(word, 1));
	else if (span_eq(word, SPAN_LIT("link")))
		new_qmgr();
	else if (span_eq(word, SPAN_LIT("cut")))
		ipc_link_free(&t.qmgr);
	else if (span_eq(word, SPAN_LIT("junk")))
		assert_int_equal(send(t.qmgr_fd, "junk", 4, 0), 4);
	else if (span_eq(word, SPAN_LIT("big")))
		make_big();
	else if (span_eq(word, SPAN_LIT("busy")))
		until_busy();
	else if (span_eq(word, SPAN_LIT("drain")))
		proto_send_drain(t.master, &(struct msg_drain){0});
	else if (span_eq(word, SPAN_LIT("stop")))
		proto_send_drain(t.master, &(struct msg_drain){1});
	else if (span_eq(word, SPAN_LIT("status")))
		proto_send_status_ask(t.master, &(struct msg_status_ask){1});
	else
		deliver((uint32_t)(word.p[1] - '0'));
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct span script = span_of(row->script);

	box_make();
	if (geteuid() == 0)
		assert_int_equal(fchown(box.mail, UID, UID), 0);
	box_message(SPAN_LIT("a: b\r\n\r\nc\r\n"));
	t.heard[0] = '\0';
	t.base = event_base_new();
	start();
	while (script.p != NULL)
		step(span_cut(&script, ' '));
	if (row->files >= 0)
		assert_int_equal(box_count("new"), row->files);
	ipc_link_free(&t.qmgr);
	ipc_link_free(&t.master);
	event_base_free(t.base);
	box_remove();
}

ROWS_MAIN(rows, check_row)

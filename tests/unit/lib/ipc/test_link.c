/* What a hostile or broken peer can do to a link: close it, and no more. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/io.h"
#include "lib/proto/proto.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define FDS_BEFORE 256

static struct {
	struct event_base *base;
	struct ipc_link *link;
	int peer;
	unsigned taken;
	bool closed;
	bool bad;
	struct why why;
} t;

static void
on_commit(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	(void)ctx;
	(void)link;
	t.taken++;
	assert_int_equal(msg->commit.txn, 7);
	assert_true(span_eq(msg->commit.sender, SPAN_LIT("a@example.org")));
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	(void)ctx;
	t.closed = true;
	t.bad = why != NULL;
	if (why != NULL)
		t.why = *why;
	ipc_link_free(&link);
	t.link = NULL;
}

static ipc_handler *const handlers[MSG_COUNT] = {[MSG_COMMIT] = on_commit};

static void
put(const void *p, size_t n, const int *fds, size_t n_fds)
{
	char control[CMSG_SPACE(sizeof(int) * 8)] = "";
	struct iovec iov = {(void *)(uintptr_t)p, n};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c = (void *)control;

	if (n_fds > 0) {
		mh.msg_control = control;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	assert_int_equal(sendmsg(t.peer, &mh, MSG_NOSIGNAL), n);
}

static void
put_hello(uint32_t role, uint64_t hash)
{
	struct {
		uint16_t type;
		uint16_t n_fds;
		uint32_t role;
		uint64_t hash;
	} h = {0xffff, 0, role, hash};

	put(&h, sizeof(h), NULL, 0);
}

static void
greet(void)
{
	put_hello(ROLE_SMTPD, ipc_schema_hash(proto_schema()));
}

static void
frame(uint16_t type, const union ipc_msg *msg, struct ipc_frame *f)
{
	struct why why;

	buf_init(&f->bytes, IPC_FRAME_MAX);
	assert_int_equal(ipc_encode(proto_schema(), type, msg, f, &why), RC_OK);
}

static struct ipc_frame
commit(int fd)
{
	union ipc_msg msg = {
	    .commit = {
		.txn = 7, .sender = SPAN_LIT("a@example.org"), .body = fd}};
	struct ipc_frame f;

	frame(MSG_COMMIT, &msg, &f);
	return f;
}

static void
good(void)
{
	struct ipc_frame f = commit(STDERR_FILENO);

	greet();
	put(f.bytes.p, f.bytes.n, f.fds, f.n_fds);
	buf_fini(&f.bytes);
}

static void
no_hello(void)
{
	struct ipc_frame f = commit(-1);

	put(f.bytes.p, f.bytes.n, NULL, 0);
	buf_fini(&f.bytes);
}

static void
other_role(void)
{
	put_hello(ROLE_LOCAL, ipc_schema_hash(proto_schema()));
}

static void
other_schema(void)
{
	put_hello(ROLE_SMTPD, ipc_schema_hash(proto_schema()) ^ 1);
}

static void
unknown_type(void)
{
	greet();
	put("\xff\x7f\0\0", 4, NULL, 0);
}

static void
not_its_to_send(void)
{
	union ipc_msg msg = {.delivered = {.qid = SPAN_LIT("x")}};
	struct ipc_frame f;

	greet();
	frame(MSG_DELIVERED, &msg, &f);
	put(f.bytes.p, f.bytes.n, NULL, 0);
	buf_fini(&f.bytes);
}

static void
wrong_phase(void)
{
	ipc_link_phase(t.link, IPC_SETUP);
	good();
}

static void
not_handled(void)
{
	union ipc_msg msg = {.commit_rcpt = {.txn = 1}};
	struct ipc_frame f;

	greet();
	frame(MSG_COMMIT_RCPT, &msg, &f);
	put(f.bytes.p, f.bytes.n, NULL, 0);
	buf_fini(&f.bytes);
}

static void
cut(void)
{
	struct ipc_frame f = commit(-1);

	greet();
	put(f.bytes.p, f.bytes.n - 1, NULL, 0);
	buf_fini(&f.bytes);
}

static void
too_long(void)
{
	struct ipc_frame f = commit(-1);

	greet();
	buf_putc(&f.bytes, 'x');
	put(f.bytes.p, f.bytes.n, NULL, 0);
	buf_fini(&f.bytes);
}

static void
line_in_text(void)
{
	struct ipc_frame f = commit(-1);
	char *at;

	greet();
	at = memmem(f.bytes.p, f.bytes.n, "example", 7);
	at[0] = '\n';
	put(f.bytes.p, f.bytes.n, NULL, 0);
	buf_fini(&f.bytes);
}

static void
lying_length(void)
{
	struct ipc_frame f = commit(-1);

	greet();
	/* head, txn, then the sender's length */
	memset(f.bytes.p + 4 + 8, 0xff, 4);
	put(f.bytes.p, f.bytes.n, NULL, 0);
	buf_fini(&f.bytes);
}

static void
fd_promised_not_sent(void)
{
	struct ipc_frame f = commit(STDERR_FILENO);

	greet();
	put(f.bytes.p, f.bytes.n, NULL, 0);
	buf_fini(&f.bytes);
}

static void
fd_too_many(void)
{
	struct ipc_frame f = commit(-1);
	int fds[8] = {2, 2, 2, 2, 2, 2, 2, 2};

	greet();
	put(f.bytes.p, f.bytes.n, fds, 8);
	buf_fini(&f.bytes);
}

static void
goodbye(void)
{
	greet();
	io_close(&t.peer);
}

static void
floods(void)
{
	struct msg_queue_state state = {0, SPAN_LIT("")};
	char text[60000];

	greet();
	memset(text, 'x', sizeof(text));
	state.text = span_make(text, sizeof(text));
	/* the peer never reads */
	while (proto_send_queue_state(t.link, &state))
		continue;
}

static const struct row {
	const char *name;
	void (*act)(void);
	unsigned taken;
	const char *why; /* NULL: the link stays; "": closed in order */
} rows[] = {
    {"a good commit", good, 1, NULL},
    {"end", goodbye, 0, ""},
    {"no hello", no_hello, 0, "no hello"},
    {"hello of another role", other_role, 0, "hello of another role"},
    {"another schema", other_schema, 0, "hello of another version"},
    {"unknown type", unknown_type, 0, "unknown message"},
    {"not this peer's to send", not_its_to_send, 0,
	"message delivered is not this peer's to send"},
    {"wrong phase", wrong_phase, 0, "message commit is not expected now"},
    {"not handled here", not_handled, 0,
	"message commit_rcpt is not expected now"},
    {"cut", cut, 0, "message commit: bad field body"},
    {"too long", too_long, 0, "message commit: 1 bytes too many"},
    {"a line end in text", line_in_text, 0, "message commit: bad field sender"},
    {"a length that lies", lying_length, 0, "message commit: bad field sender"},
    {"descriptor missing", fd_promised_not_sent, 0,
	"message commit: 0 descriptors where 1 belong"},
    {"too many descriptors", fd_too_many, 0, "frame too large"},
    {"a peer that does not read", floods, 0, "the peer does not read"},
};

static unsigned
open_fds(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < FDS_BEFORE; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	unsigned fds = open_fds();
	int pair[2];

	memset(&t, 0, sizeof(t));
	t.base = event_base_new();
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	t.peer = pair[1];
	t.link = ipc_link_new(&(struct ipc_link_args){.base = t.base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_closed,
	    .fd = pair[0],
	    .self = ROLE_QMGR,
	    .peer = ROLE_SMTPD,
	    .phase = IPC_RUN});
	row->act();
	for (int i = 0; i < 10; i++)
		(void)event_base_loop(t.base, EVLOOP_NONBLOCK);
	assert_int_equal(t.taken, row->taken);
	assert_int_equal(t.closed, row->why != NULL);
	if (row->why != NULL && row->why[0] != '\0')
		assert_string_equal(t.why.text, row->why);
	assert_int_equal(t.bad, row->why != NULL && row->why[0] != '\0');
	ipc_link_free(&t.link);
	io_close(&t.peer);
	event_base_free(t.base);
	/* no descriptor that came along is left open */
	assert_int_equal(open_fds(), fds);
}

ROWS_MAIN(rows, check_row)

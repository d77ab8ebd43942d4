/*
 * One end of a conversation: see link.h. Owns its socket and what waits to
 * go out. Invariant: after `closed` nothing is read or written any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/ipc/codec.h"
#include "lib/ipc/link.h"
#include "lib/base/banned.h"

/* packets handled in one turn, so that one link cannot starve the others */
#define TURN_MAX 64

struct hello {
	uint16_t type; /* HELLO_TYPE */
	uint16_t n_fds;
	uint32_t role;
	uint64_t hash;
};

#define HELLO_TYPE 0xffff

struct packet {
	STAILQ_ENTRY(packet) next;
	size_t n;
	size_t n_fds;
	int fds[IPC_FDS_MAX];
	char data[];
};

struct ipc_link {
	struct ipc_link_args a;
	struct event *ev_read;
	struct event *ev_write;
	struct event *ev_closed;
	STAILQ_HEAD(, packet) queue;
	size_t queued; /* bytes */
	bool greeted;
	bool paused;
	bool closed;
	bool failed; /* closed for `why`, not by the other end */
	bool busy;   /* inside a turn: free is put off */
	bool freed;
	struct why why;
	uint64_t hash;
};

union control {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
};

static void
packet_free(struct packet *p)
{
	for (size_t i = 0; i < p->n_fds; i++)
		io_close(&p->fds[i]);
	free(p);
}

static void
destroy(struct ipc_link *l)
{
	struct packet *p;

	while ((p = STAILQ_FIRST(&l->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->queue, next);
		packet_free(p);
	}
	event_free(l->ev_read);
	event_free(l->ev_write);
	event_free(l->ev_closed);
	io_close(&l->a.fd);
	free(l);
}

/* The owner hears of it in a turn of its own, never inside its own call. */
static void
close_link(struct ipc_link *l, const struct why *why)
{
	if (l->closed)
		return;
	l->closed = true;
	if (why != NULL) {
		l->failed = true;
		l->why = *why;
	}
	(void)event_del(l->ev_read); /* fails only when not added */
	(void)event_del(l->ev_write);
	event_active(l->ev_closed, EV_TIMEOUT, 0);
}

static void
on_closed_event(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_link *l = arg;

	(void)fd;
	(void)what;
	l->a.on_closed(l->a.ctx, l, l->failed ? &l->why : NULL);
}

/* 1 sent, 0 the socket is full, -1 closed */
static int
write_packet(struct ipc_link *l, const void *data, size_t n, const int *fds,
    size_t n_fds)
{
	union control control;
	/* sendmsg takes them as not const but does not write */
	struct iovec iov = {(void *)(uintptr_t)data, n};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	struct why why;

	if (n_fds > 0) {
		memset(&control, 0, sizeof(control));
		mh.msg_control = &control;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * n_fds);
	}
	for (;;) {
		if (sendmsg(l->a.fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 1;
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == ENOBUFS ||
		    errno == ETOOMANYREFS)
			return 0;
		/* what the peer still sent is read before the end is told */
		if (errno == EPIPE || errno == ECONNRESET)
			return 1;
		why_sys(&why, RC_TEMP, "4.3.0", "sendmsg");
		close_link(l, &why);
		return -1;
	}
}

static void
on_write(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_link *l = arg;
	struct packet *p;

	(void)fd;
	(void)what;
	while ((p = STAILQ_FIRST(&l->queue)) != NULL) {
		if (write_packet(l, p->data, p->n, p->fds, p->n_fds) <= 0)
			break;
		STAILQ_REMOVE_HEAD(&l->queue, next);
		l->queued -= p->n;
		packet_free(p);
	}
	if (!l->closed && p != NULL)
		event_add(l->ev_write, NULL);
}

static bool
enqueue(struct ipc_link *l, const void *data, size_t n, const int *fds,
    size_t n_fds)
{
	struct packet *p;
	struct why why;

	if (l->queued + n > IPC_QUEUE_MAX) {
		why_set(&why, RC_PERM, "4.3.0", "the peer does not read");
		close_link(l, &why);
		return false;
	}
	p = mem_alloc(sizeof(*p) + n);
	p->n = n;
	memcpy(p->data, data, n);
	for (; p->n_fds < n_fds; p->n_fds++) {
		p->fds[p->n_fds] = fcntl(fds[p->n_fds], F_DUPFD_CLOEXEC, 0);
		if (p->fds[p->n_fds] < 0) {
			why_sys(&why, RC_TEMP, "4.3.0", "dup");
			close_link(l, &why);
			packet_free(p);
			return false;
		}
	}
	STAILQ_INSERT_TAIL(&l->queue, p, next);
	l->queued += n;
	event_add(l->ev_write, NULL);
	return true;
}

static bool
send_packet(struct ipc_link *l, const void *data, size_t n, const int *fds,
    size_t n_fds)
{
	int sent = 0;

	if (l->closed)
		return false;
	if (STAILQ_EMPTY(&l->queue))
		sent = write_packet(l, data, n, fds, n_fds);
	if (sent != 0)
		return sent > 0;
	return enqueue(l, data, n, fds, n_fds);
}

bool
ipc_send(struct ipc_link *l, uint16_t type, const union ipc_msg *msg)
{
	const struct ipc_row *row = &l->a.schema->rows[type];
	struct ipc_frame f = {.n_fds = 0};
	struct why why;
	bool sent = false;

	if (l->closed)
		return false;
	if ((row->from & 1U << l->a.self) == 0 ||
	    (row->to & 1U << l->a.peer) == 0)
		bug("message sent against its row");
	buf_init(&f.bytes, IPC_FRAME_MAX);
	if (ipc_encode(l->a.schema, type, msg, &f, &why) == RC_OK)
		sent = send_packet(l, f.bytes.p, f.bytes.n, f.fds, f.n_fds);
	else
		close_link(l, &why);
	secret_wipe(f.bytes.p, f.bytes.n);
	buf_fini(&f.bytes);
	return sent;
}

/* the first packet: who is there, and do we speak the same schema? */
static enum rc
take_hello(struct ipc_link *l, const struct ipc_packet *packet, struct why *why)
{
	struct hello h;

	if (packet->bytes.n != sizeof(h) || packet->n_fds != 0)
		return why_set(why, RC_PERM, "5.3.0", "no hello");
	memcpy(&h, packet->bytes.p, sizeof(h));
	if (h.type != HELLO_TYPE || h.role != l->a.peer)
		return why_set(why, RC_PERM, "5.3.0", "hello of another role");
	if (h.hash != l->hash)
		return why_set(
		    why, RC_PERM, "5.3.0", "hello of another version");
	l->greeted = true;
	return RC_OK;
}

static enum rc
take_frame(struct ipc_link *l, const struct ipc_packet *packet, struct why *why)
{
	const struct ipc_row *row;
	union ipc_msg *msg;
	enum rc rc = RC_OK;
	uint16_t type;

	if (!l->greeted)
		return take_hello(l, packet, why);
	msg = mem_alloc(l->a.schema->msg_size);
	if (ipc_decode(l->a.schema, packet, &type, msg, why) != RC_OK) {
		free(msg);
		return RC_PERM;
	}
	row = &l->a.schema->rows[type];
	if ((row->from & 1U << l->a.peer) == 0 ||
	    (row->to & 1U << l->a.self) == 0)
		rc = why_set(why, RC_PERM, "5.3.0",
		    "message %s is not this peer's to send", row->name);
	else if ((row->phase & l->a.phase) == 0 || l->a.handlers[type] == NULL)
		rc = why_set(why, RC_PERM, "5.3.0",
		    "message %s is not expected now", row->name);
	else
		l->a.handlers[type](l->a.ctx, l, msg);
	ipc_msg_close(l->a.schema, type, msg);
	free(msg);
	return rc;
}

static size_t
collect_fds(struct msghdr *mh, int *fds)
{
	size_t n_fds = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c != NULL;
	     c = CMSG_NXTHDR(mh, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		if (n > IPC_FDS_MAX - n_fds)
			n = IPC_FDS_MAX - n_fds;
		memcpy(fds + n_fds, CMSG_DATA(c), n * sizeof(int));
		n_fds += n;
	}
	return n_fds;
}

/* 1 handled a packet, 0 nothing there, -1 closed */
static int
read_packet(struct ipc_link *l, char *space, int flags)
{
	union control control;
	struct iovec iov = {space, IPC_FRAME_MAX};
	struct msghdr mh = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	int fds[IPC_FDS_MAX] = {-1, -1, -1, -1};
	size_t n_fds;
	struct why why;
	enum rc rc;
	ssize_t n;

	do
		n = recvmsg(l->a.fd, &mh, MSG_CMSG_CLOEXEC | flags);
	/* a peer that closed with unread input of its own is told of first;
	 * what it had sent us comes behind that error */
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) {
		if (n < 0)
			why_sys(&why, RC_TEMP, "4.3.0", "recvmsg");
		close_link(l, n < 0 ? &why : NULL);
		return -1;
	}
	n_fds = collect_fds(&mh, fds);
	if ((mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		rc = why_set(&why, RC_PERM, "5.3.0", "frame too large");
	else
		rc = take_frame(l,
		    &(struct ipc_packet){
			span_make(space, (size_t)n), n_fds, fds},
		    &why);
	for (size_t i = 0; i < n_fds; i++)
		io_close(&fds[i]);
	secret_wipe(space, (size_t)n); /* it may have been a password */
	if (rc != RC_OK)
		close_link(l, &why);
	return l->closed || l->freed ? -1 : 1;
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_link *l = arg;
	char *space = mem_grow(NULL, IPC_FRAME_MAX);

	(void)fd;
	(void)what;
	l->busy = true;
	for (int i = 0; i < TURN_MAX && !l->paused; i++)
		if (read_packet(l, space, MSG_DONTWAIT) <= 0)
			break;
	l->busy = false;
	free(space);
	if (l->freed)
		destroy(l);
}

bool
ipc_link_wait(struct ipc_link *l, const bool *done)
{
	char *space = mem_grow(NULL, IPC_FRAME_MAX);

	l->busy = true;
	while (!*done && !l->closed && !l->freed) {
		struct pollfd p = {.fd = l->a.fd, .events = POLLIN};

		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			break;
		(void)read_packet(l, space, MSG_DONTWAIT); /* sets closed */
	}
	l->busy = false;
	free(space);
	return *done;
}

struct ipc_link *
ipc_link_new(const struct ipc_link_args *args)
{
	struct ipc_link *l = mem_alloc(sizeof(*l));
	struct hello hello = {.type = HELLO_TYPE, .role = args->self};

	l->a = *args;
	l->hash = ipc_schema_hash(args->schema);
	hello.hash = l->hash;
	STAILQ_INIT(&l->queue);
	l->ev_read =
	    event_new(args->base, args->fd, EV_READ | EV_PERSIST, on_read, l);
	l->ev_write = event_new(args->base, args->fd, EV_WRITE, on_write, l);
	l->ev_closed = event_new(args->base, -1, 0, on_closed_event, l);
	if (l->ev_read == NULL || l->ev_write == NULL || l->ev_closed == NULL)
		bug("event_new");
	event_add(l->ev_read, NULL);
	(void)send_packet(l, &hello, sizeof(hello), NULL, 0); /* tells later */
	return l;
}

void
ipc_link_free(struct ipc_link **link)
{
	struct ipc_link *l = *link;

	*link = NULL;
	if (l == NULL)
		return;
	l->freed = true;
	l->closed = true;
	if (!l->busy)
		destroy(l);
}

void
ipc_link_phase(struct ipc_link *l, enum ipc_phase phase)
{
	l->a.phase = phase;
}

bool
ipc_link_flushed(const struct ipc_link *l)
{
	return STAILQ_EMPTY(&l->queue);
}

void
ipc_link_pause(struct ipc_link *l, bool paused)
{
	if (l->paused == paused || l->closed)
		return;
	l->paused = paused;
	if (paused)
		event_del(l->ev_read);
	else
		event_add(l->ev_read, NULL);
}

void *
ipc_link_ctx(struct ipc_link *l)
{
	return l->a.ctx;
}

uint32_t
ipc_link_tag(const struct ipc_link *l)
{
	return l->a.tag;
}

uint32_t
ipc_link_peer(const struct ipc_link *l)
{
	return l->a.peer;
}

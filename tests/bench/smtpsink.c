/*
 * Where relayed mail ends: takes every message at once and notes its number.
 *
 *   smtpsink ADDRESS PORT LOG
 *
 * A message's number (its X-Bench field) is a line of ten digits in LOG before
 * it gets its 250, so the lines are counted by the size of the file: 11 octets
 * each. A message without a number is refused. It ends by a signal.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

#define IN_MAX (64U << 20)
#define CHUNK  65536
#define FIELD  "\nX-Bench: "
#define DOT    "\r\n.\r\n"

struct client {
	int fd;
	bool data;   /* the message comes */
	size_t seen; /* octets of it in which there is no end */
	struct buf in, out;
};

static struct {
	int epoll, listener, log;
} s = {-1, -1, -1};

static void
watch(int op, int fd, void *who, bool out)
{
	struct epoll_event e = {
	    .events = EPOLLIN | (out ? EPOLLOUT : 0U), .data.ptr = who};

	if (epoll_ctl(s.epoll, op, fd, &e) < 0)
		fatal("epoll_ctl: %s", strerrorname_np(errno));
}

static void
accept_all(void)
{
	struct client *c;
	int fd;

	while ((fd = accept4(s.listener, NULL, NULL,
		    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		c = mem_alloc(sizeof(*c));
		c->fd = fd;
		buf_init(&c->in, IN_MAX);
		buf_init(&c->out, IN_MAX);
		buf_puts(&c->out, "220 sink.example ESMTP\r\n");
		watch(EPOLL_CTL_ADD, fd, c, true);
	}
}

static void
client_free(struct client *c)
{
	io_close(&c->fd);
	buf_fini(&c->in);
	buf_fini(&c->out);
	free(c);
}

static const char *
on_message(struct span message)
{
	uint64_t number;
	char line[16];
	const char *at = memmem(message.p, message.n, FIELD, sizeof(FIELD) - 1);
	struct span rest;

	if (at == NULL)
		return "554 5.6.0 no number\r\n";
	rest = span_from(message, (size_t)(at - message.p) + sizeof(FIELD) - 1);
	if (!num_u64(span_trim(span_cut(&rest, '\r')), &number) ||
	    number > 9999999999)
		return "554 5.6.0 not a number\r\n";
	(void)snprintf(line, sizeof(line), "%010llu\n",
	    (unsigned long long)number); /* fits: see above */
	if (!io_write_all(s.log, line, 11))
		fatal("log: %s", strerrorname_np(errno));
	return "250 2.0.0 taken\r\n";
}

/* False: the client has said its last word. */
static bool
on_command(struct client *c, struct span line)
{
	struct span verb = span_head(line, 4);

	if (span_eq_ci(verb, SPAN_LIT("EHLO"))) {
		buf_puts(&c->out, "250-sink.example\r\n250-PIPELINING\r\n"
				  "250-8BITMIME\r\n250 SIZE 67108864\r\n");
	} else if (span_eq_ci(verb, SPAN_LIT("DATA"))) {
		buf_puts(&c->out, "354 go\r\n");
		c->data = true;
		c->seen = 0;
	} else if (span_eq_ci(verb, SPAN_LIT("QUIT"))) {
		buf_puts(&c->out, "221 2.0.0 bye\r\n");
		return false;
	} else {
		buf_puts(&c->out, "250 2.0.0 ok\r\n");
	}
	return true;
}

/* One message or command of what has come; false: no whole one is there. */
static bool
step(struct client *c, bool *more)
{
	struct span in = buf_span(&c->in);
	const char *end;
	size_t n;

	if (c->data) {
		end = memmem(
		    in.p + c->seen, in.n - c->seen, DOT, sizeof(DOT) - 1);
		if (end == NULL) {
			c->seen = in.n > 4 ? in.n - 4 : 0;
			return false;
		}
		n = (size_t)(end - in.p);
		buf_puts(&c->out, on_message(span_head(in, n)));
		buf_drop(&c->in, n + sizeof(DOT) - 1);
		c->data = false;
		return true;
	}
	n = span_find(in, '\n');
	if (n == in.n)
		return false;
	*more = on_command(c, span_head(in, n));
	buf_drop(&c->in, n + 1);
	return true;
}

/* False when the connection is over. */
static bool
on_client(struct client *c)
{
	bool more = true;
	char *room = buf_reserve(&c->in, CHUNK);
	ssize_t n = room == NULL ? -1 : read(c->fd, room, CHUNK);

	if (n == 0 || (n < 0 && (room == NULL || errno != EAGAIN)))
		return false;
	if (n > 0)
		c->in.n += (size_t)n;
	while (more && c->in.n > 0 && step(c, &more))
		;
	if (c->out.n > 0) {
		n = write(c->fd, c->out.p, c->out.n);
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n > 0)
			buf_drop(&c->out, (size_t)n);
		watch(EPOLL_CTL_MOD, c->fd, c, c->out.n > 0);
	}
	return more;
}

static void
begin(const char *address, const char *port)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint64_t number;
	int on = 1;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    !num_range(span_of(port), 1, 65535, &number))
		fatal("not an address and port: %s %s", address, port);
	to.sin_port = htons((uint16_t)number);
	s.listener =
	    socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s.listener < 0 ||
	    setsockopt(s.listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) <
		0 ||
	    bind(s.listener, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
	    listen(s.listener, 1024) < 0)
		fatal("listen: %s", strerrorname_np(errno));
	s.epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(EPOLL_CTL_ADD, s.listener, NULL, false);
}

int
main(int argc, char **argv)
{
	struct epoll_event events[64];

	if (argc != 4)
		fatal("expected: smtpsink ADDRESS PORT LOG");
	s.log = open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (s.log < 0)
		fatal("%s: %s", argv[3], strerrorname_np(errno));
	begin(argv[1], argv[2]);
	for (;;) {
		int n = epoll_wait(s.epoll, events, 64, -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.ptr == NULL)
				accept_all();
			else if (!on_client(events[i].data.ptr))
				client_free(events[i].data.ptr);
	}
}

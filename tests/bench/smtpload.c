/*
 * A load of mail: sessions at a time that send numbered messages as fast as
 * they are taken.
 *
 *   smtpload ADDRESS PORT [name=value ...]
 *
 *   messages=1000   how many in all
 *   sessions=16     at a time
 *   each=1          messages of one connection
 *   size=4096       octets of one message, its header among them
 *   users=100       they go to user0@domain, user1@domain, ... in turn
 *   rcpts=1         of one message
 *   domain=example.org
 *   far=0           every far-th message goes to far@elsewhere.example as well
 *   log=FILE        the numbers of those that got their 250, a line each
 *
 * What it prints is one line of JSON. A refusal, or a connection that breaks,
 * is counted and the message not sent again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

#define REPLY_MAX 4096
#define LINE      "0123456789 abcdefghijklmnopqrstuvwxyz the quick brown fox\r\n"

enum step {
	BANNER,
	EHLO,
	ENVELOPE, /* MAIL, RCPTs and DATA, in one go */
	BODY,
	QUIT
};

struct session {
	int fd;
	enum step step;
	uint64_t replies; /* that are still to come in this step */
	bool failed;      /* one of them refused */
	bool go;          /* the message is waited for */
	uint64_t number;
	uint64_t sent; /* messages of this connection */
	uint64_t began_us;
	struct buf out;
	size_t n_in;
	char in[REPLY_MAX];
};

static struct {
	struct sockaddr_in to;
	uint64_t messages, sessions, each, size, users, rcpts, far;
	const char *domain;
	FILE *log;
	int epoll;
	uint64_t next, accepted, refused, broken;
	uint64_t *took_us; /* of each that was accepted */
	struct buf body;
} l = {.messages = 1000,
    .sessions = 16,
    .each = 1,
    .size = 4096,
    .users = 100,
    .rcpts = 1,
    .domain = "example.org"};

static uint64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void
watch(struct session *s, int op)
{
	struct epoll_event e = {
	    .events = EPOLLIN | (s->out.n > 0 ? EPOLLOUT : 0U), .data.ptr = s};

	if (epoll_ctl(l.epoll, op, s->fd, &e) < 0)
		fatal("epoll_ctl: %s", strerrorname_np(errno));
}

static void
begin(struct session *s)
{
	int on = 1;

	s->began_us = now_us();
	s->step = BANNER;
	s->replies = 1;
	s->sent = 0;
	s->n_in = 0;
	s->failed = false;
	buf_clear(&s->out);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0 ||
	    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		fatal("socket: %s", strerrorname_np(errno));
	if (connect(s->fd, (const struct sockaddr *)&l.to, sizeof(l.to)) < 0 &&
	    errno != EINPROGRESS)
		fatal("connect: %s", strerrorname_np(errno));
	watch(s, EPOLL_CTL_ADD);
}

/* The next message is this session's; false: all are given out. */
static bool
take_message(struct session *s)
{
	if (l.next == l.messages)
		return false;
	s->number = l.next++;
	return true;
}

static void
put_envelope(struct session *s)
{
	bool far = l.far > 0 && s->number % l.far == 0;

	buf_puts(&s->out, "MAIL FROM:<bench@elsewhere.example>\r\n");
	for (uint64_t i = 0; i < l.rcpts; i++)
		buf_putf(&s->out, "RCPT TO:<user%llu@%s>\r\n",
		    (unsigned long long)((s->number + i) % l.users), l.domain);
	if (far)
		buf_puts(&s->out, "RCPT TO:<far@elsewhere.example>\r\n");
	buf_puts(&s->out, "DATA\r\n");
	s->replies = 2 + l.rcpts + far;
	s->step = ENVELOPE;
	s->failed = s->go = false;
}

static void
put_message(struct session *s)
{
	size_t at = s->out.n;

	buf_putf(&s->out,
	    "From: bench@elsewhere.example\r\nTo: user@%s\r\n"
	    "Subject: number %llu\r\nX-Bench: %llu\r\n"
	    "Message-ID: <%llu.%u@elsewhere.example>\r\n\r\n",
	    l.domain, (unsigned long long)s->number,
	    (unsigned long long)s->number, (unsigned long long)s->number,
	    (unsigned)getpid());
	if (s->out.n - at < l.size)
		buf_put_span(&s->out,
		    span_head(buf_span(&l.body), l.size - (s->out.n - at)));
	buf_puts(&s->out, "\r\n.\r\n");
	s->step = BODY;
	s->replies = 1;
}

static void
quit(struct session *s)
{
	buf_puts(&s->out, "QUIT\r\n");
	s->step = QUIT;
	s->replies = 1;
}

static void
end(struct session *s, bool broken)
{
	if (broken && s->step != QUIT) {
		l.broken++;
		if (s->step == BANNER || s->step == EHLO)
			fatal("it does not greet: %.*s", (int)s->n_in, s->in);
	}
	io_close(&s->fd);
	if (take_message(s))
		begin(s);
}

static void
on_message_end(struct session *s)
{
	if (s->failed) {
		l.refused++;
	} else {
		l.took_us[l.accepted++] = now_us() - s->began_us;
		if (l.log != NULL)
			(void)fprintf(l.log, "%llu\n",
			    (unsigned long long)s->number); /* fclose tells */
	}
	if (++s->sent < l.each && take_message(s)) {
		s->began_us = now_us();
		put_envelope(s);
	} else {
		quit(s);
	}
}

/* All replies of a step are there. */
static void
advance(struct session *s)
{
	switch (s->step) {
	case BANNER:
		buf_puts(&s->out, "EHLO client.elsewhere.example\r\n");
		s->step = EHLO;
		s->replies = 1;
		break;
	case EHLO:
		put_envelope(s);
		break;
	case ENVELOPE:
		if (s->go)
			put_message(s);
		else
			on_message_end(s);
		break;
	case BODY:
		on_message_end(s);
		break;
	case QUIT:
		break; /* the other end closes */
	}
}

static void
take_replies(struct session *s)
{
	struct span rest = span_make(s->in, s->n_in);
	size_t at;

	while ((at = span_find(rest, '\n')) < rest.n) {
		if (at > 3 && rest.p[3] == ' ') {
			s->failed = s->failed || rest.p[0] > '3';
			s->go = s->go || rest.p[0] == '3';
			if (--s->replies == 0)
				advance(s);
		}
		rest = span_from(rest, at + 1);
	}
	if (rest.n > 0)
		memmove(s->in, rest.p, rest.n);
	s->n_in = rest.n;
}

static bool
write_out(struct session *s)
{
	ssize_t n = write(s->fd, s->out.p, s->out.n);

	if (n < 0)
		return errno == EAGAIN;
	buf_drop(&s->out, (size_t)n);
	return true;
}

static void
on_event(struct session *s, uint32_t events)
{
	ssize_t n;

	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
		n = read(s->fd, s->in + s->n_in, sizeof(s->in) - s->n_in);
		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			end(s, true);
			return;
		}
		s->n_in += n > 0 ? (size_t)n : 0;
		take_replies(s);
	}
	if (s->out.n > 0 && !write_out(s)) {
		end(s, true);
		return;
	}
	watch(s, EPOLL_CTL_MOD);
}

static int
by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double
percentile(unsigned p)
{
	uint64_t at = l.accepted * p / 101;

	return l.accepted == 0 ? 0 : (double)l.took_us[at] / 1000;
}

static void
report(uint64_t us)
{
	struct rusage use;
	double cpu = 0;

	if (getrusage(RUSAGE_SELF, &use) == 0)
		cpu =
		    (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000 +
		    (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) /
			1000;
	if (l.took_us != NULL)
		qsort(l.took_us, l.accepted, sizeof(*l.took_us), by_value);
	(void)printf("{\"accepted\": %llu, \"refused\": %llu, "
		     "\"broken\": %llu, \"ms\": %.1f, \"p50_ms\": %.1f, "
		     "\"p99_ms\": %.1f, \"client_cpu_ms\": %.1f}\n",
	    (unsigned long long)l.accepted, (unsigned long long)l.refused,
	    (unsigned long long)l.broken, (double)us / 1000, percentile(50),
	    percentile(99), cpu); /* main's exit tells */
}

static void
option(struct span word)
{
	const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = {{"messages", &l.messages}, {"sessions", &l.sessions},
	    {"each", &l.each}, {"size", &l.size}, {"users", &l.users},
	    {"rcpts", &l.rcpts}, {"far", &l.far}};
	struct span name = span_cut(&word, '=');

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (span_eq(name, span_of(numbers[i].name)) &&
		    num_u64(word, numbers[i].value))
			return;
	if (span_eq(name, SPAN_LIT("domain")))
		l.domain = span_dup(word);
	else if (span_eq(name, SPAN_LIT("log")))
		l.log = fopen(span_dup(word), "w");
	else
		fatal("not an option: " SPAN_FMT, SPAN_ARG(name));
}

static void
run(void)
{
	struct session *sessions = mem_array(l.sessions, sizeof(*sessions));
	struct epoll_event events[64];

	for (uint64_t i = 0; i < l.sessions; i++) {
		sessions[i].fd = -1;
		buf_init(&sessions[i].out, SIZE_MAX / 4);
		if (take_message(&sessions[i]))
			begin(&sessions[i]);
	}
	while (l.accepted + l.refused + l.broken < l.messages) {
		int n = epoll_wait(l.epoll, events, 64, -1);

		for (int i = 0; i < n; i++)
			on_event(events[i].data.ptr, events[i].events);
	}
}

int
main(int argc, char **argv)
{
	uint64_t port, began;

	if (argc < 3 || inet_pton(AF_INET, argv[1], &l.to.sin_addr) != 1 ||
	    !num_range(span_of(argv[2]), 1, 65535, &port))
		fatal("expected: smtpload ADDRESS PORT [name=value ...]");
	l.to.sin_family = AF_INET;
	l.to.sin_port = htons((uint16_t)port);
	for (int i = 3; i < argc; i++)
		option(span_of(argv[i]));
	if (l.sessions == 0 || l.each == 0 || l.users == 0 || l.rcpts == 0)
		fatal("each number but `far` is 1 at least");
	l.took_us = mem_array(l.messages, sizeof(*l.took_us));
	buf_init(&l.body, l.size + sizeof(LINE));
	while (l.body.n < l.size)
		buf_puts(&l.body, LINE);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	began = now_us();
	run();
	report(now_us() - began);
	return (l.log != NULL && fclose(l.log) != 0) || fflush(stdout) != 0;
}

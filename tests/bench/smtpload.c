/*
 * A load of mail: sessions at a time that send numbered messages as fast as
 * they are taken.
 *
 *   smtpload ADDRESS PORT [name=value ...]
 *
 *   messages=1000   how many in all
 *   sessions=16     at a time
 *   each=1          messages of one connection
 *   size=4096       octets of one message, its header among them; the lines are
 *                   whole, so that it may be some less
 *   users=100       they go to user0@domain, user1@domain, ... in turn
 *   rcpts=1         of one message
 *   domain=example.org
 *   first=0         number of the first message
 *   far=0           every far-th message goes to far_to instead
 *   far_to=far@elsewhere.example
 *   tls=none        or starttls, or implicit
 *   password=       every user logs in with this one, and sends as himself
 *   hold=0          1: the sessions greet and then stay until stdin ends
 *   log=FILE        the numbers of those that got their 250, a line each
 *
 * What it prints is one line of JSON, with hold as soon as all have greeted. A
 * refusal, or a connection that breaks, is counted and the message not sent
 * again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "tests/bench/wire.h"
#include "lib/base/banned.h"

#define REPLY_MAX 4096
#define LINE      "0123456789 abcdefghijklmnopqrstuvwxyz the quick brown fox\r\n"
#define LINE_N    (sizeof(LINE) - 1)

enum step {
	BANNER,
	EHLO,
	STARTTLS,
	AUTH,
	HELD,
	ENVELOPE, /* MAIL, RCPTs and DATA, in one go */
	BODY,
	QUIT
};

struct session {
	struct wire wire;
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
	uint64_t messages, sessions, each, size, users, rcpts, first, far, hold;
	const char *domain, *far_to, *password;
	bool starttls, implicit;
	FILE *log;
	int epoll;
	uint64_t next, accepted, refused, broken, held;
	uint64_t *took_us; /* of each that was accepted */
	struct buf body;
} l = {.messages = 1000,
    .sessions = 16,
    .each = 1,
    .size = 4096,
    .users = 100,
    .rcpts = 1,
    .domain = "example.org",
    .far_to = "far@elsewhere.example"};

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
	    .events = EPOLLIN | (s->wire.wants_out ? EPOLLOUT : 0U),
	    .data.ptr = s};

	if (epoll_ctl(l.epoll, op, s->wire.fd, &e) < 0)
		fatal("epoll_ctl: %s", strerrorname_np(errno));
}

static void
begin(struct session *s)
{
	s->began_us = now_us();
	s->step = BANNER;
	s->replies = 1;
	s->sent = 0;
	s->n_in = 0;
	s->failed = s->go = false;
	buf_clear(&s->out);
	wire_open(&s->wire, &l.to);
	if (l.implicit)
		wire_start_tls(&s->wire);
	watch(s, EPOLL_CTL_ADD);
}

/* The next message is this session's; false: all are given out. */
static bool
take_message(struct session *s)
{
	if (l.next == l.messages)
		return false;
	s->number = l.first + l.next++;
	return true;
}

/* Who logs in writes as itself, as ours insists on. */
static void
put_author(struct session *s)
{
	if (l.password != NULL)
		buf_putf(&s->out, "user%llu@%s",
		    (unsigned long long)(s->number % l.users), l.domain);
	else
		buf_puts(&s->out, "bench@elsewhere.example");
}

static void
put_envelope(struct session *s)
{
	bool far = l.far > 0 && s->number % l.far == 0;

	buf_puts(&s->out, "MAIL FROM:<");
	put_author(s);
	buf_puts(&s->out, ">\r\n");
	for (uint64_t i = 0; !far && i < l.rcpts; i++)
		buf_putf(&s->out, "RCPT TO:<user%llu@%s>\r\n",
		    (unsigned long long)((s->number + i) % l.users), l.domain);
	if (far)
		buf_putf(&s->out, "RCPT TO:<%s>\r\n", l.far_to);
	buf_puts(&s->out, "DATA\r\n");
	s->replies = 2 + (far ? 1 : l.rcpts);
	s->step = ENVELOPE;
	s->failed = s->go = false;
}

static void
put_message(struct session *s)
{
	size_t at = s->out.n;

	buf_puts(&s->out, "From: ");
	put_author(s);
	buf_putf(&s->out,
	    "\r\nTo: user@%s\r\n"
	    "Date: Thu, 26 Nov 2026 12:00:00 +0000\r\n"
	    "Subject: number %llu\r\nX-Bench: %llu\r\n"
	    "Message-ID: <%llu.%u@elsewhere.example>\r\n\r\n",
	    l.domain, (unsigned long long)s->number,
	    (unsigned long long)s->number, (unsigned long long)s->number,
	    (unsigned)getpid());
	/* whole lines: a bare CR or LF is not mail */
	if (s->out.n - at < l.size)
		buf_put_span(
		    &s->out, span_head(buf_span(&l.body),
				 (l.size - (s->out.n - at)) / LINE_N * LINE_N));
	buf_puts(&s->out, ".\r\n");
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
		if (s->step < ENVELOPE)
			fatal("it does not greet: %.*s", (int)s->n_in, s->in);
	}
	wire_close(&s->wire);
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

static void
say(struct session *s, enum step step, const char *line)
{
	buf_puts(&s->out, line);
	s->step = step;
	s->replies = 1;
}

static void
log_in(struct session *s)
{
	struct buf plain;

	buf_init(&plain, REPLY_MAX);
	buf_putf(&plain, "%cuser%llu@%s%c%s", '\0',
	    (unsigned long long)(s->number % l.users), l.domain, '\0',
	    l.password);
	buf_puts(&s->out, "AUTH PLAIN ");
	enc_base64(&s->out, buf_span(&plain));
	say(s, AUTH, "\r\n");
	buf_fini(&plain);
}

static void
hold(struct session *s)
{
	s->step = HELD;
	s->replies = 1; /* a 421 would be one too many */
	l.held++;
}

/* All replies of a step are there. */
static void
advance(struct session *s)
{
	if (s->failed && s->step < ENVELOPE)
		fatal("refused at step %d: %.*s", (int)s->step, (int)s->n_in,
		    s->in);
	switch (s->step) {
	case BANNER:
		say(s, EHLO, "EHLO client.elsewhere.example\r\n");
		break;
	case EHLO:
		if (l.starttls && s->wire.ssl == NULL)
			say(s, STARTTLS, "STARTTLS\r\n");
		else if (l.password != NULL)
			log_in(s);
		else if (l.hold)
			hold(s);
		else
			put_envelope(s);
		break;
	case STARTTLS:
		wire_start_tls(&s->wire);
		say(s, EHLO, "EHLO client.elsewhere.example\r\n");
		break;
	case AUTH:
		put_envelope(s);
		break;
	case HELD:
		fatal("a held session was told something");
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

/* All that has come; false when the connection has ended. */
static bool
read_in(struct session *s)
{
	ssize_t n;

	/* TLS may hold more than what the socket says */
	do {
		n = wire_read(
		    &s->wire, s->in + s->n_in, sizeof(s->in) - s->n_in);
		if (n < 0)
			return false;
		s->n_in += (size_t)n;
		if (n > 0)
			take_replies(s);
	} while (n > 0 && s->wire.ssl != NULL);
	return true;
}

static void
on_event(struct session *s)
{
	if (!read_in(s) || !wire_write(&s->wire, &s->out))
		end(s, true);
	else
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
		     "\"p99_ms\": %.1f, \"client_cpu_ms\": %.1f, "
		     "\"held\": %llu, \"tls\": \"%s\"}\n",
	    (unsigned long long)l.accepted, (unsigned long long)l.refused,
	    (unsigned long long)l.broken, (double)us / 1000, percentile(50),
	    percentile(99), cpu, (unsigned long long)l.held, wire_tls_name());
	if (fflush(stdout) != 0)
		fatal("stdout: %s", strerrorname_np(errno));
}

static void
option(struct span word)
{
	const struct {
		const char *name;
		uint64_t *value;
	} numbers[] = {{"messages", &l.messages}, {"sessions", &l.sessions},
	    {"each", &l.each}, {"size", &l.size}, {"users", &l.users},
	    {"rcpts", &l.rcpts}, {"first", &l.first}, {"far", &l.far},
	    {"hold", &l.hold}};
	const struct {
		const char *name;
		const char **value;
	} texts[] = {{"domain", &l.domain}, {"far_to", &l.far_to},
	    {"password", &l.password}};
	struct span name = span_cut(&word, '=');

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (span_eq(name, span_of(numbers[i].name)) &&
		    num_u64(word, numbers[i].value))
			return;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (span_eq(name, span_of(texts[i].name))) {
			*texts[i].value = span_dup(word);
			return;
		}
	if (span_eq(name, SPAN_LIT("log"))) {
		l.log = fopen(span_dup(word), "w");
	} else if (span_eq(name, SPAN_LIT("tls"))) {
		l.starttls = span_eq(word, SPAN_LIT("starttls"));
		l.implicit = span_eq(word, SPAN_LIT("implicit"));
	} else
		fatal("not an option: " SPAN_FMT, SPAN_ARG(name));
}

static void
run(void)
{
	struct session *sessions = mem_array(l.sessions, sizeof(*sessions));
	struct epoll_event events[64];

	for (uint64_t i = 0; i < l.sessions; i++) {
		sessions[i].wire.fd = -1;
		buf_init(&sessions[i].out, SIZE_MAX / 4);
		if (take_message(&sessions[i]))
			begin(&sessions[i]);
	}
	while (l.accepted + l.refused + l.broken + l.held < l.messages) {
		int n = epoll_wait(l.epoll, events, 64, -1);

		for (int i = 0; i < n; i++)
			on_event(events[i].data.ptr);
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
	while (l.hold && getchar() != EOF)
		;
	return (l.log != NULL && fclose(l.log) != 0) || fflush(stdout) != 0;
}

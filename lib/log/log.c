/*
 * Log lines: see log.h. The one static struct is the process's log; threads
 * may call log_write at the same time, each line is one write.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

static const struct {
	const char *name;
	enum log_level level;
	const char *keys;
} events[] = {
#define EVENT(NAME, name, LEVEL, keys) {name, LOG_##LEVEL, keys},
#include "lib/log/events.def"
#undef EVENT
};

static struct {
	bool may_block;        /* a pipe or a socket that nobody may read */
	_Atomic unsigned lost; /* threads log too */
	int fd;
	const char *name;
	enum log_level level;
	bool journal;
	_Atomic int pid; /* 0: not asked since the last fork */
} log_state = {false, 0, STDERR_FILENO, "mailstead", LOG_INFO, false, 0};

static void
on_fork(void)
{
	log_state.pid = 0;
}

/* A system call for each line would be one too many. */
static int
own_pid(void)
{
	if (log_state.pid == 0)
		log_state.pid = (int)getpid();
	return log_state.pid;
}

void
log_open(int fd, const char *name, enum log_level level, bool journal)
{
	static bool watched;
	struct stat st;

	if (!watched && pthread_atfork(NULL, NULL, on_fork) != 0)
		fatal("pthread_atfork");
	watched = true;
	log_state.fd = fd;
	log_state.may_block = fstat(fd, &st) < 0 || !S_ISREG(st.st_mode);
	log_state.name = name;
	log_state.level = level;
	log_state.journal = journal;
}

void
log_level(enum log_level level)
{
	log_state.level = level;
}

static bool
plain(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' ||
		    s.p[i] == '\\')
			return false;
	return s.n > 0;
}

static void
put_text(struct buf *b, struct span s)
{
	if (plain(s)) {
		buf_put_span(b, s);
		return;
	}
	buf_putc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\')
			buf_putf(b, "\\%c", c);
		else if (c < ' ' || c > '~')
			buf_putf(b, "\\x%02x", c);
		else
			buf_putc(b, (char)c);
	}
	buf_putc(b, '"');
}

static void
put_head(struct buf *b, enum log_event event)
{
	if (log_state.journal) {
		buf_putc(b, '<');
		buf_put_u64(b, events[event].level);
		buf_putc(b, '>');
	} else {
		clock_put_rfc3339(b, clock_real_us());
		buf_putc(b, ' ');
		buf_puts(b, log_state.name);
		buf_putc(b, '[');
		buf_put_u64(b, (uint64_t)own_pid());
		buf_puts(b, "] ");
	}
	buf_puts(b, events[event].name);
}

/* Room for one line? Mail goes on without its log. */
static bool
can_write(void)
{
	struct pollfd p = {.fd = log_state.fd, .events = POLLOUT};
	char text[64];
	int n;

	if (!log_state.may_block)
		return true;
	if (poll(&p, 1, 0) != 1 || (p.revents & POLLOUT) == 0) {
		log_state.lost++;
		return false;
	}
	if (log_state.lost > 0) {
		n = snprintf(text, sizeof(text), "<4>log.lost lines=%u\n",
		    log_state.lost);
		log_state.lost = 0;
		/* as below */
		(void)!write(log_state.fd, text, (size_t)n);
	}
	return true;
}

void
log_write(enum log_event event, const struct log_val *vals, size_t n)
{
	struct span keys = span_of(events[event].keys);
	char text[LOG_LINE_MAX + 2];
	struct buf b = {.p = text, .cap = sizeof(text), .max = LOG_LINE_MAX};

	if (events[event].level > log_state.level)
		return;
	put_head(&b, event);
	for (size_t i = 0; i < n; i++) {
		struct span key = span_cut(&keys, ' ');

		if (key.n == 0)
			bug("more log values than keys");
		buf_putc(&b, ' ');
		buf_put_span(&b, key);
		buf_putc(&b, '=');
		if (vals[i].text.p != NULL)
			put_text(&b, vals[i].text);
		else
			buf_put_u64(&b, vals[i].number);
	}
	if (keys.n != 0)
		bug("fewer log values than keys");
	text[b.n++] = '\n';
	if (!can_write())
		return;
	/* a log that cannot be written must not stop the mail */
	(void)!write(log_state.fd, text, b.n);
}

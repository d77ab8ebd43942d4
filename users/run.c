/*
 * One program: see run.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/span.h"
#include "users/run.h"
#include "lib/base/banned.h"

#define SAID_MAX 200  /* bytes that are told of its output */
#define GRACE_MS 2000 /* from SIGTERM to SIGKILL */
#define TURNS    32   /* reads of its output before the clock is looked at */

struct running {
	const struct run *r;
	pid_t pid;
	int pidfd;
	int out; /* -1: nobody can write to it any more */
	struct buf said;
	const char *ended; /* why it is being ended, or NULL */
	int next;          /* signal */
	uint64_t until_ms; /* when it is sent */
};

/* 0, or an errno. */
static int
set_up(
    posix_spawnattr_t *attr, posix_spawn_file_actions_t *acts, int in, int out)
{
	const short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
			    POSIX_SPAWN_SETSIGMASK;
	sigset_t none, all;
	int e;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	e = posix_spawnattr_setflags(attr, flags);
	if (e == 0)
		e = posix_spawnattr_setpgroup(attr, 0);
	if (e == 0)
		e = posix_spawnattr_setsigdefault(attr, &all);
	if (e == 0)
		e = posix_spawnattr_setsigmask(attr, &none);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(acts, in, 0);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(acts, out, 1);
	if (e == 0)
		e = posix_spawn_file_actions_adddup2(acts, out, 2);
	return e != 0 ? e : posix_spawn_file_actions_addclosefrom_np(acts, 3);
}

/* 0, or an errno. */
static int
spawn(const struct run *r, int out, pid_t *pid)
{
	posix_spawn_file_actions_t acts;
	posix_spawnattr_t attr;
	int e = posix_spawn_file_actions_init(&acts);

	if (e != 0)
		return e;
	e = posix_spawnattr_init(&attr);
	if (e == 0) {
		e = set_up(&attr, &acts, r->in, out);
		if (e == 0)
			e = posix_spawn(
			    pid, r->argv[0], &acts, &attr, r->argv, r->envp);
		(void)posix_spawnattr_destroy(&attr);
	}
	(void)posix_spawn_file_actions_destroy(&acts);
	return e;
}

/* The beginning is kept; it never has to wait for us, nor do we read on and on
 * what it never ends to say. */
static void
take_output(struct running *p)
{
	char chunk[4096];
	ssize_t n;

	for (int turn = 0; turn < TURNS && p->out >= 0; turn++) {
		n = read(p->out, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			io_close(&p->out);
			return;
		}
		for (ssize_t i = 0; i < n && p->said.n < SAID_MAX; i++)
			(void)buf_putc(
			    &p->said, chunk[i] == '\n' ? ' ' : chunk[i]);
	}
}

static int
ms_left(const struct running *p)
{
	uint64_t now = clock_mono_ms();

	if (p->until_ms <= now)
		return 0;
	return p->until_ms - now > 60000 ? 60000 : (int)(p->until_ms - now);
}

/* The next signal is due. */
static void
end(struct running *p, const char *why)
{
	if (p->ended == NULL)
		p->ended = why;
	(void)kill(-p->pid, p->next); /* gone already is as good */
	p->next = SIGKILL;
	p->until_ms = clock_mono_ms() + GRACE_MS;
}

static void
watch(struct running *p)
{
	struct pollfd fds[3] = {{.fd = p->pidfd, .events = POLLIN},
	    {.fd = p->out, .events = POLLIN},
	    {.fd = p->r->stop, .events = POLLIN}};

	for (;;) {
		int n = poll(fds, p->ended == NULL ? 3 : 2, ms_left(p));

		if (n < 0 && errno != EINTR)
			bug("poll");
		if (n > 0 && fds[1].revents != 0)
			take_output(p);
		fds[1].fd = p->out;
		if (n > 0 && fds[0].revents != 0)
			break;
		if (n > 0 && p->ended == NULL && fds[2].revents != 0)
			end(p, "the server is being stopped");
		else if (ms_left(p) == 0)
			end(p, "it takes too long");
	}
	/* what others of its group hold open is not waited for */
	take_output(p);
}

/* "4.2.1 and more": taken off. */
static bool
take_status(struct span *said, char class, char *status, size_t size)
{
	struct span rest = *said, word = span_cut(&rest, ' ');
	unsigned dots = 0;

	if (span_at(word, 0) != class || span_at(word, 1) != '.' ||
	    span_at(word, word.n - 1) == '.')
		return false;
	for (size_t i = 1; i < word.n; i++)
		if (word.p[i] == '.' && word.p[i - 1] != '.')
			dots++;
		else if (word.p[i] < '0' || word.p[i] > '9')
			return false;
	if (dots != 2 || !span_copy(word, status, size))
		return false;
	*said = rest;
	return true;
}

static enum rc
explain(struct running *p, int status, struct why *why)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	bool temp = code < 0 || code == EX_TEMPFAIL || code == EX_OSERR;
	struct span said = span_trim(buf_span(&p->said));
	char own[WHY_STATUS_MAX], how[40];
	const char *enhanced = temp                 ? "4.3.0"
			       : code == EX_NOUSER  ? "5.1.1"
			       : code == EX_DATAERR ? "5.6.0"
						    : "5.3.0";

	if (p->ended != NULL)
		return why_set(
		    why, RC_TEMP, "4.3.0", "%s: %s", p->r->argv[0], p->ended);
	if (code == 0)
		return RC_OK;
	if (code < 0)
		(void)snprintf(
		    how, sizeof(how), "ended by signal %d", WTERMSIG(status));
	else
		(void)snprintf(how, sizeof(how), "exit status %d", code);
	if (take_status(&said, temp ? '4' : '5', own, sizeof(own)))
		enhanced = own;
	return why_set(why, temp ? RC_TEMP : RC_PERM, enhanced,
	    "%s: %s%s" SPAN_FMT, p->r->argv[0], how, said.n > 0 ? ": " : "",
	    SPAN_ARG(said));
}

/* Of p->pid, which is started. */
static enum rc
follow(struct running *p, struct why *why)
{
	int status = 0;
	enum rc rc;

	p->pidfd = pidfd_open(p->pid, 0);
	if (p->pidfd < 0)
		bug("pidfd_open"); /* the process dies, the attempt with it */
	p->next = SIGTERM;
	p->until_ms = clock_mono_ms() + p->r->timeout_ms;
	buf_init(&p->said, SAID_MAX);
	watch(p);
	while (waitpid(p->pid, &status, 0) < 0)
		if (errno != EINTR)
			bug("waitpid");
	rc = explain(p, status, why);
	buf_fini(&p->said);
	io_close(&p->pidfd);
	return rc;
}

enum rc
run_program(const struct run *r, struct why *why)
{
	struct running p = {.r = r, .pidfd = -1, .out = -1};
	enum rc rc = RC_OK;
	int ends[2], e;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "pipe");
	p.out = ends[0];
	e = io_nonblock(p.out) ? spawn(r, ends[1], &p.pid) : errno;
	io_close(&ends[1]);
	if (e == 0) {
		rc = follow(&p, why);
	} else {
		errno = e;
		rc = why_sys(why, RC_TEMP, "4.3.0", "%s", r->argv[0]);
	}
	io_close(&p.out);
	return rc;
}

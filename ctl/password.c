/*
 * Asking for a new password: see password.h. The terminal is left as it was,
 * whatever signal comes.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/password.h"
#include "lib/base/banned.h"

#define PASSWORD_MAX 511 /* crypt(3) */

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t caught;

static void
on_signal(int sig)
{
	caught = sig;
}

/* One line of standard input into line[PASSWORD_MAX]; -1 too long or none.
 * Read by the byte: what is behind it is not ours, and stdio keeps copies. */
static ssize_t
read_line(char *line)
{
	size_t n = 0;
	char c = 0;
	ssize_t got;

	for (;;) {
		got = read(STDIN_FILENO, &c, 1);
		if (got < 0 && errno == EINTR && caught == 0)
			continue;
		if (got <= 0 || c == '\n' || n == PASSWORD_MAX)
			break;
		line[n++] = c;
	}
	if (got < 0 || (got > 0 && c != '\n') || (got == 0 && n == 0))
		return -1;
	return (ssize_t)n;
}

/* The same with a prompt and without echo. */
static ssize_t
ask(const char *prompt, char *line)
{
	struct sigaction act = {.sa_handler = on_signal}, old[SIGNALS];
	struct termios before, quiet;
	ssize_t n = -1;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return -1;
	for (size_t i = 0; i < SIGNALS; i++)
		(void)sigaction(signals[i], &act, &old[i]); /* cannot fail */
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	(void)fputs(prompt, stderr); /* it is asked all the same */
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0)
		n = read_line(line);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before); /* was possible */
	(void)fputc('\n', stderr);
	for (size_t i = 0; i < SIGNALS; i++)
		(void)sigaction(signals[i], &old[i], NULL); /* cannot fail */
	if (caught != 0)
		(void)raise(caught); /* now as it was meant */
	return caught != 0 ? -1 : n;
}

bool
password_read(struct secret *password)
{
	char first[PASSWORD_MAX], second[PASSWORD_MAX];
	bool terminal = isatty(STDIN_FILENO) == 1;
	ssize_t n, again = 0;
	bool ok = false;

	n = terminal ? ask("New password: ", first) : read_line(first);
	if (terminal && n > 0)
		again = ask("Once more: ", second);
	if (n <= 0)
		command_say("no password: it is one line of 1 to %d bytes",
		    PASSWORD_MAX);
	else if (terminal &&
		 (again < 0 || !secret_eq(span_make(first, (size_t)n),
				   span_make(second, (size_t)again))))
		command_say("these are two passwords: nothing has changed");
	else
		ok = true;
	if (ok)
		*password = secret_of(span_make(first, (size_t)n));
	secret_wipe(first, sizeof(first));
	secret_wipe(second, sizeof(second));
	return ok;
}

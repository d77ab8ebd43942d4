/*
 * Giving a message to smtpd: see submit.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "ctl/command.h"
#include "ctl/submit.h"
#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

/* RFC 5321 4.5.3.2.6: longer than smtpd takes for a commit */
#define PATIENCE_S 600
#define REPLY_MAX  65536
#define LINE_MAX_  2048

struct talk {
	int fd;
	struct buf in;   /* what has come */
	size_t used;     /* of it, the last reply */
	struct buf text; /* the last reply, one line */
	bool lost;       /* the connection */
};

/* One line of a reply is whole: its code; *more: another one follows. */
static unsigned
take_line(struct talk *t, struct span line, bool *more)
{
	unsigned code = 0;

	for (size_t i = 0; i < 3; i++) {
		int c = span_at(line, i);

		if (c < '0' || c > '9')
			return 0;
		code = code * 10 + (unsigned)(c - '0');
	}
	*more = span_at(line, 3) == '-';
	if (t->text.n > 0)
		buf_putc(&t->text, ' ');
	buf_put_span(&t->text, span_trim(span_from(line, *more ? 4 : 0)));
	return code;
}

/* The code of the whole reply that stands in t->in; 0: it is not there yet. */
static unsigned
parse_reply(struct talk *t, bool *broken)
{
	struct span rest = buf_span(&t->in);
	unsigned code = 0;
	bool more = true;

	buf_clear(&t->text);
	while (more) {
		size_t n = span_find(rest, '\n');

		if (n == rest.n)
			return 0;
		code = take_line(t, span_head(rest, n > 0 ? n - 1 : 0), &more);
		if (code == 0) {
			*broken = true;
			return 0;
		}
		rest = span_from(rest, n + 1);
	}
	buf_drop(&t->in, t->in.n - rest.n);
	return code;
}

/* 0: the connection is lost. */
static unsigned
read_reply(struct talk *t)
{
	bool broken = false;
	unsigned code;

	while ((code = parse_reply(t, &broken)) == 0) {
		char *room = broken ? NULL : buf_reserve(&t->in, LINE_MAX_);
		ssize_t n = room == NULL ? 0 : read(t->fd, room, LINE_MAX_);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			t->lost = true;
			return 0;
		}
		t->in.n += (size_t)n;
	}
	return code;
}

static unsigned
say(struct talk *t, struct span line)
{
	/* a server that closes says why first: that is read all the same */
	(void)io_write_all(t->fd, line.p, line.n);
	return read_reply(t);
}

static unsigned
say_path(struct talk *t, const char *verb, struct span path, const char *params)
{
	struct buf b;
	unsigned code;

	buf_init(&b, 65536);
	buf_putf(&b, "%s:<", verb);
	buf_put_span(&b, path);
	buf_putf(&b, ">%s\r\n", params);
	code = say(t, buf_span(&b));
	buf_fini(&b);
	return code;
}

/* What the code of a refusal means to the caller. */
static int
status_of(struct talk *t, unsigned code)
{
	if (code < 500)
		return EX_TEMPFAIL;
	return span_starts(buf_span(&t->text), SPAN_LIT("550 5.1."))
		   ? EX_NOUSER
		   : EX_UNAVAILABLE;
}

static int
refused(struct talk *t, unsigned code, struct span what)
{
	if (t->lost)
		command_say("the mail server has gone; nothing was sent");
	else if (what.n > 0)
		command_say(
		    SPAN_FMT ": %s", SPAN_ARG(what), buf_cstr(&t->text));
	else
		command_say("%s", buf_cstr(&t->text));
	return status_of(t, code);
}

static int
connect_to(struct talk *t, const char *run)
{
	struct timeval patience = {PATIENCE_S, 0};
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct why why;
	struct buf path;
	bool fits;

	buf_init(&path, sizeof(a.sun_path) - 1);
	fits = buf_puts(&path, run) &&
	       buf_puts(&path, "/" WORKER_LOCAL_SOCKET) &&
	       span_copy(buf_span(&path), a.sun_path, sizeof(a.sun_path));
	buf_fini(&path);
	if (!fits) {
		command_say("%s is too long for a socket in it", run);
		return EX_CONFIG;
	}
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (t->fd >= 0 && connect(t->fd, (void *)&a, sizeof(a)) == 0 &&
	    setsockopt(t->fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		sizeof(patience)) == 0 &&
	    setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		sizeof(patience)) == 0)
		return EX_OK;
	why_sys(&why, RC_TEMP, "4.3.0",
	    errno == ENOENT || errno == ECONNREFUSED
		? "the mail server is not running, nothing was sent: %s"
		: "the mail server cannot be reached, nothing was sent: %s",
	    a.sun_path);
	command_say("%s", why.text);
	return EX_TEMPFAIL;
}

/* Greeting, EHLO, MAIL. */
static int
begin(struct talk *t, const struct submit *m)
{
	unsigned code = read_reply(t);
	struct buf b;

	if (code != 220)
		return refused(t, code, SPAN_NONE);
	buf_init(&b, 512);
	buf_putf(&b, "EHLO %s\r\n", m->hostname);
	code = say(t, buf_span(&b));
	buf_fini(&b);
	if (code != 250)
		return refused(t, code, SPAN_NONE);
	/* RFC 6531: the addresses ask for it; a header alone does not */
	buf_init(&b, 1024);
	buf_putf(&b, "%s%s", m->mail,
	    span_is_ascii(m->sender) && span_is_ascii(m->rcpts) ? ""
								: " SMTPUTF8");
	code = say_path(t, "MAIL FROM", m->sender, buf_cstr(&b));
	buf_fini(&b);
	return code == 250 ? EX_OK : refused(t, code, m->sender);
}

/*
 * All recipients. EX_OK and *taken > 0: go on, with *worst as the status in
 * the end; else stop.
 */
static int
name_recipients(
    struct talk *t, const struct submit *m, unsigned *taken, int *worst)
{
	struct span rcpts = m->rcpts;

	while (rcpts.n > 0) {
		struct span rcpt = span_cut(&rcpts, '\n');
		unsigned code = say_path(t, "RCPT TO", rcpt, m->rcpt);

		if (code == 250) {
			++*taken;
			continue;
		}
		*worst = refused(t, code, rcpt);
		if (*worst == EX_TEMPFAIL)
			return EX_TEMPFAIL;
	}
	return *taken > 0 ? EX_OK : *worst;
}

static int
send_data(struct talk *t, struct span data)
{
	unsigned code = say(t, SPAN_LIT("DATA\r\n"));

	if (code != 354)
		return refused(t, code, SPAN_NONE);
	code = say(t, data);
	if (code == 250)
		return EX_OK;
	if (!t->lost)
		return refused(t, code, SPAN_NONE);
	command_say("the mail server has gone before it answered: it is not "
		    "known whether the message was taken");
	return EX_TEMPFAIL;
}

int
submit_message(const struct submit *m)
{
	struct talk t = {.fd = -1};
	unsigned taken = 0;
	int worst = EX_OK, status;

	buf_init(&t.in, REPLY_MAX);
	buf_init(&t.text, REPLY_MAX);
	status = connect_to(&t, m->run);
	if (status == EX_OK)
		status = begin(&t, m);
	if (status == EX_OK)
		status = name_recipients(&t, m, &taken, &worst);
	if (status == EX_OK)
		status = send_data(&t, m->data);
	if (status == EX_OK && worst != EX_OK)
		command_say("the message was sent to the other recipients");
	if (t.fd >= 0 && !t.lost)
		(void)say(&t, SPAN_LIT("QUIT\r\n")); /* what counts is said */
	io_close(&t.fd);
	buf_fini(&t.in);
	buf_fini(&t.text);
	return status != EX_OK ? status : worst;
}

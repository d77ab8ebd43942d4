/*
 * RETR (RFC 1939 section 5) and TOP (section 7). A thread reads a chunk and
 * makes of it what goes to the client; the next is read when that has gone
 * out. So a message of any size takes one chunk.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "pop3d/cmd_send.h"
#include "pop3d/command.h"
#include "pop3d/reply.h"
#include "pop3d/wire.h"
#include "lib/base/banned.h"

#define CHUNK 65536

struct send {
	size_t message;
	int fd;
	off_t at;
	struct wire wire;
	char *chunk;
	struct buf out; /* for the client */
	bool end;       /* all of it is in `out` */
	int error;      /* errno; 0: none */
};

void
cmd_send_free(struct session *s)
{
	struct send *m = s->send;

	if (m == NULL)
		return;
	io_close(&m->fd);
	free(m->chunk);
	buf_fini(&m->out);
	free(m);
	s->send = NULL;
}

static void
read_chunk(struct session *s)
{
	struct send *m = s->send;
	size_t got;

	buf_clear(&m->out);
	if (!io_pread_all(m->fd, m->chunk, CHUNK, m->at, &got)) {
		m->error = errno;
		return;
	}
	m->at += (off_t)got;
	wire_put(&m->wire, span_make(m->chunk, got), &m->out);
	m->end = got < CHUNK || m->wire.done;
	if (m->end)
		wire_end(&m->wire, &m->out);
	if (m->out.over)
		bug("a chunk grew more than it can");
}

static void
open_and_read(struct session *s)
{
	struct send *m = s->send;

	m->fd = drop_file(&s->drop, m->message);
	if (m->fd < 0)
		m->error = errno;
	else
		read_chunk(s);
}

static void
log_error(const struct session *s, const struct send *m)
{
	struct why why;

	errno = m->error;
	why_sys(
	    &why, RC_TEMP, "4.3.0", "read %s", s->drop.list.v[m->message].name);
	LOG(SESSION_ERROR, log_str(s->account->env.account), log_str("pop3"),
	    log_str(why.text));
}

static void more(struct session *s);

static void
say_chunk(struct session *s)
{
	struct send *m = s->send;

	if (m->error != 0) {
		/* without its end: the client sees that it is not whole */
		log_error(s, m);
		session_close(s);
		return;
	}
	stream_write(s->stream, buf_span(&m->out));
	if (!m->end) {
		session_send(s, more);
		return;
	}
	s->retrieved += m->wire.top ? 0 : 1;
	cmd_send_free(s);
	session_ready(s);
}

static void
more(struct session *s)
{
	session_start(s, read_chunk, say_chunk);
}

static void
begin(struct session *s)
{
	struct send *m = s->send;
	struct buf b;

	if (m->error != 0) {
		if (m->error != ENOENT)
			log_error(s, m);
		reply(
		    s, m->error == ENOENT ? REPLY_GONE : REPLY_UNREADABLE, "");
		cmd_send_free(s);
		session_ready(s);
		return;
	}
	buf_init(&b, 64);
	buf_putf(&b, "%llu octets",
	    (unsigned long long)s->drop.v[m->message].octets);
	reply(s, REPLY_OK, m->wire.top ? "" : buf_cstr(&b));
	buf_fini(&b);
	say_chunk(s);
}

static void
start(struct session *s, const struct command_args *args, bool top)
{
	struct send *m = mem_alloc(sizeof(*m));

	m->message = args->message;
	m->fd = -1;
	m->chunk = mem_alloc(CHUNK);
	buf_init(&m->out, 2 * CHUNK + 1 + WIRE_END_MAX);
	if (top)
		wire_init_top(&m->wire, args->lines);
	s->send = m;
	s->state = SESSION_SENDING;
	session_start(s, open_and_read, begin);
}

void
cmd_retr(struct session *s, const struct command_args *args)
{
	start(s, args, false);
}

void
cmd_top(struct session *s, const struct command_args *args)
{
	start(s, args, true);
}

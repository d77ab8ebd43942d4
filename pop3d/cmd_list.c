/*
 * STAT, LIST (RFC 1939 section 5) and UIDL (section 7). A long listing goes
 * out in pieces, as fast as the client takes them.
 */
#include "pop3d/command.h"
#include "pop3d/reply.h"
#include "lib/base/banned.h"

#define PIECE     16384
#define ENTRY_MAX 128 /* two numbers of 20 digits, or a number and a name */

typedef void put_line(const struct drop *d, size_t i, struct buf *b);

static void
put_size(const struct drop *d, size_t i, struct buf *b)
{
	buf_putf(b, "%zu %llu", i + 1, (unsigned long long)d->v[i].octets);
}

static void
put_uidl(const struct drop *d, size_t i, struct buf *b)
{
	buf_putf(b, "%zu ", i + 1);
	drop_uidl(d, i, b);
}

static void
next_piece(struct session *s, put_line *put, session_next *again)
{
	struct buf b;

	buf_init(&b, PIECE + ENTRY_MAX);
	while (s->listed < s->drop.n && b.n < PIECE) {
		size_t i = s->listed++;

		if (s->drop.v[i].deleted)
			continue;
		put(&s->drop, i, &b);
		buf_puts(&b, "\r\n");
	}
	/* behind the last one; and there is something to go out in any case */
	if (b.n < PIECE)
		buf_puts(&b, ".\r\n");
	if (b.n > 0)
		stream_write(s->stream, buf_span(&b));
	if (b.n < PIECE)
		session_ready(s);
	else
		session_send(s, again);
	buf_fini(&b);
}

static void
more_sizes(struct session *s)
{
	next_piece(s, put_size, more_sizes);
}

static void
more_uidls(struct session *s)
{
	next_piece(s, put_uidl, more_uidls);
}

static void
say_one(struct session *s, put_line *put, size_t i)
{
	struct buf b;

	buf_init(&b, ENTRY_MAX);
	put(&s->drop, i, &b);
	reply(s, REPLY_OK, buf_cstr(&b));
	buf_fini(&b);
}

void
cmd_stat(struct session *s, const struct command_args *args)
{
	struct buf b;

	(void)args;
	buf_init(&b, ENTRY_MAX);
	buf_putf(&b, "%zu %llu", s->drop.left,
	    (unsigned long long)s->drop.octets_left);
	reply(s, REPLY_OK, buf_cstr(&b));
	buf_fini(&b);
}

void
cmd_list(struct session *s, const struct command_args *args)
{
	if (args->given) {
		say_one(s, put_size, args->message);
		return;
	}
	s->listed = 0;
	reply(s, REPLY_LISTING, "Number and octets of each message");
	more_sizes(s);
}

void
cmd_uidl(struct session *s, const struct command_args *args)
{
	if (args->given) {
		say_one(s, put_uidl, args->message);
		return;
	}
	s->listed = 0;
	reply(s, REPLY_LISTING, "Number and unique name of each message");
	more_uidls(s);
}

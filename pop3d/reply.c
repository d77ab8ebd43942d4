/*
 * What a session says: see reply.h.
 */
#include "pop3d/reply.h"
#include "lib/base/banned.h"

#define REPLY_LINE_MAX 512 /* RFC 2449 section 4 */

static const struct {
	bool ok;
	const char *text;
} rows[] = {
#define REPLY(NAME, ok, text) {ok, text},
#include "pop3d/reply.def"
#undef REPLY
};

void
reply(struct session *s, enum reply id, const char *arg)
{
	struct span rest = span_of(rows[id].text);
	struct buf b;

	buf_init(&b, REPLY_LINE_MAX);
	buf_puts(&b, rows[id].ok ? "+OK " : "-ERR ");
	buf_put_span(&b, span_cut(&rest, '%'));
	if (rest.p != NULL) {
		buf_puts(&b, arg);
		buf_put_span(&b, rest);
	}
	buf_puts(&b, "\r\n");
	stream_write(s->stream, buf_span(&b));
	buf_fini(&b);
	if (!rows[id].ok)
		session_error(s);
}

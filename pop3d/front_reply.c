/*
 * What the front says: see front_reply.h.
 */
#include "lib/log/log.h"
#include "pop3d/front_reply.h"
#include "lib/base/banned.h"

#define REPLY_LINE_MAX 512 /* RFC 2449 section 4 */
#define ARG_MAX        400

static const struct {
	bool ok;
	const char *text;
} rows[] = {
#define REPLY(NAME, ok, text) {ok, text},
#include "pop3d/front_reply.def"
#undef REPLY
};

void
front_reply(struct pop3 *p, enum front_reply id, struct span arg)
{
	struct span rest = span_of(rows[id].text);
	struct buf b;

	buf_init(&b, REPLY_LINE_MAX);
	buf_puts(&b, rows[id].ok ? "+OK " : "-ERR ");
	buf_put_span(&b, span_cut(&rest, '%'));
	/* another worker's words: shown cut, and as text */
	for (size_t i = 0; rest.p != NULL && i < arg.n && i < ARG_MAX; i++)
		buf_putc(&b, arg.p[i] < ' ' || arg.p[i] > '~' ? '?' : arg.p[i]);
	buf_put_span(&b, rest);
	if (!rows[id].ok)
		LOG(POP3_REFUSED, log_text(id_span(&p->front.sid)),
		    log_text(buf_span(&b)));
	buf_puts(&b, "\r\n");
	stream_write(p->front.client, buf_span(&b));
	buf_fini(&b);
	if (!rows[id].ok)
		front_error(&p->front);
}

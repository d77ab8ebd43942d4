/*
 * What the front says: see front_reply.h.
 */
#include "imapd/front_reply.h"
#include "lib/base/banned.h"

#define REPLY_MAX 2048
#define ARG_MAX   1024

enum {
	UNTAGGED,
	TAGGED
};
enum status {
	OK,
	NO,
	BAD,
	BYE
};

static const struct {
	int tagged;
	enum status status;
	const char *text;
} rows[] = {
#define REPLY(NAME, tagged, status, text) {tagged, status, text},
#include "imapd/front_reply.def"
#undef REPLY
};

void
front_reply(struct imap *p, enum front_reply id, struct span arg)
{
	static const char *const words[] = {"OK", "NO", "BAD", "BYE"};
	struct span rest = span_of(rows[id].text);
	struct front *f = &p->front;
	bool refused = rows[id].status == NO || rows[id].status == BAD;
	struct buf b;

	buf_init(&b, REPLY_MAX);
	buf_putf(&b, "%s %s ", rows[id].tagged == TAGGED ? p->tag : "*",
	    words[rows[id].status]);
	buf_put_span(&b, span_cut(&rest, '%'));
	/* another worker's words: shown cut, and as text */
	for (size_t i = 0; rest.p != NULL && i < arg.n && i < ARG_MAX; i++)
		buf_putc(&b, arg.p[i] < ' ' || arg.p[i] > '~' ? '?' : arg.p[i]);
	buf_put_span(&b, rest);
	if (rows[id].status != OK)
		LOG(IMAP_REFUSED, log_text(id_span(&f->sid)),
		    log_text(buf_span(&b)));
	buf_puts(&b, "\r\n");
	stream_write(f->client, buf_span(&b));
	buf_fini(&b);
	if (refused)
		front_error(f);
}

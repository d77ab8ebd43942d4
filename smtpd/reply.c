/*
 * What smtpd says: see reply.h.
 */
#include "smtpd/refusal.h"
#include "smtpd/reply.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

#define REPLY_LINE_MAX 510 /* RFC 5321 4.5.3.1.5, without CRLF */

static const struct {
	const char *name;
	unsigned code;
	const char *status;
	const char *text;
} rows[] = {
#define REPLY(NAME, code, status, text) {#NAME, code, status, text},
#include "smtpd/reply.def"
#undef REPLY
};

void
reply_line(struct session *s, unsigned code, bool last, struct span text)
{
	char space[REPLY_LINE_MAX + 8];
	struct buf b = {
	    .p = space, .cap = sizeof(space), .max = REPLY_LINE_MAX + 2};

	buf_putf(&b, "%03u%c", code, last ? ' ' : '-');
	buf_put_span(&b, span_head(text, REPLY_LINE_MAX - 4));
	buf_puts(&b, "\r\n");
	stream_write(s->stream, buf_span(&b));
	/* RFC 2033 4.2: once for each recipient */
	for (size_t i = 1; last && i < s->repeats; i++)
		stream_write(s->stream, buf_span(&b));
}

static void
put_arg(struct buf *b, const char *text, struct span arg)
{
	struct span rest = span_of(text);

	buf_put_span(b, span_cut(&rest, '%'));
	if (rest.p == NULL)
		return;
	/* what comes from the client is shown cut, and as text */
	for (size_t i = 0; i < arg.n && i < 200; i++)
		buf_putc(b, arg.p[i] < ' ' || arg.p[i] > '~' ? '?' : arg.p[i]);
	buf_put_span(b, rest);
}

/* RELAY_DENIED as " [relay-denied]": what steadctl explain is asked for. */
static void
put_code(struct buf *b, const char *name)
{
	buf_puts(b, " [");
	for (; *name != '\0'; name++)
		buf_putc(b, *name == '_' ? '-' : *name | 0x20);
	buf_putc(b, ']');
}

void
reply(struct session *s, enum reply id, struct span arg)
{
	char space[REPLY_LINE_MAX + 2];
	struct buf b = {
	    .p = space, .cap = sizeof(space), .max = REPLY_LINE_MAX};

	if (rows[id].status != NULL)
		buf_putf(&b, "%s ", rows[id].status);
	put_arg(&b, rows[id].text, arg);
	if (rows[id].code >= 400)
		put_code(&b, rows[id].name);
	reply_line(s, rows[id].code, true, buf_span(&b));
	if (rows[id].code < 400)
		return;
	LOG(SMTP_REFUSED, log_text(id_span(&s->sid)), log_num(rows[id].code),
	    log_text(buf_span(&b)));
	refusal_tell(s, rows[id].code, buf_span(&b));
	session_error(s);
}

void
reply_why(struct session *s, const struct why *why)
{
	unsigned code = why->rc == RC_PERM ? 550 : 451;
	char space[REPLY_LINE_MAX + 2];
	struct buf b = {
	    .p = space, .cap = sizeof(space), .max = REPLY_LINE_MAX};

	if (span_starts(span_of(why->status), SPAN_LIT("4.3.1")))
		code = 452;
	if (span_starts(span_of(why->status), SPAN_LIT("5.7.8")))
		code = 535;
	/* RFC 4954 4: a log-in */
	if (span_starts(span_of(why->status), SPAN_LIT("4.7.0")))
		code = 454;
	if (span_starts(span_of(why->status), SPAN_LIT("5.1.7")) ||
	    span_starts(span_of(why->status), SPAN_LIT("5.1.3")))
		code = 501;
	buf_putf(&b, "%s %s", why->status, why->text);
	reply_line(s, code, true, buf_span(&b));
	LOG(SMTP_REFUSED, log_text(id_span(&s->sid)), log_num(code),
	    log_text(buf_span(&b)));
	refusal_tell(s, code, buf_span(&b));
	session_error(s);
}

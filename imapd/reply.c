/*
 * What ends a command: see reply.h.
 */
#include "imapd/reply.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

enum kind {
	OK,
	NO,
	BAD
};

static const struct {
	enum kind kind;
	const char *text;
} rows[] = {
#define REPLY(NAME, kind, text) {kind, text},
#include "imapd/reply.def"
#undef REPLY
};

enum step
reply(struct session *s, enum reply id, const char *arg)
{
	static const char *const kinds[] = {"OK", "NO", "BAD"};
	struct span rest = span_of(rows[id].text);

	buf_clear(&s->last);
	buf_putf(&s->last, "%s %s ", s->tag[0] == '\0' ? "*" : s->tag,
	    kinds[rows[id].kind]);
	buf_put_span(&s->last, span_cut(&rest, '%'));
	if (rest.p != NULL) {
		buf_puts(&s->last, arg);
		buf_put_span(&s->last, rest);
	}
	buf_puts(&s->last, "\r\n");
	s->bad = rows[id].kind == BAD;
	return STEP_DONE;
}

enum step
reply_why(struct session *s, const struct why *why)
{
	struct span status = span_of(why->status);

	if (why->rc == RC_PERM && span_eq(status, SPAN_LIT("5.1.1")))
		return reply(s, REPLY_NONEXISTENT, "");
	if (why->rc == RC_PERM)
		return reply(s, REPLY_CANNOT, why->text);
	LOG(SESSION_ERROR, log_str(s->account->env.account), log_str("imap"),
	    log_str(why->text));
	if (span_eq(status, SPAN_LIT("4.3.1")) ||
	    span_eq(status, SPAN_LIT("4.2.2")))
		return reply(s, REPLY_NO_ROOM, why->text);
	return reply(s, REPLY_UNAVAILABLE, why->text);
}

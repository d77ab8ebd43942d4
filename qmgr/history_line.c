/*
 * A line of the history: see history_line.h.
 */
#include "lib/addr/beyond.h"
#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "qmgr/history_line.h"
#include "lib/base/banned.h"

#define TIME_LEN 24 /* of clock_put_rfc3339() */

static const char *const names[HISTORY_EVENTS] = {
    [HISTORY_RECEIVED] = "received",
    [HISTORY_RECIPIENT] = "recipient",
    [HISTORY_QUEUED] = "queued",
    [HISTORY_DELIVERED] = "delivered",
    [HISTORY_FORWARDED] = "forwarded",
    [HISTORY_SENT] = "sent",
    [HISTORY_DELAYED] = "delayed",
    [HISTORY_FAILED] = "failed",
    [HISTORY_WAITS] = "waits",
    [HISTORY_RETURNED] = "returned",
    [HISTORY_TOLD] = "told",
    [HISTORY_DROPPED] = "dropped",
    [HISTORY_DONE] = "done",
    [HISTORY_HELD] = "held",
    [HISTORY_RELEASED] = "released",
    [HISTORY_DELETED] = "deleted",
    [HISTORY_DAMAGED] = "damaged",
    [HISTORY_GONE] = "gone",
    [HISTORY_REFUSED] = "refused",
    [HISTORY_MORE] = "more",
    [HISTORY_GAP] = "gap",
};

const char *
history_line_event(enum history_event event)
{
	return names[event];
}

void
history_line_begin(struct buf *b, uint64_t real_us, enum history_event event)
{
	clock_put_rfc3339(b, real_us);
	buf_putc(b, ' ');
	buf_puts(b, names[event]);
}

/* "%20" becomes a space again, which the quotes hold together. */
static void
put_quoted(struct buf *b, struct span encoded)
{
	buf_putc(b, '"');
	while (encoded.n > 0) {
		bool space = span_starts(encoded, SPAN_LIT("%20"));

		buf_putc(b, space ? ' ' : encoded.p[0]);
		encoded = span_from(encoded, space ? 3 : 1);
	}
	buf_putc(b, '"');
}

/* Whole, or not at all; the end of the line has its room. */
static void
put_field(struct buf *b, const struct buf *field)
{
	if (b->n + field->n < b->max)
		buf_put_span(b, buf_span(field));
}

void
history_line_text(struct buf *b, const char *key, struct span value)
{
	struct buf encoded, field;

	if (value.p == NULL)
		return;
	value = span_head(value, HISTORY_VALUE_MAX);
	buf_init(&encoded, 3 * HISTORY_VALUE_MAX);
	buf_init(&field, 4 * HISTORY_VALUE_MAX);
	enc_line(&encoded, value);
	buf_putc(&field, ' ');
	buf_puts(&field, key);
	buf_putc(&field, '=');
	if (span_find(value, ' ') < value.n)
		put_quoted(&field, buf_span(&encoded));
	else
		buf_put_span(&field, buf_span(&encoded));
	put_field(b, &field);
	buf_fini(&encoded);
	buf_fini(&field);
}

void
history_line_number(struct buf *b, const char *key, uint64_t number)
{
	struct buf field;

	buf_init(&field, 128);
	buf_putc(&field, ' ');
	buf_puts(&field, key);
	buf_putc(&field, '=');
	buf_put_u64(&field, number);
	put_field(b, &field);
	buf_fini(&field);
}

void
history_line_end(struct buf *b)
{
	buf_putc(b, '\n');
}

/* ---- taking apart ---- */

static bool
is_hex(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The length of a value without quotes, or what stands between them. */
static size_t
length(struct span s, bool quoted)
{
	size_t i = 0;

	for (; i < s.n; i++) {
		int c = span_at(s, i);

		if (c == '"' || (c == ' ' && !quoted))
			break;
		if (c == '%' && is_hex(span_at(s, i + 1)) &&
		    is_hex(span_at(s, i + 2)))
			continue;
		/* what the writer would have made %XX */
		if (c < 0x20 || c > 0x7e || strchr("%<>=", c) != NULL)
			return SIZE_MAX;
	}
	return i;
}

static bool
is_key(struct span key)
{
	for (size_t i = 0; i < key.n; i++)
		if ((key.p[i] < 'a' || key.p[i] > 'z') && key.p[i] != '_')
			return false;
	return key.n > 0 && key.n <= 32;
}

/* " key=value": false, it is none. */
static bool
take_field(struct span *rest, struct history_line *l)
{
	struct span s = span_from(*rest, 1), value;
	size_t at = span_find(s, '='), n;
	bool quoted;

	if (span_at(*rest, 0) != ' ' || at == s.n ||
	    !is_key(span_head(s, at)) || l->n == HISTORY_FIELDS_MAX)
		return false;
	value = span_from(s, at + 1);
	quoted = span_at(value, 0) == '"';
	n = length(quoted ? span_from(value, 1) : value, quoted);
	if (n == SIZE_MAX || (quoted && span_at(value, n + 1) != '"') ||
	    (!quoted && span_at(value, n) == '"'))
		return false;
	if (quoted)
		n += 2;
	l->fields[l->n++] =
	    (struct history_field){span_head(s, at), span_head(value, n)};
	*rest = span_from(value, n);
	return true;
}

static bool
take_event(struct span word, enum history_event *event)
{
	for (int i = 0; i < HISTORY_EVENTS; i++)
		if (span_eq(word, span_of(names[i]))) {
			*event = (enum history_event)i;
			return true;
		}
	return false;
}

bool
history_line_parse(struct span text, struct history_line *l)
{
	struct span rest = span_from(text, TIME_LEN + 1);
	size_t n = span_find(rest, ' ');

	l->n = 0;
	if (text.n >= HISTORY_LINE_MAX || span_at(text, TIME_LEN) != ' ' ||
	    !clock_get_rfc3339(span_head(text, TIME_LEN), &l->time_us) ||
	    !take_event(span_head(rest, n), &l->event))
		return false;
	rest = span_from(rest, n);
	while (rest.n > 0)
		if (!take_field(&rest, l))
			return false;
	return true;
}

void
history_line_value(const struct history_field *f, struct buf *out)
{
	struct span v = f->value;

	if (span_at(v, 0) == '"')
		v = span_make(v.p + 1, v.n - 2);
	(void)enc_unline(out, v); /* the parser has looked at each %XX */
}

static const struct history_field *
find(const struct history_line *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++)
		if (span_eq(l->fields[i].key, span_of(key)))
			return &l->fields[i];
	return NULL;
}

bool
history_line_has(const struct history_line *l, const char *key)
{
	return find(l, key) != NULL;
}

bool
history_line_get(const struct history_line *l, const char *key, struct buf *out)
{
	const struct history_field *f = find(l, key);

	if (f == NULL)
		return false;
	history_line_value(f, out);
	return true;
}

bool
history_line_is(
    const struct history_line *l, const char *key, struct span value)
{
	struct buf b;
	bool same;

	buf_init(&b, HISTORY_LINE_MAX);
	same = history_line_get(l, key, &b) && span_eq(buf_span(&b), value);
	buf_fini(&b);
	return same;
}

bool
history_line_id(const struct history_line *l, struct buf *out)
{
	if (l->event == HISTORY_GAP || l->event == HISTORY_MORE)
		return buf_puts(out, names[l->event]);
	return history_line_get(l, "id", out) && !out->over && out->n > 0 &&
	       span_find(buf_span(out), '\0') == out->n;
}

static struct span
without_brackets(struct span s)
{
	s = span_trim(s);
	if (s.n >= 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
		s = span_make(s.p + 1, s.n - 2);
	return span_head(s, HISTORY_VALUE_MAX);
}

void
history_line_address(struct span address, struct buf *out)
{
	struct span s = without_brackets(address);
	size_t at = span_rfind(s, '@');

	(void)addr_beyond_fold(span_head(s, at), out); /* over: nobody's */
	(void)addr_beyond_fold(span_from(s, at), out);
}

void
history_line_message_id(struct span id, struct buf *out)
{
	buf_put_span(out, without_brackets(id));
}

void
history_line_client(struct span client, struct buf *out)
{
	struct span tag = SPAN_LIT("IPv6:");
	size_t open = span_find(client, '[');

	if (open < client.n)
		client = span_from(client, open + 1);
	client = span_head(client, span_find(client, ']'));
	if (span_starts_ci(client, tag))
		client = span_from(client, tag.n);
	history_line_address(client, out);
}

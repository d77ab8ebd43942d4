/*
 * SMTP replies: see client_reply.h. A line ends in CRLF and nothing else: one
 * who ends lines otherwise may make one of ours out of another's text.
 */
#include <stdio.h>

#include "delivery/client_reply.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

void
client_reply_init(struct client_reply *r)
{
	*r = (struct client_reply){0};
	buf_init(&r->text, CLIENT_REPLY_TEXT_MAX);
}

void
client_reply_fini(struct client_reply *r)
{
	buf_fini(&r->text);
}

void
client_reply_clear(struct client_reply *r)
{
	r->code = 0;
	r->n_lines = 0;
	buf_clear(&r->text);
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* The code of a line, 0 when it has none. RFC 5321 4.2: 2yz to 5yz. */
static unsigned
code_of(struct span line)
{
	int a = span_at(line, 0), b = span_at(line, 1), c = span_at(line, 2);

	if (a < '2' || a > '5' || !is_digit(b) || !is_digit(c))
		return 0;
	return (unsigned)((a - '0') * 100 + (b - '0') * 10 + (c - '0'));
}

static void
keep(struct client_reply *r, struct span text)
{
	size_t at;

	if (r->n_lines++ > 0)
		(void)buf_putc(&r->text, '\n'); /* what is too much is lost */
	at = r->text.n;
	(void)buf_put_span(&r->text, span_head(text, CLIENT_REPLY_LINE_MAX));
	for (; at < r->text.n; at++)
		if (r->text.p[at] < 0x20 || r->text.p[at] > 0x7e)
			r->text.p[at] = '?';
}

/* One line without its CRLF. */
static enum client_reply_kind
read_line(struct client_reply *r, struct span line)
{
	unsigned code = code_of(line);
	int sign = span_at(line, 3);

	if (code == 0 || (r->code != 0 && code != r->code) ||
	    (sign >= 0 && sign != ' ' && sign != '-') ||
	    span_find(line, '\0') < line.n || span_find(line, '\n') < line.n ||
	    span_find(line, '\r') < line.n ||
	    r->n_lines == CLIENT_REPLY_LINES_MAX)
		return CLIENT_REPLY_BAD;
	r->code = code;
	keep(r, span_from(line, 4));
	return sign == '-' ? CLIENT_REPLY_MORE : CLIENT_REPLY_WHOLE;
}

/* Where the first CRLF of `in` begins; in.n: there is none. */
static size_t
find_end(struct span in)
{
	size_t at = span_find(in, '\n');

	if (at == in.n)
		return in.n;
	/* a bare LF is in the line, then, which is bad */
	return at > 0 && span_at(in, at - 1) == '\r' ? at - 1 : at;
}

enum client_reply_kind
client_reply_read(struct client_reply *r, struct span in, size_t *used)
{
	*used = 0;
	for (;;) {
		struct span rest = span_from(in, *used);
		size_t end = find_end(rest);
		enum client_reply_kind kind;

		/* a CR that has come may be the end's first half */
		if (end == rest.n)
			return end < CLIENT_REPLY_LINE_MAX ? CLIENT_REPLY_MORE
							   : CLIENT_REPLY_BAD;
		if (end > CLIENT_REPLY_LINE_MAX - 2)
			return CLIENT_REPLY_BAD;
		if (span_at(rest, end) != '\r')
			return CLIENT_REPLY_BAD;
		kind = read_line(r, span_head(rest, end));
		*used += end + 2;
		if (kind != CLIENT_REPLY_MORE)
			return kind;
	}
}

void
client_reply_put(const struct client_reply *r, struct buf *out)
{
	size_t from = out->n;

	(void)buf_putf(out, "%u ", r->code);
	(void)buf_put_span(
	    out, span_head(buf_span(&r->text), CLIENT_REPLY_SHOWN_MAX - 4));
	for (size_t i = from; i < out->n; i++)
		if (out->p[i] == '\n')
			out->p[i] = ' ';
}

/* RFC 3463 2: "5.1.1" with 1 to 3 digits behind each dot; its length or 0. */
static size_t
status_length(struct span text)
{
	size_t i = 1;

	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		if (span_at(text, i++) != '.')
			return 0;
		while (is_digit(span_at(text, i)) && digits < 3) {
			i++;
			digits++;
		}
		if (digits == 0)
			return 0;
	}
	return span_at(text, i) == ' ' || i == text.n || text.p[i] == '\n' ? i
									   : 0;
}

void
client_reply_status(const struct client_reply *r, char status[WHY_STATUS_MAX])
{
	struct span text = buf_span(&r->text);
	size_t n = status_length(text);
	char class = (char)('0' + r->code / 100 % 10);

	if (n == 0 || text.p[0] != class ||
	    !span_copy(span_head(text, n), status, WHY_STATUS_MAX))
		(void)snprintf(status, WHY_STATUS_MAX, "%c.0.0", class);
}

static void
auth_words(struct span words, struct client_offer *o)
{
	while (words.n > 0) {
		struct span w = span_cut(&words, ' ');

		o->plain |= span_eq_ci(w, SPAN_LIT("PLAIN"));
		o->login |= span_eq_ci(w, SPAN_LIT("LOGIN"));
	}
}

static void
limit_words(struct span words, struct client_offer *o)
{
	while (words.n > 0) {
		struct span value = span_cut(&words, ' ');
		struct span key = span_cut(&value, '=');
		uint64_t n;

		/* nothing is allowed: that is no limit but a mistake */
		if (!num_u64(value, &n) || n == 0)
			continue;
		if (span_eq_ci(key, SPAN_LIT("MAILMAX")))
			o->mail_max = n;
		else if (span_eq_ci(key, SPAN_LIT("RCPTMAX")))
			o->rcpt_max = n;
		else if (span_eq_ci(key, SPAN_LIT("RCPTDOMAINMAX")))
			o->domain_max = n;
	}
}

struct client_offer
client_reply_offer(const struct client_reply *r)
{
	struct client_offer o = {0};
	struct span text = buf_span(&r->text);

	(void)span_cut(&text, '\n'); /* the server's name */
	while (text.p != NULL) {
		struct span line = span_cut(&text, '\n');
		struct span word = span_cut(&line, ' ');

		o.pipelining |= span_eq_ci(word, SPAN_LIT("PIPELINING"));
		o.eightbit |= span_eq_ci(word, SPAN_LIT("8BITMIME"));
		o.dsn |= span_eq_ci(word, SPAN_LIT("DSN"));
		o.priority |= span_eq_ci(word, SPAN_LIT("MT-PRIORITY"));
		o.utf8 |= span_eq_ci(word, SPAN_LIT("SMTPUTF8"));
		o.require_tls |= span_eq_ci(word, SPAN_LIT("REQUIRETLS"));
		o.starttls |= span_eq_ci(word, SPAN_LIT("STARTTLS"));
		if (span_eq_ci(word, SPAN_LIT("DELIVERBY"))) {
			o.by = true;
			if (!num_u64(span_trim(line), &o.by_min))
				o.by_min = 0;
		}
		if (span_eq_ci(word, SPAN_LIT("AUTH")))
			auth_words(line, &o);
		if (span_eq_ci(word, SPAN_LIT("LIMITS")))
			limit_words(line, &o);
		if (!span_eq_ci(word, SPAN_LIT("SIZE")))
			continue;
		o.size = true;
		if (!num_u64(span_trim(line), &o.size_max))
			o.size_max = 0;
	}
	return o;
}

/*
 * A message as programs hand it to sendmail: see letter.h.
 */
#include "ctl/letter.h"
#include "lib/addr/path.h"
#include "lib/mime/address.h"
#include "lib/base/banned.h"

#define FIELD_MAX (1U << 20)

/*
 * One line, without its end; `rest` begins behind it. CR CR LF is one end: it
 * comes from programs that convert twice. False at the end of the text.
 */
static bool
next_line(struct span *rest, struct span *line)
{
	size_t n = 0, end;

	if (rest->n == 0)
		return false;
	while (n < rest->n && rest->p[n] != '\r' && rest->p[n] != '\n')
		n++;
	*line = span_head(*rest, n);
	for (end = n; span_at(*rest, end) == '\r'; end++)
		continue;
	if (span_at(*rest, end) == '\n')
		end++;
	else if (end > n)
		end = n + 1; /* each bare CR ends a line */
	*rest = span_from(*rest, end);
	return true;
}

static bool
is_folded(struct span line)
{
	return span_at(line, 0) == ' ' || span_at(line, 0) == '\t';
}

/* RFC 5322 2.2: the name of the field that begins here; empty if none does. */
static struct span
field_name(struct span line)
{
	size_t n = 0;

	while (span_at(line, n) > ' ' && span_at(line, n) < 0x7f &&
	       line.p[n] != ':')
		n++;
	if (n == 0 || span_at(span_trim(span_from(line, n)), 0) != ':')
		return SPAN_NONE;
	return span_head(line, n);
}

struct span
letter_cut_at_dot(struct span in)
{
	struct span rest = in, line;

	while (next_line(&rest, &line))
		if (span_eq(line, SPAN_LIT(".")))
			return span_head(in, (size_t)(line.p - in.p));
	return in;
}

static void
note_field(struct letter *l, struct span name)
{
	if (span_starts_ci(name, SPAN_LIT("Resent-")))
		l->resent = true;
	else if (span_eq_ci(name, SPAN_LIT("From")))
		l->has_from = true;
	else if (span_eq_ci(name, SPAN_LIT("Date")))
		l->has_date = true;
	else if (span_eq_ci(name, SPAN_LIT("Message-ID")))
		l->has_id = true;
}

void
letter_read(struct letter *l, struct span in)
{
	struct span rest = in, line = SPAN_NONE, before = in;
	bool in_field = false;

	*l = (struct letter){.head = span_head(in, 0), .body = SPAN_NONE};
	if (span_starts(in, SPAN_LIT("From ")) ||
	    span_starts(in, SPAN_LIT(">From "))) {
		(void)next_line(&rest, &line); /* there is one */
		in = before = rest;
	}
	while (next_line(&rest, &line)) {
		struct span name = field_name(line);

		if (!(in_field && is_folded(line)) && name.n == 0)
			break;
		if (!(in_field && is_folded(line)))
			note_field(l, name);
		in_field = true;
		before = rest;
	}
	l->head = span_head(in, in.n - before.n);
	l->body = before.n > 0 && line.n == 0 ? rest : before;
}

/* One field with what is folded below it; false at the end of the header. */
static bool
next_field(struct span *rest, struct span *field)
{
	struct span start = *rest, line, after;

	if (!next_line(rest, &line))
		return false;
	for (after = *rest; next_line(&after, &line) && is_folded(line);)
		*rest = after;
	*field = span_head(start, start.n - rest->n);
	return true;
}

/* What the server takes, or what it will refuse. */
static void
put_address(const struct mime_address *a, struct span domain, struct buf *out)
{
	struct span end = a->domain.n > 0 ? a->domain : domain;
	struct buf mailbox;
	struct why why;

	buf_init(&mailbox, FIELD_MAX);
	if (addr_mailbox_of(a->local, end, &mailbox, &why) != RC_OK) {
		buf_put_span(&mailbox, a->local);
		buf_putc(&mailbox, '@');
		buf_put_span(&mailbox, end);
	}
	for (size_t i = 0; i < mailbox.n; i++) {
		int c = span_at(buf_span(&mailbox), i);

		buf_putc(out, c < ' ' || c == 0x7f ? '?' : mailbox.p[i]);
	}
	buf_putc(out, '\n');
	buf_fini(&mailbox);
}

/* "joe@", "joe@@x": a domain was meant (a variable was empty), not ours. */
static bool
lacks_domain(struct span item)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < item.n; i++) {
		char c = item.p[i];

		if (c == '\\')
			i++;
		else if (c == '"' && depth == 0)
			quoted = !quoted;
		else if (c == '(' && !quoted)
			depth++;
		else if (c == ')' && !quoted && depth > 0)
			depth--;
		else if (c == '@' && !quoted && depth == 0)
			return true;
	}
	return false;
}

void
letter_addresses(struct span list, struct span domain, struct buf *out)
{
	struct mime_addresses all;
	struct mime_address a;

	mime_addresses_init(&all, list);
	for (;;) {
		size_t start = all.lex.at;
		bool lacks;

		if (!mime_addresses_next(&all, &a))
			break;
		lacks = lacks_domain(
		    span_head(span_from(list, start), all.lex.at - start));
		if (a.kind == MIME_MAILBOX && a.local.n + a.domain.n > 0)
			put_address(&a, lacks ? SPAN_LIT("") : domain, out);
	}
	mime_addresses_fini(&all);
}

static bool
is_recipients(struct span name, bool resent)
{
	if (resent && !span_starts_ci(name, SPAN_LIT("Resent-")))
		return false;
	if (resent)
		name = span_from(name, 7);
	return span_eq_ci(name, SPAN_LIT("To")) ||
	       span_eq_ci(name, SPAN_LIT("Cc")) ||
	       span_eq_ci(name, SPAN_LIT("Bcc"));
}

void
letter_recipients(const struct letter *l, struct span domain, struct buf *out)
{
	struct span rest = l->head, field, line;
	struct buf text;

	buf_init(&text, FIELD_MAX);
	while (next_field(&rest, &field)) {
		if (!is_recipients(field_name(field), l->resent))
			continue;
		(void)span_cut(&field, ':'); /* the name */
		buf_clear(&text);
		while (next_line(&field, &line))
			buf_put_span(&text, line);
		/* a list that is cut would send to some and not to others */
		out->over |= text.over;
		letter_addresses(buf_span(&text), domain, out);
	}
	buf_fini(&text);
}

static void
put_lines(struct span text, struct buf *out)
{
	struct span line;

	while (next_line(&text, &line)) {
		/* first: what stands behind a NUL begins the line */
		while (span_at(line, 0) == '\0')
			line = span_from(line, 1);
		if (span_at(line, 0) == '.')
			buf_putc(out, '.');
		while (line.p != NULL)
			buf_put_span(out, span_cut(&line, '\0'));
		buf_puts(out, "\r\n");
	}
}

static void
put_default(struct buf *out, bool there, const char *name, struct span value)
{
	if (there)
		return;
	buf_putf(out, "%s: ", name);
	buf_put_span(out, value);
	buf_puts(out, "\r\n");
}

bool
letter_write(
    const struct letter *l, const struct letter_defaults *d, struct buf *out)
{
	struct span rest = l->head, field;

	while (next_field(&rest, &field))
		if (!span_eq_ci(field_name(field), SPAN_LIT("Bcc")) &&
		    !span_eq_ci(field_name(field), SPAN_LIT("Resent-Bcc")))
			put_lines(field, out);
	put_default(out, l->has_from, "From", d->from);
	put_default(out, l->has_date, "Date", d->date);
	put_default(out, l->has_id, "Message-ID", d->id);
	buf_puts(out, "\r\n");
	put_lines(l->body, out);
	buf_puts(out, ".\r\n");
	return !out->over;
}

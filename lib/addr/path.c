/*
 * Paths and mailboxes: see path.h. One cursor runs over the input and never
 * goes back; what it reads is written canonically into a buffer of its own
 * and reaches the caller only when all of it is right. Reasons never quote
 * the input: it may be a password in the wrong place.
 */
#include "lib/addr/beyond.h"
#include "lib/addr/literal.h"
#include "lib/addr/path.h"
#include "lib/base/banned.h"

/* RFC 5321 4.5.3.1.1 to .3; a path is a mailbox in two brackets */
#define LOCAL_MAX   64
#define DOMAIN_MAX  255
#define MAILBOX_MAX 254
/* RFC 1035 2.3.4 */
#define LABEL_MAX 63

struct cursor {
	struct span in;
	size_t at;
	const char *bad; /* the first mistake, static */
};

static int
peek(const struct cursor *c)
{
	return span_at(c->in, c->at);
}

static bool
fail(struct cursor *c, const char *bad)
{
	if (c->bad == NULL)
		c->bad = bad;
	return false;
}

/* The byte at the cursor is not what `expected` says. */
static bool
unexpected(struct cursor *c, const char *expected)
{
	int ch = peek(c);

	if (ch == 0x7f || (ch >= 0 && ch < ' '))
		return fail(c, "control character in the address");
	return fail(c, expected);
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool
is_let_dig(int c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 5322 3.2.3, and RFC 6531 3.3: which of these is seen later */
static bool
is_atext(int c)
{
	return is_let_dig(c) || c >= 0x80 ||
	       (c > 0 && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static int
lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool
is_dot_string(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool dot = s.p[i] == '.';

		if (dot ? i == 0 || span_at(s, i + 1) == '.'
			: !is_atext(span_at(s, i)))
			return false;
	}
	return s.n > 0 && s.p[s.n - 1] != '.';
}

/* The local part as it is meant: quotes and backslashes taken off. */
static bool
read_dot_string(struct cursor *c, struct buf *text)
{
	size_t start = c->at;

	while (is_atext(peek(c)) || peek(c) == '.')
		(void)buf_putc(text, c->in.p[c->at++]); /* sets over */
	if (c->at == start)
		return unexpected(c, "local part expected");
	if (!text->over && !is_dot_string(buf_span(text)))
		return fail(c, "dot at an end of the local part or doubled");
	return true;
}

static bool
read_quoted(struct cursor *c, struct buf *text)
{
	for (c->at++; peek(c) != '"'; c->at++) {
		if (peek(c) == '\\')
			c->at++;
		if (peek(c) < ' ' || peek(c) == 0x7f)
			return unexpected(c, "closing quote is missing");
		(void)buf_putc(text, c->in.p[c->at]); /* sets over */
	}
	c->at++;
	return true;
}

static void
put_local(struct buf *box, struct span text)
{
	bool plain = is_dot_string(text);

	if (plain) {
		(void)buf_put_span(box, text); /* over is seen in the end */
		return;
	}
	(void)buf_putc(box, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			(void)buf_putc(box, '\\');
		(void)buf_putc(box, text.p[i]);
	}
	(void)buf_putc(box, '"');
}

static bool
read_local(struct cursor *c, struct buf *box)
{
	struct buf text;
	bool ok;

	buf_init(&text, LOCAL_MAX);
	ok = peek(c) == '"' ? read_quoted(c, &text) : read_dot_string(c, &text);
	if (ok)
		put_local(box, buf_span(&text));
	if (ok && !addr_beyond_ok(buf_span(&text)))
		ok = fail(c, "local part is no UTF-8, or has a control "
			     "character in it");
	/* counted as we would send it */
	if (ok && (text.over || box->n > LOCAL_MAX))
		ok = fail(c, "local part longer than 64 octets");
	buf_fini(&text);
	return ok;
}

static bool
read_label(struct cursor *c, struct buf *box)
{
	size_t start = c->at;

	while (is_let_dig(peek(c)) || peek(c) == '-')
		(void)buf_putc(box, (char)lower(c->in.p[c->at++]));
	if (c->at == start)
		return unexpected(c, "domain expected");
	if (c->in.p[start] == '-' || c->in.p[c->at - 1] == '-')
		return fail(c, "hyphen at an end of a domain's label");
	if (c->at - start > LABEL_MAX)
		return fail(c, "domain's label longer than 63 octets");
	return true;
}

static bool
read_ascii_domain(struct cursor *c, struct buf *box)
{
	size_t start = c->at;

	for (;;) {
		if (!read_label(c, box))
			return false;
		if (c->at - start > DOMAIN_MAX)
			return fail(c, "domain longer than 255 octets");
		if (peek(c) != '.')
			return true;
		c->at++;
		(void)buf_putc(box, '.');
	}
}

/* U-labels are written as A-labels: so one domain has one canonical form. */
static bool
read_domain(struct cursor *c, struct buf *box)
{
	struct cursor inner = {.at = 0};
	size_t start = c->at;
	struct buf ascii;
	struct span said;
	bool ok;

	while (is_let_dig(peek(c)) || peek(c) == '-' || peek(c) == '.' ||
	       peek(c) >= 0x80)
		c->at++;
	said = span_make(c->in.p + start, c->at - start);
	if (span_is_ascii(said)) {
		c->at = start;
		return read_ascii_domain(c, box);
	}
	buf_init(&ascii, DOMAIN_MAX);
	ok = addr_beyond_domain(said, &ascii) ||
	     fail(c, "no domain name, neither in ASCII nor beyond");
	if (ok) {
		inner.in = buf_span(&ascii);
		ok = read_ascii_domain(&inner, box) || fail(c, inner.bad);
	}
	if (ok && inner.at < ascii.n)
		ok = fail(c, "something behind the domain");
	buf_fini(&ascii);
	return ok;
}

static bool
read_literal(struct cursor *c, struct buf *box)
{
	size_t start = ++c->at;

	while (peek(c) > ' ' && peek(c) < 0x7f && peek(c) != '[' &&
	       peek(c) != '\\' && peek(c) != ']')
		c->at++;
	if (peek(c) != ']')
		return unexpected(c, "closing ] is missing");
	(void)buf_putc(box, '[');
	if (!addr_literal(span_make(c->in.p + start, c->at - start), box))
		return fail(c, "invalid address literal");
	(void)buf_putc(box, ']');
	c->at++;
	return true;
}

static bool
read_mailbox(struct cursor *c, struct buf *box)
{
	if (!read_local(c, box))
		return false;
	if (peek(c) != '@')
		return unexpected(c, "@ expected behind the local part");
	c->at++;
	(void)buf_putc(box, '@');
	if (!(peek(c) == '[' ? read_literal(c, box) : read_domain(c, box)))
		return false;
	if (box->over)
		return fail(c, "address longer than 254 octets");
	return true;
}

/* RFC 5321 appendix C: accepted and ignored. */
static bool
read_route(struct cursor *c)
{
	struct buf ignored;
	bool ok;

	buf_init(&ignored, 0);
	for (;;) {
		c->at++;
		ok = read_domain(c, &ignored);
		if (!ok || peek(c) != ',')
			break;
		c->at++;
		ok = peek(c) == '@' || unexpected(c, "@ expected behind ,");
		if (!ok)
			break;
	}
	buf_fini(&ignored);
	if (ok && peek(c) != ':')
		return unexpected(c, ": expected behind the source route");
	c->at++;
	return ok;
}

static bool
read_path(struct cursor *c, enum addr_form form, struct buf *box)
{
	static const struct span postmaster = SPAN_LIT("Postmaster>");

	if (peek(c) != '<')
		return unexpected(c, "address in <> expected");
	c->at++;
	if (form == ADDR_REVERSE && peek(c) == '>') {
		c->at++;
		return true;
	}
	if (form == ADDR_FORWARD &&
	    span_starts_ci(span_from(c->in, c->at), postmaster)) {
		c->at += postmaster.n;
		return buf_puts(box, "postmaster");
	}
	if (peek(c) == '@' && !read_route(c))
		return false;
	if (!read_mailbox(c, box))
		return false;
	if (peek(c) != '>')
		return unexpected(c, "> expected behind the address");
	c->at++;
	return true;
}

enum rc
addr_path(
    struct span *in, enum addr_form form, struct buf *out, struct why *why)
{
	const char *status = form == ADDR_REVERSE ? "5.1.7" : "5.1.3";
	struct cursor c = {.in = *in};
	enum rc rc = RC_OK;
	struct buf box;

	buf_init(&box, MAILBOX_MAX);
	if (!read_path(&c, form, &box))
		rc = why_set(why, RC_PERM, status, "%s", c.bad);
	else if (box.n > out->max - out->n ||
		 !buf_put_span(out, buf_span(&box)))
		rc = why_set(why, RC_PERM, status, "no room for the address");
	else
		*in = span_from(*in, c.at);
	buf_fini(&box);
	return rc;
}

enum rc
addr_mailbox(struct span text, struct buf *out, struct why *why)
{
	struct cursor c = {.in = text};
	enum rc rc = RC_OK;
	struct buf box;

	buf_init(&box, MAILBOX_MAX);
	if (!read_mailbox(&c, &box) ||
	    (c.at < text.n && !unexpected(&c, "something behind the address")))
		rc = why_set(why, RC_PERM, "5.1.3", "%s", c.bad);
	else if (box.n > out->max - out->n ||
		 !buf_put_span(out, buf_span(&box)))
		rc = why_set(why, RC_PERM, "5.1.3", "no room for the address");
	buf_fini(&box);
	return rc;
}

enum rc
addr_mailbox_of(
    struct span local, struct span domain, struct buf *out, struct why *why)
{
	struct buf quoted;
	enum rc rc;

	/* quoted in any case: it stays so only where it must */
	buf_init(&quoted, 2 * local.n + domain.n + 3);
	buf_putc(&quoted, '"');
	for (size_t i = 0; i < local.n; i++) {
		if (local.p[i] == '"' || local.p[i] == '\\')
			buf_putc(&quoted, '\\');
		buf_putc(&quoted, local.p[i]);
	}
	buf_puts(&quoted, "\"@");
	buf_put_span(&quoted, domain); /* there is room for all */
	rc = addr_mailbox(buf_span(&quoted), out, why);
	buf_fini(&quoted);
	return rc;
}

bool
addr_split(struct span mailbox, struct span *local, struct span *domain)
{
	size_t i = 0;

	/* an '@' may stand in the quotes, and in a literal as well */
	if (span_at(mailbox, 0) == '"') {
		for (i = 1; i < mailbox.n && mailbox.p[i] != '"'; i++)
			if (mailbox.p[i] == '\\')
				i++;
	}
	if (i < mailbox.n)
		i += span_find(span_from(mailbox, i), '@');
	if (i >= mailbox.n)
		return false;
	*local = span_head(mailbox, i);
	*domain = span_from(mailbox, i + 1);
	return true;
}

/*
 * Transfer encodings: see transfer.h.
 */
#include "lib/base/num.h"
#include "lib/mime/content.h"
#include "lib/mime/transfer.h"
#include "lib/base/banned.h"

enum mime_encoding
mime_transfer_encoding(struct span value)
{
	struct mime_lex x = {.in = value};
	struct span word;

	if (!mime_content_word(&x, &word))
		return MIME_7BIT;
	if (span_eq_ci(word, SPAN_LIT("base64")))
		return MIME_BASE64;
	if (span_eq_ci(word, SPAN_LIT("quoted-printable")))
		return MIME_QUOTED_PRINTABLE;
	return MIME_7BIT;
}

void
mime_transfer_init(struct mime_transfer *t, enum mime_encoding encoding)
{
	*t = (struct mime_transfer){.encoding = encoding};
	buf_init(&t->held, MIME_HELD_MAX);
}

void
mime_transfer_fini(struct mime_transfer *t)
{
	buf_fini(&t->held);
}

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

static void
put_base64(struct mime_transfer *t, struct span in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		int v = value_of(in.p[i]);

		if (in.p[i] == '=')
			t->bits_n = 0; /* joined texts: a new one begins */
		if (v < 0)
			continue;
		t->bits = (t->bits << 6 | (uint32_t)v) & 0xffffff;
		t->bits_n += 6;
		if (t->bits_n >= 8) {
			t->bits_n -= 8;
			/* over is the caller's */
			(void)buf_putc(out, (char)(t->bits >> t->bits_n));
		}
	}
}

static void
release(struct mime_transfer *t, struct buf *out)
{
	(void)buf_put_span(out, buf_span(&t->held)); /* over: caller's */
	buf_clear(&t->held);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * Behind a held "=": a soft line break (white space before it allowed), an
 * encoded byte, or else text. True when c is used up.
 */
static bool
put_escape(struct mime_transfer *t, char c, struct buf *out)
{
	struct span held;
	uint64_t byte;

	if (c == '\n') {
		buf_clear(&t->held);
		return true;
	}
	(void)buf_putc(&t->held, c); /* looked at below */
	held = buf_span(&t->held);
	if (t->held.over) {
		t->held.over = false;
		release(t, out);
		return false;
	}
	if (held.n == 3 && num_hex(span_from(held, 1), &byte)) {
		buf_clear(&t->held);
		(void)buf_putc(out, (char)byte); /* over: caller's */
		return true;
	}
	if (held.n == 2 && num_hex(span_from(held, 1), &byte))
		return true;
	if (is_blank(c) || c == '\r') {
		for (size_t i = 1; i < held.n; i++)
			if (!is_blank(held.p[i]) && held.p[i] != '\r')
				c = 'x';
		if (c != 'x')
			return true;
	}
	/* no escape: "=" is text, and what follows begins anew */
	t->held.n--;
	release(t, out);
	return false;
}

static void
put_quoted(struct mime_transfer *t, struct span in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		if (t->held.n > 0 && t->held.p[0] == '=' &&
		    put_escape(t, c, out))
			continue;
		if (is_blank(c) && buf_putc(&t->held, c))
			continue;
		/* white space goes only where the line ends */
		if (c == '\n' || c == '\r')
			buf_clear(&t->held);
		t->held.over = false;
		release(t, out);
		(void)buf_putc(c == '=' ? &t->held : out, c); /* likewise */
	}
}

void
mime_transfer_put(struct mime_transfer *t, struct span in, struct buf *out)
{
	switch (t->encoding) {
	case MIME_7BIT:
		(void)buf_put_span(out, in); /* over is the caller's */
		return;
	case MIME_BASE64:
		put_base64(t, in, out);
		return;
	case MIME_QUOTED_PRINTABLE:
		put_quoted(t, in, out);
		return;
	}
}

void
mime_transfer_end(struct mime_transfer *t, struct buf *out)
{
	/* nor has a soft break a line end there */
	if (t->held.n > 0 && (t->held.n == 1 || is_blank(t->held.p[0])))
		buf_clear(&t->held);
	release(t, out);
	t->bits_n = 0;
}

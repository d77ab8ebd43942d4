/*
 * Tokens: see lex.h.
 */
#include "lib/mime/lex.h"
#include "lib/base/banned.h"

/* Behind the comment whose '(' is at the cursor. Nesting is only counted. */
static struct span
skip_comment(struct mime_lex *x)
{
	size_t start = x->at + 1;
	size_t depth = 0;

	for (; x->at < x->in.n; x->at++) {
		char c = x->in.p[x->at];

		if (c == '\\' && x->at + 1 < x->in.n)
			x->at++;
		else if (c == '(')
			depth++;
		else if (c == ')' && --depth == 0)
			break;
	}
	x->at += depth == 0;
	return span_head(span_from(x->in, start), x->at - (depth == 0) - start);
}

bool
mime_lex_cfws(struct mime_lex *x, struct span *comment)
{
	size_t start = x->at;

	for (;;) {
		int c = mime_lex_peek(x);

		if (c == '(') {
			struct span inside = skip_comment(x);

			if (comment != NULL)
				*comment = inside;
		} else if (mime_lex_is_wsp(c)) {
			x->at++;
		} else {
			return x->at > start;
		}
	}
}

static bool
is_token(int c)
{
	return c > ' ' && c < 0x7f && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

struct span
mime_lex_token(struct mime_lex *x)
{
	size_t start = x->at;

	while (is_token(mime_lex_peek(x)))
		x->at++;
	return mime_lex_since(x, start);
}

void
mime_lex_quoted(struct mime_lex *x, struct buf *out)
{
	size_t start = ++x->at;

	while (x->at < x->in.n && x->in.p[x->at] != '"')
		x->at += x->in.p[x->at] == '\\' ? 2 : 1;
	if (x->at > x->in.n)
		x->at = x->in.n;
	if (out != NULL)
		mime_lex_unescape(out, mime_lex_since(x, start));
	if (x->at < x->in.n)
		x->at++;
}

void
mime_lex_unescape(struct buf *out, struct span s)
{
	while (s.n > 0) {
		size_t n = span_find(s, '\\');

		(void)buf_put(out, s.p, n); /* over is the caller's */
		s = span_from(s, n + 1);
		if (s.n > 0) {
			(void)buf_putc(out, s.p[0]); /* likewise */
			s = span_from(s, 1);
		}
	}
}

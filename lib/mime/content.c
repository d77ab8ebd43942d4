/*
 * Content-* values: see content.h.
 */
#include "lib/base/num.h"
#include "lib/mime/content.h"
#include "lib/mime/cursor.h"
#include "lib/base/banned.h"

/* pieces of one parameter; each out of order costs a pass over the text */
#define PASSES_MAX 8

bool
mime_content_word(struct mime_lex *x, struct span *word)
{
	(void)mime_lex_cfws(x, NULL); /* there need not be any */
	*word = mime_lex_token(x);
	return word->n > 0;
}

bool
mime_content_type(struct mime_lex *x, struct span *type, struct span *subtype)
{
	if (!mime_content_word(x, type))
		return false;
	(void)mime_lex_cfws(x, NULL); /* likewise */
	if (mime_lex_peek(x) != '/')
		return false;
	x->at++;
	return mime_content_word(x, subtype);
}

/* To the next ';' that is not quoted, and behind it. */
static bool
next_param(struct mime_lex *x)
{
	for (;;) {
		int c = mime_lex_peek(x);

		if (c == -1)
			return false;
		if (c == '"')
			mime_lex_quoted(x, NULL);
		else if (!mime_lex_cfws(x, NULL))
			x->at++;
		if (c == ';')
			return true;
	}
}

/* Up to ';' or a comment that stands behind white space. */
static void
bare_value(struct mime_lex *x, struct buf *value)
{
	size_t start = x->at;
	size_t end = x->at;

	for (;;) {
		int c = mime_lex_peek(x);

		if (c == -1 || c == ';' || (c == '(' && end < x->at))
			break;
		x->at++;
		if (!mime_lex_is_wsp(c))
			end = x->at;
	}
	/* cut where a value has no room; never so for what was kept of it */
	(void)buf_put_span(
	    value, span_head(span_from(x->in, start), end - start));
}

bool
mime_content_param(struct mime_lex *x, struct span *name, struct buf *value)
{
	while (next_param(x)) {
		buf_clear(value);
		if (!mime_content_word(x, name))
			continue;
		(void)mime_lex_cfws(x, NULL); /* there need not be any */
		if (mime_lex_peek(x) != '=')
			continue;
		x->at++;
		(void)mime_lex_cfws(x, NULL); /* likewise */
		if (mime_lex_peek(x) == '"')
			mime_lex_quoted(x, value);
		else
			bare_value(x, value);
		return true;
	}
	return false;
}

/* RFC 2231 4: %XX; anything else stays. */
static void
put_percent(struct buf *out, struct span s)
{
	uint64_t byte;

	while (s.n > 0) {
		size_t n = span_find(s, '%');

		(void)buf_put(out, s.p, n); /* over is the caller's */
		s = span_from(s, n);
		if (s.n == 0)
			break;
		if (s.n > 2 && num_hex(span_make(s.p + 1, 2), &byte)) {
			(void)buf_putc(out, (char)byte); /* likewise */
			s = span_from(s, 3);
		} else {
			(void)buf_putc(out, '%'); /* likewise */
			s = span_from(s, 1);
		}
	}
}

struct wanted {
	struct span name;
	struct buf *out;
	struct buf value; /* of the parameter at hand */
	char *charset;    /* MIME_CHARSET_MAX bytes */
	uint64_t next;    /* number of the piece to come */
	bool found;       /* all there is: "name*" */
};

/* charset'language'text, RFC 2231 4 */
static struct span
without_charset(struct wanted *w, struct span v)
{
	struct span rest = v;
	struct span charset = span_cut(&rest, '\'');

	if (rest.p == NULL)
		return v;
	(void)span_cut(&rest, '\''); /* the language */
	/* one too long is unknown */
	(void)span_copy(charset, w->charset, MIME_CHARSET_MAX);
	return rest.p == NULL ? SPAN_NONE : rest;
}

/* A parameter whose name begins with the wanted one and an asterisk. */
static void
take_piece(struct wanted *w, struct span tail)
{
	struct span v = buf_span(&w->value);
	bool encoded = tail.n > 0 && tail.p[tail.n - 1] == '*';
	uint64_t number;

	if (tail.n == 1) {
		/* pieces have begun: this is none of them */
		if (w->next > 0)
			return;
		w->found = true;
	} else {
		tail = span_head(tail, tail.n - encoded);
		if (!num_u64(span_from(tail, 1), &number) || number != w->next)
			return;
		w->next++;
	}
	if (tail.n > 1 && w->next > 1) {
		if (encoded)
			put_percent(w->out, v);
		else
			(void)buf_put_span(w->out, v); /* over: caller's */
		return;
	}
	if (encoded)
		put_percent(w->out, without_charset(w, v));
	else
		(void)buf_put_span(w->out, v); /* likewise */
}

/* One walk over the parameters, for pieces in order or for the plain name. */
static void
walk(struct wanted *w, struct span text, bool pieces)
{
	struct mime_lex x = {.in = text};
	struct span name;

	while (!w->found && mime_content_param(&x, &name, &w->value)) {
		if (!span_starts_ci(name, w->name))
			continue;
		if (!pieces && name.n == w->name.n) {
			w->found = buf_put_span(w->out, buf_span(&w->value));
			return;
		}
		if (pieces && span_at(name, w->name.n) == '*')
			take_piece(w, span_from(name, w->name.n));
	}
}

bool
mime_content_find(struct span text, struct span name, struct buf *out,
    char charset[MIME_CHARSET_MAX])
{
	struct wanted w = {.name = name, .out = out, .charset = charset};
	uint64_t before;

	charset[0] = '\0';
	buf_init(&w.value, MIME_LINE_MAX);
	for (int i = 0; i < PASSES_MAX && !w.found; i++) {
		before = w.next;
		walk(&w, text, true);
		if (w.next == before)
			break;
	}
	w.found = w.found || w.next > 0;
	if (!w.found)
		walk(&w, text, false);
	buf_fini(&w.value);
	return w.found;
}

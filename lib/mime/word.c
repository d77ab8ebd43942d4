/*
 * Encoded words: see word.h. The search goes forward only: a "=?" that begins
 * no word is passed by its two bytes, and a word's three ends are looked for
 * within WORD_MAX bytes, so that text of "=?" only stays linear.
 */
#include "lib/mime/charset.h"
#include "lib/mime/transfer.h"
#include "lib/mime/word.h"
#include "lib/base/banned.h"

/* RFC 2047 2 has 75; many write more */
#define WORD_MAX 2048

struct word {
	struct span charset;
	struct span text;
	bool base64;
	size_t n; /* of all of it */
};

struct decoder {
	struct buf *out;
	struct span charset; /* of the words at hand; none: p is NULL */
	struct mime_charset conv;
};

/* The word that s begins with, which is "=?". */
static bool
read_word(struct span s, struct word *w)
{
	struct span in = span_from(span_head(s, WORD_MAX), 2);
	struct span how;
	size_t end;

	w->charset = span_cut(&in, '?');
	w->charset = span_head(w->charset, span_find(w->charset, '*'));
	if (in.p == NULL || w->charset.n == 0)
		return false;
	how = span_cut(&in, '?');
	if (in.p == NULL || how.n != 1)
		return false;
	w->base64 = span_eq_ci(how, SPAN_LIT("B"));
	if (!w->base64 && !span_eq_ci(how, SPAN_LIT("Q")))
		return false;
	/* Q text may begin with '=', so "?=" is looked for from here */
	for (end = span_find(in, '?');
	     end < in.n && span_at(in, end + 1) != '=';)
		end += 1 + span_find(span_from(in, end + 1), '?');
	if (end >= in.n)
		return false;
	w->text = span_head(in, end);
	w->n = (size_t)(in.p - s.p) + end + 2;
	return true;
}

static void
end_words(struct decoder *d)
{
	if (d->charset.p == NULL)
		return;
	mime_charset_end(&d->conv, d->out);
	mime_charset_fini(&d->conv);
	d->charset = SPAN_NONE;
}

static void
put_word(struct decoder *d, const struct word *w)
{
	struct mime_transfer t;
	struct buf bytes;

	if (d->charset.p != NULL && !span_eq_ci(d->charset, w->charset))
		end_words(d);
	if (d->charset.p == NULL)
		mime_charset_init(&d->conv, w->charset);
	d->charset = w->charset;
	buf_init(&bytes, WORD_MAX + MIME_HELD_MAX);
	mime_transfer_init(&t, w->base64 ? MIME_BASE64 : MIME_QUOTED_PRINTABLE);
	for (size_t i = 0; i < w->text.n; i++) {
		char c = w->text.p[i];

		/* RFC 2047 4.2: "_" is a space, which none may strip */
		if (!w->base64 && c == '_')
			mime_transfer_put(&t, SPAN_LIT("=20"), &bytes);
		else
			mime_transfer_put(&t, span_make(&c, 1), &bytes);
	}
	mime_transfer_end(&t, &bytes);
	mime_transfer_fini(&t);
	mime_charset_put(&d->conv, buf_span(&bytes), d->out);
	buf_fini(&bytes);
}

static void
put_text(struct decoder *d, struct span s)
{
	struct mime_charset utf8;

	end_words(d);
	mime_charset_init(&utf8, SPAN_NONE);
	mime_charset_put(&utf8, s, d->out);
	mime_charset_end(&utf8, d->out);
	mime_charset_fini(&utf8);
}

void
mime_word_decode(struct span value, struct buf *out)
{
	struct decoder d = {.out = out};
	struct word w;
	size_t at = 0; /* where a word may begin */

	while (at < value.n) {
		at += span_find(span_from(value, at), '=');
		if (span_at(value, at + 1) != '?') {
			at++;
			continue;
		}
		if (!read_word(span_from(value, at), &w)) {
			at += 2;
			continue;
		}
		/* white space between two words is no text */
		if (d.charset.p == NULL ||
		    span_trim(span_head(value, at)).n > 0)
			put_text(&d, span_head(value, at));
		put_word(&d, &w);
		value = span_from(value, at + w.n);
		at = 0;
	}
	if (value.n > 0)
		put_text(&d, value);
	end_words(&d);
}

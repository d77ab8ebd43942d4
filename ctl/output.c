/*
 * Rows and JSON: see output.h.
 */
#include <stdlib.h>

#include "ctl/output.h"
#include "lib/base/enc.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

void
output_parse(struct output_row *row, struct span text)
{
	struct span rest;
	struct buf b;

	*row = (struct output_row){.text = span_dup(text)};
	rest = span_make(row->text, text.n);
	while (rest.p != NULL && row->n < OUTPUT_KEYS_MAX) {
		struct span value = span_cut(&rest, ' ');
		struct span key = span_cut(&value, '=');

		if (key.n == 0 || value.p == NULL)
			continue;
		buf_init(&b, value.n);
		if (!enc_unline(&b, value))
			buf_put_span(&b, value);
		row->pairs[row->n++] =
		    (struct output_pair){key, span_dup(buf_span(&b)), b.n};
		buf_fini(&b);
	}
}

void
output_fini(struct output_row *row)
{
	for (size_t i = 0; i < row->n; i++)
		free(row->pairs[i].value);
	free(row->text);
	row->n = 0;
	row->text = NULL;
}

struct span
output_get(const struct output_row *row, const char *key)
{
	for (size_t i = 0; i < row->n; i++)
		if (span_eq(row->pairs[i].key, span_of(key)))
			return span_make(row->pairs[i].value, row->pairs[i].n);
	return SPAN_LIT("");
}

uint64_t
output_number(const struct output_row *row, const char *key)
{
	uint64_t n = 0;

	(void)num_u64(output_get(row, key), &n); /* 0 when it is none */
	return n;
}

/* Length of the UTF-8 character at s, RFC 3629 section 4; 0: it is none. */
static size_t
utf8_length(struct span s)
{
	int c = span_at(s, 0), d = span_at(s, 1);
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	/* overlong, surrogates, beyond U+10FFFF */
	if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) ||
	    (c == 0xf0 && d < 0x90) || (c == 0xf4 && d > 0x8f))
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((span_at(s, i) & 0xc0) != 0x80 || span_at(s, i) < 0)
			return 0;
	return n;
}

static void
json_ascii(struct buf *b, int c)
{
	if (c == '"' || c == '\\')
		buf_putf(b, "\\%c", c);
	else if (c == '\n')
		buf_puts(b, "\\n");
	else if (c == '\t')
		buf_puts(b, "\\t");
	else if (c < 0x20 || c == 0x7f)
		buf_putf(b, "\\u%04x", (unsigned)c);
	else
		buf_putc(b, (char)c);
}

void
output_json_string(struct buf *b, struct span s)
{
	buf_putc(b, '"');
	while (s.n > 0) {
		size_t n = utf8_length(s);

		if (n == 0)
			buf_puts(b, REPLACEMENT);
		else if (n == 1)
			json_ascii(b, span_at(s, 0));
		else
			buf_put_span(b, span_head(s, n));
		s = span_from(s, n == 0 ? 1 : n);
	}
	buf_putc(b, '"');
}

static bool
is_listed(struct span key, const char *list)
{
	struct span rest = span_of(list);

	while (rest.p != NULL)
		if (span_eq(span_cut(&rest, ' '), key))
			return true;
	return false;
}

static void
json_value(struct buf *b, struct span value, bool as_text)
{
	uint64_t n;

	if (!as_text && num_u64(value, &n))
		buf_put_span(b, value);
	else if (!as_text && span_eq(value, SPAN_LIT("yes")))
		buf_puts(b, "true");
	else if (!as_text && span_eq(value, SPAN_LIT("no")))
		buf_puts(b, "false");
	else
		output_json_string(b, value);
}

void
output_json_row(struct buf *b, const struct output_row *row, const char *texts)
{
	const char *comma = "";

	buf_putc(b, '{');
	for (size_t i = 0; i < row->n; i++) {
		const struct output_pair *p = &row->pairs[i];

		if (span_eq(p->key, SPAN_LIT("kind")))
			continue;
		buf_puts(b, comma);
		output_json_string(b, p->key);
		buf_putc(b, ':');
		json_value(
		    b, span_make(p->value, p->n), is_listed(p->key, texts));
		comma = ",";
	}
	buf_putc(b, '}');
}

void
output_plain(struct buf *b, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		int c = span_at(s, i);

		buf_putc(b, c < 0x20 || c == 0x7f ? '?' : (char)c);
	}
}

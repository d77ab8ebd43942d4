/*
 * lib/mime of single values: each parser is total, takes its input once and
 * gives no more than its bounds; how decoders' input is cut into pieces does
 * not matter, and text that comes out is UTF-8. The first byte picks encoding
 * and charset.
 */
#include <stdlib.h>

#include "lib/mime/address.h"
#include "lib/mime/charset.h"
#include "lib/mime/content.h"
#include "lib/mime/date.h"
#include "lib/mime/section.h"
#include "lib/mime/transfer.h"
#include "lib/mime/word.h"
#include "lib/base/banned.h"

#define SIZE_MAX_IN 4096
#define OUT_MAX     ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static void
addresses(struct span in)
{
	struct mime_addresses list;
	struct mime_address a;
	size_t at = 0;
	int open = 0;

	mime_addresses_init(&list, in);
	while (mime_addresses_next(&list, &a)) {
		open += a.kind == MIME_GROUP_START;
		open -= a.kind == MIME_GROUP_END;
		check(open == 0 || open == 1);
		check(list.lex.at > at || a.kind == MIME_GROUP_END);
		check(!list.phrase.over && !list.local.over);
		at = list.lex.at;
	}
	check(open == 0 && list.lex.at == in.n);
	mime_addresses_fini(&list);
}

static void
content(struct span in)
{
	struct mime_lex x = {.in = in};
	char charset[MIME_CHARSET_MAX];
	struct span name;
	struct span sub;
	struct buf value;

	buf_init(&value, SIZE_MAX_IN);
	(void)mime_content_type(&x, &name, &sub);
	while (mime_content_param(&x, &name, &value))
		check(name.n > 0);
	check(x.at == in.n && !value.over);
	buf_clear(&value);
	(void)mime_content_find(in, SPAN_LIT("a"), &value, charset);
	check(!value.over);
	buf_fini(&value);
}

static void
decode(struct span in, size_t step, unsigned pick, struct buf *out)
{
	static const struct span charsets[] = {SPAN_LIT("utf-8"),
	    SPAN_LIT("iso-8859-1"), SPAN_LIT("iso-2022-jp"), SPAN_LIT("utf-7"),
	    SPAN_LIT("windows-1258"), SPAN_LIT("gb18030"), SPAN_LIT("x-none"),
	    SPAN_LIT("utf-16")};
	struct mime_transfer t;
	struct mime_charset c;
	struct buf bytes;

	buf_init(&bytes, SIZE_MAX_IN + MIME_HELD_MAX);
	mime_transfer_init(&t, (enum mime_encoding)(pick % 3));
	for (size_t i = 0; i < in.n; i += step)
		mime_transfer_put(
		    &t, span_head(span_from(in, i), step), &bytes);
	mime_transfer_end(&t, &bytes);
	mime_transfer_fini(&t);
	check(!bytes.over && bytes.n <= in.n);
	mime_charset_init(&c, charsets[pick / 3 % 8]);
	for (size_t i = 0; i < bytes.n; i += step)
		mime_charset_put(
		    &c, span_head(span_from(buf_span(&bytes), i), step), out);
	mime_charset_end(&c, out);
	mime_charset_fini(&c);
	buf_fini(&bytes);
}

/* What is UTF-8 passes through as it is. */
static void
check_utf8(const struct buf *b)
{
	struct mime_charset c;
	struct buf again;

	buf_init(&again, OUT_MAX);
	check(!b->over);
	mime_charset_init(&c, SPAN_NONE);
	mime_charset_put(&c, buf_span(b), &again);
	mime_charset_end(&c, &again);
	check(span_eq(buf_span(&again), buf_span(b)));
	mime_charset_fini(&c);
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_make(data, size);
	unsigned pick = size > 0 ? data[0] : 0;
	struct mime_section section;
	struct mime_date date;
	struct buf one;
	struct buf two;

	if (size > SIZE_MAX_IN)
		return 0;
	addresses(in);
	content(in);
	(void)mime_section_parse(&section, in);
	mime_section_fini(&section);
	if (mime_date_parse(in, &date))
		check(date.zone > -6100 && date.zone < 6100);
	buf_init(&one, OUT_MAX);
	buf_init(&two, OUT_MAX);
	decode(span_from(in, 1), SIZE_MAX_IN, pick, &one);
	decode(span_from(in, 1), 1, pick, &two);
	/* glibc's UTF-7 goes on differently behind a mistake */
	if (pick / 3 % 8 != 3)
		check(span_eq(buf_span(&one), buf_span(&two)));
	check_utf8(&one);
	buf_clear(&one);
	mime_word_decode(in, &one);
	check_utf8(&one);
	buf_fini(&one);
	buf_fini(&two);
	return 0;
}

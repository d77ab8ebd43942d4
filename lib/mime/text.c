/*
 * Text of parts: see text.h.
 */
#include "lib/mime/content.h"
#include "lib/mime/text.h"
#include "lib/base/banned.h"

bool
mime_text_is(const struct mime_message *m, const struct mime_part *part)
{
	struct span type;
	struct span subtype;
	struct span rest;

	mime_message_type(m, part, &type, &subtype, &rest);
	return part->kind == MIME_LEAF && span_eq_ci(type, SPAN_LIT("text"));
}

void
mime_text_init(struct mime_text *t, const struct mime_message *m,
    const struct mime_part *part, const struct mime_source *source)
{
	char language[MIME_CHARSET_MAX];
	struct span type;
	struct span subtype;
	struct span rest;
	struct buf charset;

	t->range =
	    (struct mime_range){part->body.view, mime_part_body_size(part)};
	t->ranges = (struct mime_ranges){
	    .v = &t->range, .n = t->range.n > 0, .size = t->range.n};
	t->done = false;
	mime_reader_init(&t->reader, source, &m->index, &t->ranges);
	mime_transfer_init(&t->transfer,
	    part->kind == MIME_LEAF ? mime_transfer_encoding(mime_message_field(
					  m, part, MIME_ENCODING))
				    : MIME_7BIT);
	mime_message_type(m, part, &type, &subtype, &rest);
	buf_init(&charset, MIME_CHARSET_MAX);
	(void)mime_content_find(
	    rest, SPAN_LIT("charset"), &charset, language); /* or none */
	mime_charset_init(&t->charset, span_trim(buf_span(&charset)));
	buf_fini(&charset);
}

void
mime_text_fini(struct mime_text *t)
{
	mime_transfer_fini(&t->transfer);
	mime_charset_fini(&t->charset);
}

enum rc
mime_text_read(struct mime_text *t, struct buf *out, struct why *why)
{
	char view[MIME_READER_CHUNK];
	struct buf bytes;
	enum rc rc;
	size_t n;

	rc = mime_reader_read(&t->reader, view, sizeof(view), &n, why);
	if (rc != RC_OK)
		return rc;
	buf_init(&bytes, sizeof(view) + MIME_HELD_MAX);
	mime_transfer_put(&t->transfer, span_make(view, n), &bytes);
	if (n == 0)
		mime_transfer_end(&t->transfer, &bytes);
	mime_charset_put(&t->charset, buf_span(&bytes), out);
	if (n == 0)
		mime_charset_end(&t->charset, out);
	t->done = n == 0;
	buf_fini(&bytes);
	return RC_OK;
}

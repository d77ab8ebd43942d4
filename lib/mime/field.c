/*
 * Header fields: see field.h.
 */
#include "lib/mime/field.h"
#include "lib/base/banned.h"

static const char *const names[MIME_NAMES] = {
    [MIME_DATE] = "Date",
    [MIME_SUBJECT] = "Subject",
    [MIME_FROM] = "From",
    [MIME_SENDER] = "Sender",
    [MIME_REPLY_TO] = "Reply-To",
    [MIME_TO] = "To",
    [MIME_CC] = "Cc",
    [MIME_BCC] = "Bcc",
    [MIME_IN_REPLY_TO] = "In-Reply-To",
    [MIME_MESSAGE_ID] = "Message-ID",
    [MIME_TYPE] = "Content-Type",
    [MIME_ID] = "Content-ID",
    [MIME_DESCRIPTION] = "Content-Description",
    [MIME_ENCODING] = "Content-Transfer-Encoding",
    [MIME_DISPOSITION] = "Content-Disposition",
    [MIME_LANGUAGE] = "Content-Language",
    [MIME_LOCATION] = "Content-Location",
    [MIME_MD5] = "Content-MD5",
};

enum mime_name
mime_field_name(struct span name)
{
	for (unsigned i = 0; i < MIME_NAMES; i++)
		if (span_eq_ci(name, span_of(names[i])))
			return (enum mime_name)i;
	return MIME_NAMES;
}

size_t
mime_field_split(struct span line, struct span *name)
{
	size_t n = 0;
	size_t colon;

	/* RFC 5322 3.6.8; bytes above ASCII are no reason to lose a field */
	while (n < line.n && (unsigned char)line.p[n] > ' ' &&
	       line.p[n] != ':' && line.p[n] != 0x7f)
		n++;
	for (colon = n;
	     span_at(line, colon) == ' ' || span_at(line, colon) == '\t';)
		colon++;
	*name = span_head(line, n);
	if (n == 0 || span_at(line, colon) != ':')
		return 0;
	return colon + 1;
}

void
mime_field_put(struct buf *b, struct span text)
{
	if (text.n > b->max - b->n) {
		text.n = b->max - b->n;
		b->over = true;
	}
	while (text.n > 0) {
		size_t n = span_find(text, '\0');

		(void)buf_put(b, text.p, n); /* fits */
		if (n < text.n)
			(void)buf_putc(b, '\x80'); /* likewise */
		text = span_from(text, n + 1);
	}
}

void
mime_fields_init(struct mime_fields *f, const struct mime_source *source,
    uint64_t at, uint64_t end)
{
	f->done = false;
	mime_cursor_init(&f->cursor, source, at, end);
	/* the name and the colon stand in front of the value */
	buf_init(&f->text, (size_t)2 * MIME_FIELD_MAX);
}

void
mime_fields_fini(struct mime_fields *f)
{
	mime_cursor_fini(&f->cursor);
	buf_fini(&f->text);
}

bool
mime_fields_next(struct mime_fields *f, struct mime_field *field)
{
	struct mime_line line;
	struct span name;
	size_t value;
	size_t name_n;

	if (f->done || !mime_cursor_line(&f->cursor, &line) || line.len == 0) {
		f->done = true;
		return false;
	}
	*field = (struct mime_field){.at = line.at};
	value = mime_field_split(line.text, &name);
	name_n = value == 0 ? 0 : name.n;
	buf_clear(&f->text);
	mime_field_put(&f->text, line.text);
	for (;;) {
		int next = mime_cursor_peek(&f->cursor);

		field->end = line.end;
		field->size += mime_line_size(&line);
		if ((next != ' ' && next != '\t') ||
		    !mime_cursor_line(&f->cursor, &line))
			break;
		mime_field_put(&f->text, line.text);
	}
	field->name = span_head(buf_span(&f->text), name_n);
	field->value =
	    span_head(span_from(buf_span(&f->text), value), MIME_FIELD_MAX);
	return !f->cursor.failed;
}

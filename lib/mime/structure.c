/*
 * Structures: see structure.h. The tree is walked by its links, so depth costs
 * no stack: entering a part writes what stands in front of its children,
 * leaving it the rest. buf's `over` is the caller's to see, once, in the end.
 */
#include <inttypes.h>

#include "lib/mime/content.h"
#include "lib/mime/envelope.h"
#include "lib/mime/put.h"
#include "lib/mime/structure.h"
#include "lib/base/banned.h"

/* (name value ...) or NIL */
static void
put_params(struct buf *b, struct span text, bool charset)
{
	struct mime_lex x = {.in = text};
	struct span name;
	struct buf value;
	bool any = false;

	buf_init(&value, MIME_LINE_MAX);
	while (!b->over && mime_content_param(&x, &name, &value)) {
		(void)buf_putc(b, any ? ' ' : '(');
		any = true;
		mime_put_string(b, name);
		(void)buf_putc(b, ' ');
		mime_put_string(b, buf_span(&value));
		if (span_eq_ci(name, SPAN_LIT("charset")) ||
		    span_starts_ci(name, SPAN_LIT("charset*")))
			charset = false;
	}
	if (charset)
		(void)buf_putf(
		    b, "%s\"charset\" \"us-ascii\"", any ? " " : "(");
	(void)buf_puts(b, any || charset ? ")" : "NIL");
	buf_fini(&value);
}

static void
put_field(struct buf *b, const struct mime_message *m,
    const struct mime_part *part, enum mime_name name)
{
	struct span v = mime_message_field(m, part, name);

	mime_put_nstring(b, v.n == 0 ? SPAN_NONE : v);
}

/* body-fields */
static void
put_fields(
    struct buf *b, const struct mime_message *m, const struct mime_part *part)
{
	struct mime_lex x = {.in = mime_message_field(m, part, MIME_ENCODING)};
	struct span encoding;
	struct span type;
	struct span subtype;
	struct span rest;

	mime_message_type(m, part, &type, &subtype, &rest);
	mime_put_string(b, type);
	(void)buf_putc(b, ' ');
	mime_put_string(b, subtype);
	(void)buf_putc(b, ' ');
	put_params(b, rest, span_eq_ci(type, SPAN_LIT("text")));
	(void)buf_putc(b, ' ');
	put_field(b, m, part, MIME_ID);
	(void)buf_putc(b, ' ');
	put_field(b, m, part, MIME_DESCRIPTION);
	(void)buf_putc(b, ' ');
	if (mime_content_word(&x, &encoding))
		mime_put_string(b, encoding);
	else
		(void)buf_puts(b, "\"7bit\"");
	(void)buf_putf(b, " %" PRIu64, mime_part_body_size(part));
}

static void
put_disposition(struct buf *b, struct span text)
{
	struct mime_lex x = {.in = text};
	struct span word;

	if (!mime_content_word(&x, &word)) {
		(void)buf_puts(b, "NIL");
		return;
	}
	(void)buf_putc(b, '(');
	mime_put_string(b, word);
	(void)buf_putc(b, ' ');
	put_params(b, span_from(text, x.at), false);
	(void)buf_putc(b, ')');
}

static void
put_language(struct buf *b, struct span text)
{
	struct mime_lex x = {.in = text};
	struct span word;
	bool any = false;

	while (mime_content_word(&x, &word)) {
		(void)buf_putc(b, any ? ' ' : '(');
		any = true;
		mime_put_string(b, word);
		(void)mime_lex_cfws(&x, NULL); /* there may be none */
		if (mime_lex_peek(&x) != ',')
			break;
		x.at++;
	}
	(void)buf_puts(b, any ? ")" : "NIL");
}

/* What body-ext-1part and body-ext-mpart share, with the space in front. */
static void
put_extension(
    struct buf *b, const struct mime_message *m, const struct mime_part *part)
{
	(void)buf_putc(b, ' ');
	put_disposition(b, mime_message_field(m, part, MIME_DISPOSITION));
	(void)buf_putc(b, ' ');
	put_language(b, mime_message_field(m, part, MIME_LANGUAGE));
	(void)buf_putc(b, ' ');
	put_field(b, m, part, MIME_LOCATION);
}

static void
enter(struct buf *b, const struct mime_message *m, const struct mime_part *part)
{
	(void)buf_putc(b, '(');
	if (part->kind == MIME_MULTIPART)
		return;
	put_fields(b, m, part);
	if (part->kind != MIME_MESSAGE)
		return;
	(void)buf_putc(b, ' ');
	mime_envelope_put(b, m, &m->parts[part->child]);
	(void)buf_putc(b, ' ');
}

static void
leave(struct buf *b, const struct mime_message *m, const struct mime_part *part,
    bool extensible)
{
	struct span type;
	struct span subtype;
	struct span rest;

	mime_message_type(m, part, &type, &subtype, &rest);
	if (part->kind == MIME_MULTIPART) {
		(void)buf_putc(b, ' ');
		mime_put_string(b, subtype);
		if (extensible) {
			(void)buf_putc(b, ' ');
			put_params(b, rest, false);
		}
	} else {
		if (part->kind == MIME_MESSAGE ||
		    span_eq_ci(type, SPAN_LIT("text")))
			(void)buf_putf(b, " %" PRIu64, mime_part_lines(part));
		if (extensible) {
			(void)buf_putc(b, ' ');
			put_field(b, m, part, MIME_MD5);
		}
	}
	if (extensible)
		put_extension(b, m, part);
	(void)buf_putc(b, ')');
}

void
mime_structure_put(struct buf *b, const struct mime_message *m, bool extensible)
{
	uint32_t at = 0;

	while (!b->over) {
		enter(b, m, &m->parts[at]);
		if (m->parts[at].child != MIME_NO_PART) {
			at = m->parts[at].child;
			continue;
		}
		leave(b, m, &m->parts[at], extensible);
		while (at != 0 && m->parts[at].next == MIME_NO_PART) {
			at = m->parts[at].parent;
			leave(b, m, &m->parts[at], extensible);
		}
		if (at == 0)
			return;
		at = m->parts[at].next;
	}
}

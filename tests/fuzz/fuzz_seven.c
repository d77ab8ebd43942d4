/*
 * Any message in seven bits: it has the same parts as before, of ASCII, and
 * each decodes to what it was.
 */
#include "lib/base/buf.h"
#include "lib/mime/message.h"
#include "lib/mime/seven.h"
#include "lib/mime/transfer.h"
#include "tests/fuzz/must.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool
keep(void *ctx, struct span text)
{
	return buf_put_span(ctx, text);
}

static struct span
body_of(struct span text, const struct mime_part *part)
{
	return span_head(span_from(text, (size_t)part->body.file),
	    (size_t)(part->end.file - part->body.file));
}

static void
check_leaf(struct span was, struct span is, enum mime_encoding encoding)
{
	struct mime_transfer t;
	struct buf plain;

	must(span_is_ascii(is));
	buf_init(&plain, is.n + MIME_HELD_MAX);
	mime_transfer_init(&t, encoding);
	mime_transfer_put(&t, is, &plain);
	mime_transfer_end(&t, &plain);
	must(span_eq(was, buf_span(&plain)));
	mime_transfer_fini(&t);
	buf_fini(&plain);
}

static void
check_parts(struct span in, struct span out)
{
	struct mime_source a = mime_source_span(&in),
			   b = mime_source_span(&out);
	struct mime_message was, is;
	struct why why;

	must(mime_message_parse(&was, &a, in.n, &why) == RC_OK);
	must(mime_message_parse(&is, &b, out.n, &why) == RC_OK);
	must(was.n == is.n);
	for (uint32_t i = 0; i < was.n; i++) {
		const struct mime_part *x = &was.parts[i], *y = &is.parts[i];
		enum mime_encoding before = mime_transfer_encoding(
		    mime_message_field(&was, x, MIME_ENCODING));

		must(x->kind == y->kind && x->parent == y->parent);
		if (x->kind == MIME_LEAF && before == MIME_7BIT)
			check_leaf(body_of(in, x), body_of(out, y),
			    mime_transfer_encoding(
				mime_message_field(&is, y, MIME_ENCODING)));
	}
	mime_message_fini(&was);
	mime_message_fini(&is);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span in = span_make(p, n);
	struct mime_source source = mime_source_span(&in);
	struct buf out;
	struct why why;
	enum rc rc;

	buf_init(&out, 8 * n + 1000);
	rc = mime_seven(&source, n, keep, &out, &why);
	must(rc == RC_OK || rc == RC_PERM);
	if (span_is_ascii(in))
		must(rc == RC_OK && span_eq(in, buf_span(&out)));
	if (rc == RC_OK)
		check_parts(in, buf_span(&out));
	buf_fini(&out);
	return 0;
}

/*
 * The first byte chooses: lines, whose cut must not matter; a file on its way
 * out, which must be well-formed; the front; a session with two messages.
 * Both must come to an end and say whole lines only.
 */
#include "lib/ev/line.h"
#include "lib/maildir/name.h"
#include "pop3d/wire.h"
#include "tests/unit/pop3d/drive.h"
#include "tests/fuzz/must.h"
#include "lib/base/banned.h"

#define OUT_MAX (4U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* All lines, each behind its kind. */
static void
cut(struct span in, size_t step, struct buf *out)
{
	struct line l = {.max = 16};
	struct buf have;

	buf_init(&have, in.n);
	for (size_t at = 0; at < in.n; at += step) {
		enum line_kind kind;
		struct span text;
		size_t used;

		buf_put_span(&have, span_head(span_from(in, at), step));
		while ((kind = line_next(&l, buf_span(&have), &text, &used)) !=
		       LINE_NONE) {
			buf_putc(out, (char)kind);
			buf_put_span(out, text);
			(void)line_is_clean(text);
			buf_drop(&have, used);
		}
		buf_drop(&have, used);
	}
	buf_fini(&have);
}

static void
lines(struct span in)
{
	struct maildir_name name;
	struct buf a, b;

	buf_init(&a, OUT_MAX);
	buf_init(&b, OUT_MAX);
	cut(in, 1, &a);
	cut(in, in.n + 1, &b);
	must(span_eq(buf_span(&a), buf_span(&b)));
	buf_fini(&a);
	buf_fini(&b);
	maildir_name_parse(in, &name);
	(void)maildir_name_ours(name.base);
}

/* What a client makes of it has to be what the file holds. */
static void
wire(struct span in)
{
	struct span end = SPAN_LIT("\r\n.\r\n");
	struct wire w = {0};
	struct buf out;

	buf_init(&out, 2 * in.n + 1 + WIRE_END_MAX);
	for (size_t at = 0; at < in.n; at += 7)
		wire_put(&w, span_head(span_from(in, at), 7), &out);
	wire_end(&w, &out);
	must(!out.over);
	for (size_t i = 0; i + end.n <= out.n; i++)
		if (span_eq(span_make(out.p + i, end.n), end))
			must(i + end.n == out.n);
	must(out.n == 3 ||
	     span_eq(span_from(buf_span(&out), out.n - end.n), end));
	buf_fini(&out);
}

static void
dialogue(bool session, struct span in)
{
	static struct drive d;
	struct buf out;

	if (d.base == NULL)
		drive_init(&d);
	drive_fill(&d);
	buf_init(&out, OUT_MAX);
	drive_say(&d, session, in, &out);
	must(out.n >= 2 && out.p[out.n - 1] == '\n');
	for (size_t i = 0; i < out.n; i++)
		must(out.p[i] != '\n' || (i > 0 && out.p[i - 1] == '\r'));
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_make(data + 1, n > 0 ? n - 1 : 0);

	if (n == 0 || n > 16384)
		return 0;
	switch (data[0] & 3) {
	case 0:
		lines(in);
		break;
	case 1:
		wire(in);
		break;
	default:
		dialogue((data[0] & 1) != 0, in);
	}
	return 0;
}

/*
 * Bounds and costs: messages that a program makes, none of which may take
 * long. A test that takes 10 seconds is stopped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/mime/envelope.h"
#include "lib/mime/reader.h"
#include "lib/mime/structure.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define IN_MAX ((size_t)64 << 20)

struct made {
	struct buf in;
	struct span bytes;
	struct mime_source source;
	struct mime_message m;
};

static void
parse(struct made *t)
{
	t->bytes = buf_span(&t->in);
	t->source = mime_source_span(&t->bytes);
	assert_int_equal(
	    mime_message_parse(&t->m, &t->source, t->bytes.n, NULL), RC_OK);
}

static void
put(struct made *t, const char *s, int times)
{
	for (int i = 0; i < times; i++)
		assert_true(buf_puts(&t->in, s));
}

static uint32_t
deepest(const struct mime_message *m)
{
	uint32_t depth = 0;

	for (uint32_t i = 0; i < m->n; i++)
		if (m->parts[i].depth > depth)
			depth = m->parts[i].depth;
	return depth;
}

/* n bytes of the view from `at` on. */
static void
read_at(struct made *t, uint64_t at, const char *expected)
{
	struct mime_range range = {at, strlen(expected)};
	struct mime_ranges ranges = {.v = &range, .n = 1, .size = range.n};
	struct mime_reader r;
	char got[64];
	size_t n;

	mime_reader_init(&r, &t->source, &t->m.index, &ranges);
	assert_int_equal(
	    mime_reader_read(&r, got, sizeof(got), &n, NULL), RC_OK);
	assert_int_equal(n, range.n);
	assert_memory_equal(got, expected, n);
}

static void
nested_messages(struct made *t)
{
	put(t, "Content-Type: message/rfc822\n\n", 1000);
	parse(t);
	assert_int_equal(deepest(&t->m), MIME_DEPTH_MAX);
	assert_int_equal(t->m.n, MIME_DEPTH_MAX + 1);
	assert_true(t->m.parts[MIME_DEPTH_MAX].plain);
}

static void
nested_multiparts(struct made *t)
{
	for (int i = 0; i < 1000; i++)
		assert_true(buf_putf(&t->in,
		    "Content-Type: multipart/x; boundary=b%d\n\n--b%d\n", i,
		    i));
	put(t, "\nx\n", 1);
	parse(t);
	assert_int_equal(deepest(&t->m), MIME_DEPTH_MAX);
	assert_true(t->m.parts[t->m.n - 1].plain);
}

static void
many_parts(struct made *t)
{
	put(t, "Content-Type: multipart/x; boundary=b\n\n", 1);
	put(t, "--b\n\nx\n", 200000);
	put(t, "--b--\n", 1);
	parse(t);
	assert_int_equal(t->m.n, MIME_PARTS_MAX);
	assert_int_equal(t->m.parts[0].children, MIME_PARTS_MAX - 1);
	assert_int_equal(t->m.parts[0].end.view, t->m.size);
	assert_int_equal(mime_part_body_size(&t->m.parts[t->m.n - 1]), 1);
}

static void
many_header_lines(struct made *t)
{
	static const uint32_t none[1];
	struct mime_section s;
	struct mime_ranges r;

	put(t, "A: b\nC: d\n", 100000);
	put(t, "From: x@y\n\n", 1);
	parse(t);
	assert_non_null(mime_section_part(&t->m, none, 0));
	assert_true(mime_section_parse(&s, span_of("HEADER.FIELDS (from)")));
	assert_int_equal(
	    mime_section_find(&s, &t->m, &t->source, &r, NULL), RC_OK);
	assert_int_equal(r.size, 13);
	mime_ranges_fini(&r);
	mime_section_fini(&s);
	/* as many pieces as there may be */
	assert_true(mime_section_parse(&s, span_of("HEADER.FIELDS (a)")));
	assert_int_equal(
	    mime_section_find(&s, &t->m, &t->source, &r, NULL), RC_OK);
	assert_int_equal(r.n, MIME_RANGES_MAX);
	mime_ranges_fini(&r);
	mime_section_fini(&s);
}

static void
long_field(struct made *t)
{
	struct span v;

	put(t, "Subject: ", 1);
	put(t, "0123456789", 100000);
	put(t, "\n\t", 1);
	put(t, "0123456789", 100000);
	put(t, "\nFrom: a@b\n\nx", 1);
	parse(t);
	v = mime_message_field(&t->m, &t->m.parts[0], MIME_SUBJECT);
	assert_in_range(v.n, MIME_FIELD_MAX - 20, MIME_FIELD_MAX);
	v = mime_message_field(&t->m, &t->m.parts[0], MIME_FROM);
	assert_int_equal(v.n, 3);
	assert_int_equal(mime_part_header_size(&t->m.parts[0]),
	    9 + 1000000 + 2 + 1 + 1000000 + 2 + 11 + 2);
}

static void
many_headers_text(struct made *t)
{
	put(t, "Content-Type: multipart/x; boundary=b\n\n", 1);
	for (int i = 0; i < 5000; i++) {
		put(t, "--b\nContent-Description: ", 1);
		put(t, "0123456789", 100);
		put(t, "\n\n", 1);
	}
	parse(t);
	assert_int_equal(t->m.n, 5001);
	assert_in_range(t->m.text.n, MIME_TEXT_MAX - 1000, MIME_TEXT_MAX);
}

static void
long_line(struct made *t)
{
	put(t, "A: b\n\n", 1);
	put(t, "0123456789", 1000000);
	put(t, "\r\nend", 1);
	parse(t);
	assert_int_equal(t->m.size, 8 + 10000000 + 5);
	assert_int_equal(mime_part_lines(&t->m.parts[0]), 1);
	assert_in_range(t->m.index.n, 100, 200);
	read_at(t, 8 + 9999999, "9\r\nend");
	read_at(t, 8 + 5000000, "0123");
	read_at(t, 8 + 10000001, "\nend");
}

static void
check_lines(struct made *t, const char *line)
{
	static const char view[] = "0123456\r\n0123456\r\n";

	put(t, "A: b\n\n", 1);
	put(t, line, 1000000);
	parse(t);
	assert_int_equal(t->m.size, 8 + 9000000);
	for (uint64_t i = 0; i < 8999980; i += 10001)
		read_at(t, 8 + i, view + i % 9);
}

static void
many_lines(struct made *t)
{
	check_lines(t, "0123456\n");
}

static void
many_crlf_lines(struct made *t)
{
	check_lines(t, "0123456\r\n");
}

static void
dashes(struct made *t)
{
	put(t, "Content-Type: multipart/x; boundary=\"", 1);
	put(t, "-", 2000);
	put(t, "\"\n\n--", 1);
	put(t, "-", 10000000);
	parse(t);
	assert_true(t->m.parts[0].plain);
}

static void
many_params(struct made *t)
{
	struct buf out;

	put(t, "Content-Type: multipart/x", 1);
	put(t, ";a*2=b;boundary*1=b", 3000);
	put(t, "\n\nx", 1);
	parse(t);
	buf_init(&out, IN_MAX);
	mime_structure_put(&out, &t->m, true);
	mime_envelope_put(&out, &t->m, &t->m.parts[0]);
	assert_false(out.over);
	buf_fini(&out);
}

static ssize_t
read_failing(void *arg, uint64_t at, void *to, size_t n)
{
	const struct mime_source *source = arg;

	if (at >= 100000)
		return -1;
	return source->read(source->arg, at, to, n > 1000 ? 1000 : n);
}

static void
source_fails(struct made *t)
{
	struct mime_source failing = {read_failing, &t->source};

	put(t, "Content-Type: multipart/x; boundary=b\n\n", 1);
	put(t, "--b\n\nx\n", 100000);
	parse(t);
	mime_message_fini(&t->m);
	assert_int_equal(
	    mime_message_parse(&t->m, &failing, t->bytes.n, NULL), RC_TEMP);
	assert_int_equal(t->m.n, 0);
}

static void
source_shrinks(struct made *t)
{
	struct mime_range range = {0, 20};
	struct mime_ranges ranges = {.v = &range, .n = 1, .size = range.n};
	struct mime_reader r;
	char got[64];
	size_t n;

	put(t, "A: b\n\n0123456789\n", 1);
	parse(t);
	t->bytes.n -= 3;
	mime_reader_init(&r, &t->source, &t->m.index, &ranges);
	assert_int_equal(
	    mime_reader_read(&r, got, sizeof(got), &n, NULL), RC_TEMP);
}

static const struct row {
	const char *name;
	void (*run)(struct made *t);
} rows[] = {
    {"nested messages", nested_messages},
    {"nested multiparts", nested_multiparts},
    {"many parts", many_parts},
    {"many header lines", many_header_lines},
    {"long field", long_field},
    {"text of many headers", many_headers_text},
    {"long line", long_line},
    {"many lines", many_lines},
    {"many CRLF lines", many_crlf_lines},
    {"dashes", dashes},
    {"many parameters", many_params},
    {"source fails", source_fails},
    {"source shrinks", source_shrinks},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct made t = {.m.n = 0};

	(void)alarm(10); /* no alarm was set */
	buf_init(&t.in, IN_MAX);
	row->run(&t);
	mime_message_fini(&t.m);
	buf_fini(&t.in);
}

ROWS_MAIN(rows, check_row)

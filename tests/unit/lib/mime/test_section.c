#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "lib/mime/reader.h"
#include "lib/mime/section.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define HEADER "Subject: s\nFrom: a\n b\nto: c\nX: d\n\n"
#define SIMPLE HEADER "one\ntwo\n"
#define INNER  "From: i\nContent-Type: multipart/x; boundary=c\n\n"
#define NESTED                                                               \
	"Content-Type: multipart/mixed; boundary=b\n\n--b\nA: b\n\n1\n--b\n" \
	"Content-Type: message/rfc822\n\n" INNER                             \
	"--c\n\n2.1\n--c\nB: c\n\n2.2\n\n--c--\nepi\n--b--\n"
#define NESTED_TEXT \
	"--c\r\n\r\n2.1\r\n--c\r\nB: c\r\n\r\n2.2\r\n\r\n--c--\r\nepi"
#define INNER_VIEW "From: i\r\nContent-Type: multipart/x; boundary=c\r\n\r\n"
#define RFC822     "Content-Type: message/rfc822\n\nFrom: x\n\nbody\n"
#define ALL        UINT64_MAX

static const struct row {
	const char *name;
	const char *in;
	const char *spec;
	const char *out; /* CRLF; NULL: no such section; "!": no section */
	uint64_t origin;
	uint64_t count; /* 0: all */
} rows[] = {
    {"all", SIMPLE, "",
	"Subject: s\r\nFrom: a\r\n b\r\nto: c\r\nX: d\r\n\r\none\r\ntwo\r\n", 0,
	0},
    {"header", SIMPLE, "HEADER",
	"Subject: s\r\nFrom: a\r\n b\r\nto: c\r\nX: d\r\n\r\n", 0, 0},
    {"text", SIMPLE, "text", "one\r\ntwo\r\n", 0, 0},
    {"part one is the body", SIMPLE, "1", "one\r\ntwo\r\n", 0, 0},
    {"its header", SIMPLE, "1.MIME",
	"Subject: s\r\nFrom: a\r\n b\r\nto: c\r\nX: d\r\n\r\n", 0, 0},
    {"no part two", SIMPLE, "2", NULL, 0, 0},
    {"nothing below a leaf", SIMPLE, "1.1", NULL, 0, 0},
    {"no message in a leaf", SIMPLE, "1.HEADER", NULL, 0, 0},

    {"fields", SIMPLE, "HEADER.FIELDS (From)", "From: a\r\n b\r\n\r\n", 0, 0},
    {"fields in their order", SIMPLE, "header.fields (TO \"SUBJECT\")",
	"Subject: s\r\nto: c\r\n\r\n", 0, 0},
    {"literal name", SIMPLE, "HEADER.FIELDS ({2}\r\nto y)", "to: c\r\n\r\n", 0,
	0},
    {"fields not", SIMPLE, "HEADER.FIELDS.NOT (from to)",
	"Subject: s\r\nX: d\r\n\r\n", 0, 0},
    {"no such field", SIMPLE, "HEADER.FIELDS (Fro)", "\r\n", 0, 0},
    {"no empty line", "A: b\nC: d", "HEADER.FIELDS (c)", "C: d", 0, 0},
    {"line that is no field", "A: b\nfoo\n bar\nC: d\n\n",
	"HEADER.FIELDS (a foo \"\")", "A: b\r\n\r\n", 0, 0},
    {"line that is no field, not", "A: b\nfoo\n bar\nC: d\n\n",
	"HEADER.FIELDS.NOT (a)", "foo\r\n bar\r\nC: d\r\n\r\n", 0, 0},

    {"part", NESTED, "1", "1", 0, 0},
    {"part's header", NESTED, "1.MIME", "A: b\r\n\r\n", 0, 0},
    {"message", NESTED, "2", INNER_VIEW NESTED_TEXT, 0, 0},
    {"its MIME header", NESTED, "2.MIME",
	"Content-Type: message/rfc822\r\n\r\n", 0, 0},
    {"its header", NESTED, "2.HEADER", INNER_VIEW, 0, 0},
    {"its text", NESTED, "2.TEXT", NESTED_TEXT, 0, 0},
    {"its fields", NESTED, "2.HEADER.FIELDS (from)", "From: i\r\n\r\n", 0, 0},
    {"its parts", NESTED, "2.1", "2.1", 0, 0},
    {"its parts' headers", NESTED, "2.2.MIME", "B: c\r\n\r\n", 0, 0},
    {"its second part", NESTED, "2.2", "2.2\r\n", 0, 0},
    {"not a third", NESTED, "2.3", NULL, 0, 0},
    {"no header of a leaf", NESTED, "1.HEADER", NULL, 0, 0},
    {"a message that is a message", RFC822, "1.HEADER", "From: x\r\n\r\n", 0,
	0},
    {"and its body", RFC822, "1.1", "body\r\n", 0, 0},
    {"and its own", RFC822, "1", "From: x\r\n\r\nbody\r\n", 0, 0},

    {"partial", SIMPLE, "TEXT", "ne\r\nt", 1, 5},
    {"partial between CR and LF", SIMPLE, "TEXT", "\ntwo\r", 4, 5},
    {"partial beyond", SIMPLE, "TEXT", "", 10, 5},
    {"partial over the end", SIMPLE, "TEXT", "\n", 9, ALL},
    {"partial of pieces", SIMPLE, "HEADER.FIELDS (subject to)", "\r\nto: c\r",
	10, 8},

    {"zero", SIMPLE, "0", "!", 0, 0},
    {"leading zero", SIMPLE, "01", "!", 0, 0},
    {"dot behind", SIMPLE, "1.", "!", 0, 0},
    {"two dots", SIMPLE, "1..2", "!", 0, 0},
    {"MIME of all", SIMPLE, "MIME", "!", 0, 0},
    {"other word", SIMPLE, "FOOTER", "!", 0, 0},
    {"no names", SIMPLE, "HEADER.FIELDS", "!", 0, 0},
    {"empty names", SIMPLE, "HEADER.FIELDS ()", "!", 0, 0},
    {"names not closed", SIMPLE, "HEADER.FIELDS (a", "!", 0, 0},
    {"something behind", SIMPLE, "HEADER.FIELDS (a) b", "!", 0, 0},
    {"literal too long", SIMPLE, "HEADER.FIELDS ({3}\r\na)", "!", 0, 0},
    {"quote not closed", SIMPLE, "HEADER.FIELDS (\"a)", "!", 0, 0},
    {"more than a number", SIMPLE, "4294967296", "!", 0, 0},
};

static void
read_all(const struct mime_source *source, const struct mime_message *m,
    const struct mime_ranges *r, size_t step, const char *expected)
{
	struct mime_reader reader;
	struct buf out;
	size_t got;

	buf_init(&out, 65536);
	mime_reader_init(&reader, source, &m->index, r);
	do {
		char *to = buf_reserve(&out, step);

		assert_non_null(to);
		assert_int_equal(
		    mime_reader_read(&reader, to, step, &got, NULL), RC_OK);
		out.n += got;
	} while (got > 0);
	assert_int_equal(out.n, r->size);
	assert_string_equal(buf_cstr(&out), expected);
	buf_fini(&out);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct span in = span_of(row->in);
	struct mime_source source = mime_source_span(&in);
	struct mime_section s;
	struct mime_ranges r = {0};
	struct mime_message m;
	enum rc rc;

	if (!mime_section_parse(&s, span_of(row->spec))) {
		assert_string_equal(row->out, "!");
		mime_section_fini(&s);
		return;
	}
	assert_int_equal(mime_message_parse(&m, &source, in.n, NULL), RC_OK);
	rc = mime_section_find(&s, &m, &source, &r, NULL);
	assert_int_equal(rc, row->out == NULL ? RC_PERM : RC_OK);
	if (row->count > 0)
		mime_ranges_cut(&r, row->origin, row->count);
	for (size_t step = 1; rc == RC_OK && step < 100; step += 97)
		read_all(&source, &m, &r, step, row->out);
	mime_ranges_fini(&r);
	mime_message_fini(&m);
	mime_section_fini(&s);
}

ROWS_MAIN(rows, check_row)

/*
 * lib/mime of whole messages: taking apart, structures, sections, reading.
 * The input is a message. Read a byte at a time it gives what it gives in one
 * piece; BODY and BODYSTRUCTURE keep RFC 3501's grammar; the reader gives what
 * a plain conversion of all the bytes gives, from any place; and the sections
 * of a part make up the part.
 */
#include <stdlib.h>

#include "lib/base/num.h"
#include "lib/mime/envelope.h"
#include "lib/mime/reader.h"
#include "lib/mime/structure.h"
#include "lib/mime/text.h"
#include "lib/base/banned.h"

#define SIZE_MAX_IN 20000
#define OUT_MAX     ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

static ssize_t
read_one(void *arg, uint64_t at, void *to, size_t n)
{
	const struct mime_source *all = arg;

	(void)n; /* as little as there is */
	return all->read(all->arg, at, to, 1);
}

/* ---- the grammar of RFC 3501 section 9 ---- */

struct grammar {
	struct span in;
	int depth;
	bool extensible;
};

static bool
next_is(const struct grammar *g, const char *text)
{
	return span_starts_ci(g->in, span_of(text));
}

static void
eat(struct grammar *g, const char *text)
{
	check(next_is(g, text));
	g->in = span_from(g->in, strlen(text));
}

static void
string(struct grammar *g)
{
	size_t n = 0;
	uint64_t size;

	if (next_is(g, "{")) {
		n = span_find(g->in, '}');
		check(num_u64(span_make(g->in.p + 1, n - 1), &size));
		g->in = span_from(g->in, n + 1);
		eat(g, "\r\n");
		check(size <= g->in.n);
		check(span_find(span_head(g->in, (size_t)size), '\0') == size);
		g->in = span_from(g->in, (size_t)size);
		return;
	}
	eat(g, "\"");
	for (; span_at(g->in, n) != '"'; n++) {
		n += span_at(g->in, n) == '\\';
		check(span_at(g->in, n) > 0 && span_at(g->in, n) < 0x80);
		check(g->in.p[n] != '\r' && g->in.p[n] != '\n');
	}
	g->in = span_from(g->in, n + 1);
}

static void
nstring(struct grammar *g)
{
	if (next_is(g, "NIL"))
		eat(g, "NIL");
	else
		string(g);
}

static void
number(struct grammar *g)
{
	size_t n = 0;
	uint64_t v;

	while (span_at(g->in, n) >= '0' && span_at(g->in, n) <= '9')
		n++;
	check(num_range(span_head(g->in, n), 0, UINT32_MAX, &v));
	g->in = span_from(g->in, n);
}

/* "(" item *([SP] item) ")" or NIL */
static void
list(struct grammar *g, void (*item)(struct grammar *), const char *between)
{
	if (next_is(g, "NIL")) {
		eat(g, "NIL");
		return;
	}
	eat(g, "(");
	item(g);
	while (!next_is(g, ")")) {
		eat(g, between);
		item(g);
	}
	eat(g, ")");
}

static void
param(struct grammar *g)
{
	string(g);
	eat(g, " ");
	string(g);
}

static void
address(struct grammar *g)
{
	eat(g, "(");
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			eat(g, " ");
		nstring(g);
	}
	eat(g, ")");
}

static void
envelope(struct grammar *g)
{
	for (int i = 0; i < 10; i++) {
		eat(g, i == 0 ? "(" : " ");
		if (i >= 2 && i <= 7)
			list(g, address, "");
		else
			nstring(g);
	}
	eat(g, ")");
}

static void
extension(struct grammar *g)
{
	eat(g, " ");
	if (next_is(g, "NIL")) {
		eat(g, "NIL");
	} else {
		eat(g, "(");
		string(g);
		eat(g, " ");
		list(g, param, " ");
		eat(g, ")");
	}
	eat(g, " ");
	list(g, string, " ");
	eat(g, " ");
	nstring(g);
}

static void
fields(struct grammar *g)
{
	eat(g, " ");
	list(g, param, " ");
	eat(g, " ");
	nstring(g);
	eat(g, " ");
	nstring(g);
	eat(g, " ");
	string(g);
	eat(g, " ");
	number(g);
}

static void
body(struct grammar *g)
{
	bool multipart;

	eat(g, "(");
	check(++g->depth <= MIME_DEPTH_MAX + 1);
	multipart = next_is(g, "(");
	if (multipart) {
		while (next_is(g, "("))
			body(g);
		eat(g, " ");
		string(g);
		if (g->extensible) {
			eat(g, " ");
			list(g, param, " ");
		}
	} else {
		bool message = next_is(g, "\"message\" \"rfc822\"");
		bool text = next_is(g, "\"text\"");

		string(g);
		eat(g, " ");
		string(g);
		fields(g);
		if (message) {
			eat(g, " ");
			envelope(g);
			eat(g, " ");
			body(g);
		}
		if (message || text) {
			eat(g, " ");
			number(g);
		}
		if (g->extensible) {
			eat(g, " ");
			nstring(g);
		}
	}
	if (g->extensible)
		extension(g);
	eat(g, ")");
	g->depth--;
}

static void
check_structure(const struct mime_message *m, bool extensible, struct buf *out)
{
	struct grammar g = {.extensible = extensible};

	mime_structure_put(out, m, extensible);
	check(!out->over);
	g.in = buf_span(out);
	body(&g);
	check(g.in.n == 0);
}

/* ---- reading ---- */

static void
convert(struct span in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
			(void)buf_putc(out, '\r');
		(void)buf_putc(out, in.p[i] == '\0' ? '\x80' : in.p[i]);
	}
}

static void
read_all(const struct mime_source *source, const struct mime_index *index,
    const struct mime_ranges *ranges, struct buf *out)
{
	struct mime_reader r;
	char piece[7];
	size_t got;

	mime_reader_init(&r, source, index, ranges);
	do {
		check(mime_reader_read(&r, piece, sizeof(piece), &got, NULL) ==
		      RC_OK);
		(void)buf_put(out, piece, got);
	} while (got > 0);
	check(out->n == ranges->size);
}

/* The section of `path` is these bytes of the view. */
static void
check_section(const struct mime_message *m, const struct mime_source *source,
    const char *spec, struct span view)
{
	struct mime_section s;
	struct mime_ranges r;
	struct buf out;

	buf_init(&out, OUT_MAX);
	check(mime_section_parse(&s, span_of(spec)));
	check(mime_section_find(&s, m, source, &r, NULL) == RC_OK);
	read_all(source, &m->index, &r, &out);
	check(span_eq(buf_span(&out), view));
	mime_ranges_cut(&r, view.n / 3, view.n / 2);
	buf_clear(&out);
	read_all(source, NULL, &r, &out);
	check(span_eq(buf_span(&out),
	    span_head(span_from(view, view.n / 3), view.n / 2)));
	mime_ranges_fini(&r);
	mime_section_fini(&s);
	buf_fini(&out);
}

static uint64_t
fields_size(const struct mime_message *m, const struct mime_source *source,
    const char *spec)
{
	struct mime_section s;
	struct mime_ranges r;
	uint64_t size;

	check(mime_section_parse(&s, span_of(spec)));
	check(mime_section_find(&s, m, source, &r, NULL) == RC_OK);
	size = r.size;
	mime_ranges_fini(&r);
	mime_section_fini(&s);
	return size;
}

static void
check_sections(const struct mime_message *m, const struct mime_source *source,
    struct span view)
{
	const struct mime_part *root = &m->parts[0];
	size_t header = (size_t)mime_part_header_size(root);
	uint64_t some;
	uint64_t others;

	check_section(m, source, "", view);
	check_section(m, source, "HEADER", span_head(view, header));
	check_section(m, source, "TEXT", span_from(view, header));
	some = fields_size(m, source, "HEADER.FIELDS (From x \"a\")");
	others = fields_size(m, source, "HEADER.FIELDS.NOT (FROM X A)");
	check(some + others == header || some + others == header + 2);
}

static void
check_part(const struct mime_message *m, const struct mime_part *p)
{
	check(p->header.view <= p->body.view && p->body.view <= p->end.view);
	check(p->header.line <= p->body.line && p->body.line <= p->end.line);
	check(p->end.view <= m->size && p->depth <= MIME_DEPTH_MAX);
	check((p->kind == MIME_LEAF) == (p->children == 0));
	if (p->parent != MIME_NO_PART) {
		const struct mime_part *above = &m->parts[p->parent];

		check(p->header.view >= above->body.view);
		check(p->end.view <= above->end.view);
	}
	if (p->next != MIME_NO_PART)
		check(m->parts[p->next].header.view >= p->end.view);
}

static void
check_texts(const struct mime_message *m, const struct mime_source *source,
    struct buf *out)
{
	for (uint32_t i = 0; i < m->n; i++) {
		struct mime_text t;

		if (!mime_text_is(m, &m->parts[i]))
			continue;
		mime_text_init(&t, m, &m->parts[i], source);
		while (!t.done)
			check(mime_text_read(&t, out, NULL) == RC_OK);
		mime_text_fini(&t);
	}
	check(!out->over);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_make(data, size);
	struct mime_source source = mime_source_span(&in);
	struct mime_source slow = {read_one, &source};
	struct mime_message m;
	struct buf fast_out;
	struct buf out;

	if (size > SIZE_MAX_IN)
		return 0;
	buf_init(&out, OUT_MAX);
	buf_init(&fast_out, OUT_MAX);
	check(mime_message_parse(&m, &source, size, NULL) == RC_OK);
	check(m.n >= 1 && m.n <= MIME_PARTS_MAX);
	for (uint32_t i = 0; i < m.n; i++)
		check_part(&m, &m.parts[i]);
	convert(in, &out);
	check(out.n == m.size);
	check_sections(&m, &source, buf_span(&out));
	buf_clear(&out);
	check_structure(&m, false, &out);
	check_structure(&m, true, &fast_out);
	buf_clear(&out);
	check_texts(&m, &source, &fast_out);
	mime_message_fini(&m);

	check(mime_message_parse(&m, &slow, size, NULL) == RC_OK);
	check_structure(&m, true, &out);
	check_texts(&m, &slow, &out);
	check(span_eq(buf_span(&out), buf_span(&fast_out)));
	mime_message_fini(&m);
	buf_fini(&out);
	buf_fini(&fast_out);
	return 0;
}

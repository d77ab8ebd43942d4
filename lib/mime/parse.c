/*
 * The pass that finds a message's parts: see message.h. The open parts are the
 * chain of parents of the current one; a line either is a delimiter of one of
 * the open multiparts, or belongs to the current part's header or body.
 */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/mime/content.h"
#include "lib/mime/message.h"
#include "lib/base/banned.h"

/* kept of one header */
#define HEADER_MAX ((size_t)256 << 10)

struct open_part {
	uint32_t part;
	bool delimited; /* a multipart that is not closed yet */
	char *boundary; /* owned */
	size_t boundary_n;
};

struct parser {
	struct mime_message *m;
	struct open_part open[MIME_DEPTH_MAX + 1];
	int depth; /* of the current part: the last of open */
	bool in_header;
	bool first_line;        /* of a header */
	bool body_line;         /* the line before is a body's */
	unsigned eol;           /* bytes of the line end before */
	struct mime_place here; /* behind the lines read so far */
	struct buf fields[MIME_NAMES];
	bool seen[MIME_NAMES];
	enum mime_name field; /* at hand in the header */
	size_t kept;          /* bytes in `fields` */
	struct buf value;
};

static struct mime_part *
current(struct parser *p)
{
	return &p->m->parts[p->open[p->depth].part];
}

/* A part under `parent` that begins with its header here. */
static void
begin_part(struct parser *p, uint32_t parent)
{
	struct mime_message *m = p->m;
	struct mime_part *part;
	uint32_t number = m->n;

	if (m->n == m->cap) {
		m->cap = m->cap == 0 ? 1 : m->cap * 2;
		m->parts = mem_grow(m->parts, m->cap * sizeof(*m->parts));
	}
	part = &m->parts[m->n++];
	*part = (struct mime_part){.parent = parent,
	    .child = MIME_NO_PART,
	    .last = MIME_NO_PART,
	    .next = MIME_NO_PART,
	    .header = p->here,
	    .body = p->here,
	    .end = p->here};
	for (int i = 0; i < MIME_NAMES; i++)
		part->fields[i].n = UINT32_MAX;
	if (parent != MIME_NO_PART) {
		struct mime_part *above = &m->parts[parent];

		part->depth = above->depth + 1;
		part->nested = above->kind == MIME_MESSAGE;
		if (above->last == MIME_NO_PART)
			above->child = number;
		else
			m->parts[above->last].next = number;
		above->last = number;
		above->children++;
	}
	p->depth = (int)part->depth;
	p->open[p->depth] = (struct open_part){.part = number};
	p->in_header = true;
	p->first_line = true;
	p->body_line = false;
	p->field = MIME_NAMES;
}

static bool
is_address(enum mime_name name)
{
	return name >= MIME_FROM && name <= MIME_BCC;
}

static void
keep(struct parser *p, struct span text)
{
	struct buf *b = &p->fields[p->field];
	size_t before = b->n;

	if (text.n > HEADER_MAX - p->kept)
		text.n = HEADER_MAX - p->kept;
	mime_field_put(b, text);
	p->kept += b->n - before;
}

static void
header_line(struct parser *p, struct span line)
{
	struct span name;
	size_t value;

	if (line.p[0] == ' ' || line.p[0] == '\t') {
		if (p->field != MIME_NAMES)
			keep(p, line);
		return;
	}
	value = mime_field_split(line, &name);
	p->field = value == 0 ? MIME_NAMES : mime_field_name(name);
	if (p->field == MIME_NAMES)
		return;
	if (p->seen[p->field] && !is_address(p->field)) {
		p->field = MIME_NAMES;
		return;
	}
	if (p->seen[p->field])
		keep(p, SPAN_LIT(", "));
	p->seen[p->field] = true;
	keep(p, span_from(line, value));
}

/* What was kept of the header becomes the part's; nothing is kept now. */
static void
store_fields(struct parser *p)
{
	struct mime_part *part = current(p);
	struct buf *text = &p->m->text;

	for (int i = 0; i < MIME_NAMES; i++) {
		struct span v = span_trim(buf_span(&p->fields[i]));

		if (p->seen[i] && v.n <= text->max - text->n) {
			part->fields[i].at = (uint32_t)text->n;
			part->fields[i].n = (uint32_t)v.n;
			(void)buf_put_span(text, v); /* fits */
		}
		buf_clear(&p->fields[i]);
		p->seen[i] = false;
	}
	/* so that even an empty value has an address */
	(void)buf_cstr(text);
	p->kept = 0;
}

/* Whether the current part, a multipart, has a boundary: taken up if so. */
static bool
take_boundary(struct parser *p, struct span params)
{
	struct open_part *o = &p->open[p->depth];
	char charset[MIME_CHARSET_MAX];
	struct span v;

	buf_clear(&p->value);
	if (!mime_content_find(
		params, SPAN_LIT("boundary"), &p->value, charset))
		return false;
	/* white space at the end is padding in its delimiters */
	v = buf_span(&p->value);
	while (v.n > 0 && (v.p[v.n - 1] == ' ' || v.p[v.n - 1] == '\t'))
		v.n--;
	if (v.n == 0 || v.n > MIME_BOUNDARY_MAX)
		return false;
	o->delimited = true;
	o->boundary = span_dup(v);
	o->boundary_n = v.n;
	return true;
}

/* The body begins here: what is the current part? */
static void
begin_body(struct parser *p)
{
	struct mime_part *part = current(p);
	bool deep = p->depth == MIME_DEPTH_MAX || p->m->n >= MIME_PARTS_MAX;
	struct span type;
	struct span subtype;
	struct span rest;

	store_fields(p);
	p->in_header = false;
	part->body = p->here;
	mime_message_type(p->m, part, &type, &subtype, &rest);
	if (span_eq_ci(type, SPAN_LIT("multipart"))) {
		part->kind = deep || !take_boundary(p, rest) ? MIME_LEAF
							     : MIME_MULTIPART;
		part->plain = part->kind == MIME_LEAF;
		part->digest = span_eq_ci(subtype, SPAN_LIT("digest"));
	} else if (span_eq_ci(type, SPAN_LIT("message")) &&
		   span_eq_ci(subtype, SPAN_LIT("rfc822"))) {
		part->kind = deep ? MIME_LEAF : MIME_MESSAGE;
		part->plain = deep;
	}
	if (part->kind == MIME_MESSAGE)
		begin_part(p, p->open[p->depth].part);
}

/* Parts deeper than `depth` end at `end`. */
static void
end_parts(struct parser *p, int depth, const struct mime_place *end)
{
	/* a header that nothing ended; and of the message that it began */
	while (p->in_header)
		begin_body(p);
	for (; p->depth > depth; p->depth--) {
		struct open_part *o = &p->open[p->depth];
		struct mime_part *part = current(p);

		part->end = end->view > part->body.view ? *end : part->body;
		if (part->kind == MIME_MULTIPART && part->children == 0) {
			part->kind = MIME_LEAF;
			part->plain = true;
		}
		free(o->boundary);
		*o = (struct open_part){0};
	}
}

static bool
is_wsp(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t')
			return false;
	return true;
}

/* The depth of the multipart that this line delimits, or -1. */
static int
find_delimiter(const struct parser *p, struct span line, bool *closing)
{
	if (line.n < 3 || line.p[0] != '-' || line.p[1] != '-')
		return -1;
	for (int i = p->depth; i >= 0; i--) {
		const struct open_part *o = &p->open[i];
		struct span rest = span_from(line, 2);

		if (!o->delimited ||
		    !span_starts(rest, span_make(o->boundary, o->boundary_n)))
			continue;
		rest = span_from(rest, o->boundary_n);
		*closing = false;
		if (is_wsp(rest))
			return i;
		*closing = true;
		if (span_starts(rest, SPAN_LIT("--")) &&
		    is_wsp(span_from(rest, 2)))
			return i;
	}
	return -1;
}

static void
advance(struct parser *p, const struct mime_line *line)
{
	mime_index_line(&p->m->index, line, p->here.view);
	p->here.file = line->end;
	p->here.view += mime_line_size(line);
	p->here.line += line->eol > 0;
	p->eol = line->eol;
}

static void
delimiter(
    struct parser *p, const struct mime_line *line, int depth, bool closing)
{
	struct mime_place end = p->here;

	if (p->body_line) {
		end.file -= p->eol;
		end.view -= 2;
		end.line--;
	}
	end_parts(p, depth, &end);
	advance(p, line);
	/* beyond the bound the rest of the multipart is skipped */
	if (closing || p->m->n >= MIME_PARTS_MAX) {
		p->open[depth].delimited = false;
		p->body_line = true;
		return;
	}
	begin_part(p, p->open[depth].part);
}

/* Is the header, if there is one, over at this line that is not empty? */
static bool
ends_header(const struct parser *p, struct span line)
{
	struct span name;

	if (!p->in_header || line.n == 0 || line.p[0] == ' ' ||
	    line.p[0] == '\t' || mime_field_split(line, &name) > 0)
		return false;
	/* a delimiter of the part's own has come too soon */
	if (span_starts(line, SPAN_LIT("--")))
		return true;
	return p->first_line && !span_starts(line, SPAN_LIT("From ")) &&
	       !span_starts(line, SPAN_LIT(">From "));
}

static void
take_line(struct parser *p, const struct mime_line *line)
{
	bool closing = false;
	int depth = find_delimiter(p, line->text, &closing);

	/* in a digest it begins a message that may lack one, too */
	while (depth < 0 && ends_header(p, line->text)) {
		begin_body(p);
		depth = find_delimiter(p, line->text, &closing);
	}
	if (depth >= 0) {
		delimiter(p, line, depth, closing);
		return;
	}
	advance(p, line);
	p->body_line = !p->in_header;
	p->first_line = false;
	if (p->in_header && line->len > 0)
		header_line(p, line->text);
	else if (p->in_header)
		begin_body(p);
}

enum rc
mime_message_parse(struct mime_message *m, const struct mime_source *source,
    uint64_t size, struct why *why)
{
	struct parser p = {.m = m};
	struct mime_cursor c;
	struct mime_line line;

	*m = (struct mime_message){0};
	buf_init(&m->text, MIME_TEXT_MAX);
	mime_index_init(&m->index, size);
	for (int i = 0; i < MIME_NAMES; i++)
		buf_init(&p.fields[i], MIME_FIELD_MAX);
	buf_init(&p.value, MIME_FIELD_MAX);
	begin_part(&p, MIME_NO_PART);
	mime_cursor_init(&c, source, 0, size);
	while (mime_cursor_line(&c, &line))
		take_line(&p, &line);
	end_parts(&p, -1, &p.here);
	m->size = p.here.view;
	mime_cursor_fini(&c);
	for (int i = 0; i < MIME_NAMES; i++)
		buf_fini(&p.fields[i]);
	buf_fini(&p.value);
	if (!c.failed)
		return RC_OK;
	mime_message_fini(m);
	return why_sys(why, RC_TEMP, "4.3.0", "read the message");
}

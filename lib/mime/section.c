/*
 * Sections: see section.h.
 */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/mime/section.h"
#include "lib/base/banned.h"

/* all names of HEADER.FIELDS */
#define NAMES_MAX ((size_t)64 << 10)

static bool
read_number(struct span *spec, uint32_t *number)
{
	uint64_t v;
	size_t n = 0;

	while (span_at(*spec, n) >= '0' && span_at(*spec, n) <= '9')
		n++;
	/* nz-number */
	if (!num_range(span_head(*spec, n), 1, UINT32_MAX - 1, &v))
		return false;
	*number = (uint32_t)v;
	*spec = span_from(*spec, n);
	return true;
}

/* {n}\r\n and n bytes; the cursor is on the brace */
static bool
read_literal(struct span *in, struct span *name)
{
	size_t n = span_find(*in, '}');
	uint64_t size;

	if (n == in->n || !num_u64(span_make(in->p + 1, n - 1), &size) ||
	    !span_starts(span_from(*in, n + 1), SPAN_LIT("\r\n")))
		return false;
	*in = span_from(*in, n + 3);
	if (size > in->n)
		return false;
	*name = span_head(*in, (size_t)size);
	*in = span_from(*in, (size_t)size);
	return true;
}

static bool
read_quoted(struct span *in, struct buf *text)
{
	size_t i = 1;

	for (; span_at(*in, i) != '"'; i++) {
		i += span_at(*in, i) == '\\';
		if (span_at(*in, i) == -1)
			return false;
		(void)buf_putc(text, in->p[i]); /* no more than the input */
	}
	*in = span_from(*in, i + 1);
	return true;
}

/* An astring of RFC 3501, into the section's text. */
static bool
read_name(struct mime_section *s, struct span *in)
{
	size_t start = s->text.n;
	struct span name = SPAN_NONE;
	size_t n = 0;

	if (s->names_n == MIME_SECTION_FIELDS || s->text.n + in->n > NAMES_MAX)
		return false;
	if (span_at(*in, 0) == '"') {
		if (!read_quoted(in, &s->text))
			return false;
	} else if (span_at(*in, 0) == '{') {
		if (!read_literal(in, &name))
			return false;
	} else {
		while (span_at(*in, n) > ' ' && span_at(*in, n) < 0x7f &&
		       strchr("(){%*\"\\", in->p[n]) == NULL)
			n++;
		if (n == 0)
			return false;
		name = span_head(*in, n);
		*in = span_from(*in, n);
	}
	(void)buf_put_span(&s->text, name); /* room for it */
	/* the text may move: its address comes when all names are there */
	s->names[s->names_n++].n = s->text.n - start;
	return true;
}

static bool
read_names(struct mime_section *s, struct span in)
{
	size_t at = 0;

	if (!span_starts(in, SPAN_LIT(" (")))
		return false;
	in = span_from(in, 1);
	do {
		in = span_from(in, 1); /* '(' or the space */
		if (!read_name(s, &in))
			return false;
	} while (span_at(in, 0) == ' ');
	for (size_t i = 0; i < s->names_n; i++) {
		s->names[i].p = buf_cstr(&s->text) + at;
		at += s->names[i].n;
	}
	return span_eq(in, SPAN_LIT(")"));
}

static bool
read_what(struct mime_section *s, struct span in)
{
	static const struct span only = SPAN_LIT("HEADER.FIELDS ");
	static const struct span except = SPAN_LIT("HEADER.FIELDS.NOT ");

	if (span_eq_ci(in, SPAN_LIT("HEADER")))
		s->what = MIME_SECTION_HEADER;
	else if (span_eq_ci(in, SPAN_LIT("TEXT")))
		s->what = MIME_SECTION_TEXT;
	else if (span_eq_ci(in, SPAN_LIT("MIME")) && s->path_n > 0)
		s->what = MIME_SECTION_MIME;
	else if (span_starts_ci(in, only))
		s->what = MIME_SECTION_FIELDS_ONLY;
	else if (span_starts_ci(in, except))
		s->what = MIME_SECTION_FIELDS_NOT;
	else
		return false;
	if (s->what == MIME_SECTION_FIELDS_ONLY)
		return read_names(s, span_from(in, only.n - 1));
	if (s->what == MIME_SECTION_FIELDS_NOT)
		return read_names(s, span_from(in, except.n - 1));
	return true;
}

bool
mime_section_parse(struct mime_section *s, struct span spec)
{
	*s = (struct mime_section){0};
	buf_init(&s->text, NAMES_MAX);
	if (spec.n == 0)
		return true;
	while (span_at(spec, 0) >= '0' && span_at(spec, 0) <= '9') {
		if (s->path_n == MIME_SECTION_DEPTH ||
		    !read_number(&spec, &s->path[s->path_n++]))
			return false;
		if (spec.n == 0)
			return true;
		if (spec.p[0] != '.')
			return false;
		spec = span_from(spec, 1);
	}
	return read_what(s, spec);
}

void
mime_section_fini(struct mime_section *s)
{
	buf_fini(&s->text);
	s->names_n = 0;
}

const struct mime_part *
mime_section_part(
    const struct mime_message *m, const uint32_t *path, unsigned n)
{
	const struct mime_part *p = &m->parts[0];
	bool message = true; /* p is a message's root: "1" may be itself */

	for (unsigned i = 0; i < n; i++) {
		uint32_t number = path[i];
		uint32_t at;

		if (!message && p->kind == MIME_MESSAGE) {
			p = &m->parts[p->child];
			message = true;
		}
		if (p->kind == MIME_MULTIPART) {
			at = p->child;
			while (--number > 0 && at != MIME_NO_PART)
				at = m->parts[at].next;
			if (at == MIME_NO_PART)
				return NULL;
			p = &m->parts[at];
		} else if (!message || number != 1) {
			return NULL;
		}
		message = false;
	}
	return p;
}

static void
add(struct mime_ranges *r, uint64_t at, uint64_t n)
{
	struct mime_range *last = r->n > 0 ? &r->v[r->n - 1] : NULL;

	if (n == 0)
		return;
	if (last != NULL && last->at + last->n == at) {
		last->n += n;
		r->size += n;
		return;
	}
	if (r->n == MIME_RANGES_MAX)
		return;
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 4 : r->cap * 2;
		r->v = mem_grow(r->v, r->cap * sizeof(*r->v));
	}
	r->v[r->n++] = (struct mime_range){at, n};
	r->size += n;
}

static bool
is_named(const struct mime_section *s, struct span name)
{
	for (size_t i = 0; i < s->names_n; i++)
		if (span_eq_ci(s->names[i], name))
			return true;
	return false;
}

static enum rc
find_fields(const struct mime_section *s, const struct mime_part *part,
    const struct mime_source *source, struct mime_ranges *r, struct why *why)
{
	bool not = s->what == MIME_SECTION_FIELDS_NOT;
	uint64_t view = part->header.view;
	struct mime_fields fields;
	struct mime_field f;
	bool failed;

	mime_fields_init(&fields, source, part->header.file, part->body.file);
	while (mime_fields_next(&fields, &f)) {
		if ((f.name.n > 0 && is_named(s, f.name)) != not )
			add(r, view, f.size);
		view += f.size;
	}
	failed = fields.cursor.failed;
	mime_fields_fini(&fields);
	if (failed)
		return why_sys(why, RC_TEMP, "4.3.0", "read the message");
	/* a file that has changed may end early */
	if (view < part->body.view)
		add(r, view, part->body.view - view);
	return RC_OK;
}

/* The part of whose message a section speaks: the root of one, or NULL. */
static const struct mime_part *
message_of(const struct mime_section *s, const struct mime_message *m,
    const struct mime_part *part)
{
	if (s->path_n == 0)
		return part;
	return part->kind == MIME_MESSAGE ? &m->parts[part->child] : NULL;
}

enum rc
mime_section_find(const struct mime_section *s, const struct mime_message *m,
    const struct mime_source *source, struct mime_ranges *r, struct why *why)
{
	const struct mime_part *part = mime_section_part(m, s->path, s->path_n);

	*r = (struct mime_ranges){0};
	if (part != NULL && s->what != MIME_SECTION_ALL &&
	    s->what != MIME_SECTION_MIME)
		part = message_of(s, m, part);
	if (part == NULL)
		return why_set(why, RC_PERM, "5.6.0", "no such section");
	switch (s->what) {
	case MIME_SECTION_ALL:
		if (s->path_n == 0)
			add(r, 0, m->size);
		else
			add(r, part->body.view, mime_part_body_size(part));
		return RC_OK;
	case MIME_SECTION_HEADER:
	case MIME_SECTION_MIME:
		add(r, part->header.view, mime_part_header_size(part));
		return RC_OK;
	case MIME_SECTION_TEXT:
		add(r, part->body.view, mime_part_body_size(part));
		return RC_OK;
	case MIME_SECTION_FIELDS_ONLY:
	case MIME_SECTION_FIELDS_NOT:
		return find_fields(s, part, source, r, why);
	}
	return RC_PERM;
}

void
mime_ranges_cut(struct mime_ranges *r, uint64_t origin, uint64_t n)
{
	size_t kept = 0;

	r->size = 0;
	for (size_t i = 0; i < r->n; i++) {
		struct mime_range v = r->v[i];
		uint64_t skip = origin < v.n ? origin : v.n;

		origin -= skip;
		v.at += skip;
		v.n -= skip;
		if (v.n > n)
			v.n = n;
		n -= v.n;
		r->size += v.n;
		if (v.n > 0)
			r->v[kept++] = v;
	}
	r->n = kept;
}

void
mime_ranges_fini(struct mime_ranges *r)
{
	free(r->v);
	*r = (struct mime_ranges){0};
}

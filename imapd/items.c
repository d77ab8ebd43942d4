/*
 * What a FETCH asks: see items.h.
 */
#include "imapd/cache.h"
#include "imapd/items.h"
#include "lib/mime/put.h"
#include "lib/base/banned.h"

#define LABEL_MAX ((size_t)1 << 18)

static const struct {
	struct span name;
	enum item_kind kind;
} simple[] = {
    {SPAN_LIT("UID"), ITEM_UID},
    {SPAN_LIT("FLAGS"), ITEM_FLAGS},
    {SPAN_LIT("INTERNALDATE"), ITEM_INTERNALDATE},
    {SPAN_LIT("RFC822.SIZE"), ITEM_SIZE},
    {SPAN_LIT("ENVELOPE"), ITEM_ENVELOPE},
    {SPAN_LIT("BODYSTRUCTURE"), ITEM_STRUCTURE},
};

/* RFC822 and its parts are BODY[...] with another name. */
static const struct {
	struct span name;
	struct span section;
	bool peek;
} old[] = {
    {SPAN_LIT("RFC822"), SPAN_LIT(""), false},
    {SPAN_LIT("RFC822.HEADER"), SPAN_LIT("HEADER"), true},
    {SPAN_LIT("RFC822.TEXT"), SPAN_LIT("TEXT"), false},
};

static struct item *
add(struct items *items, enum item_kind kind)
{
	struct item *item;

	if (items->n == ITEMS_MAX)
		return NULL;
	item = &items->v[items->n++];
	*item = (struct item){.kind = kind};
	buf_init(&item->label, LABEL_MAX);
	items->kinds |= 1U << kind;
	return item;
}

void
items_add(struct items *items, enum item_kind kind)
{
	if ((items->kinds & 1U << kind) == 0)
		(void)add(items, kind); /* a list has room for one more */
}

void
items_fini(struct items *items)
{
	for (size_t i = 0; i < items->n; i++) {
		buf_fini(&items->v[i].label);
		if (items->v[i].kind == ITEM_SECTION)
			mime_section_fini(&items->v[i].section);
	}
	items->n = 0;
}

/* Behind "BODY[": up to the bracket that closes it, strings passed over. */
static bool
section_text(struct parse *p, struct span *text)
{
	struct span from = p->rest, ignored;

	while (!parse_end(p)) {
		int c = parse_peek(p);

		if (c == '"' || c == '{') {
			if (!parse_string(p, &ignored))
				return false;
			continue;
		}
		if (c == ']') {
			*text = span_head(from, from.n - p->rest.n);
			return parse_char(p, ']');
		}
		(void)parse_char(p, (char)c);
	}
	return false;
}

static bool
is_plain(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f ||
		    strchr("(){%*\"\\]", name.p[i]) != NULL)
			return false;
	return name.n > 0;
}

static void
put_names(struct buf *b, const struct mime_section *s)
{
	buf_puts(b, " (");
	for (size_t i = 0; i < s->names_n; i++) {
		if (i > 0)
			buf_putc(b, ' ');
		if (is_plain(s->names[i]))
			buf_put_span(b, s->names[i]);
		else
			mime_put_string(b, s->names[i]);
	}
	buf_putc(b, ')');
}

/* The section as it stands in the answer: strings of the client's made anew. */
static void
put_section(struct buf *b, const struct mime_section *s)
{
	static const char *const words[] = {
	    [MIME_SECTION_ALL] = "",
	    [MIME_SECTION_HEADER] = "HEADER",
	    [MIME_SECTION_TEXT] = "TEXT",
	    [MIME_SECTION_MIME] = "MIME",
	    [MIME_SECTION_FIELDS_ONLY] = "HEADER.FIELDS",
	    [MIME_SECTION_FIELDS_NOT] = "HEADER.FIELDS.NOT",
	};

	for (unsigned i = 0; i < s->path_n; i++)
		buf_putf(b, "%s%u", i > 0 ? "." : "", s->path[i]);
	if (s->path_n > 0 && s->what != MIME_SECTION_ALL)
		buf_putc(b, '.');
	buf_puts(b, words[s->what]);
	if (s->what == MIME_SECTION_FIELDS_ONLY ||
	    s->what == MIME_SECTION_FIELDS_NOT)
		put_names(b, s);
}

static bool
is_cached(const struct mime_section *s)
{
	if (s->what != MIME_SECTION_FIELDS_ONLY || s->path_n > 0)
		return false;
	for (size_t i = 0; i < s->names_n; i++) {
		size_t k = 0;

		while (k < cache_fields_n &&
		       !span_eq_ci(cache_fields[k], s->names[i]))
			k++;
		if (k == cache_fields_n)
			return false;
	}
	return true;
}

/* "<0.1024>" behind it */
static bool
take_partial(struct parse *p, struct item *item)
{
	if (!parse_char(p, '<'))
		return true;
	item->partial = true;
	if (!parse_number64(p, &item->origin) || !parse_char(p, '.') ||
	    !parse_number64(p, &item->n) || item->n == 0 || !parse_char(p, '>'))
		return false;
	return buf_putf(
	    &item->label, "<%llu>", (unsigned long long)item->origin);
}

/* "BODY", "BODY[...]", "BODY.PEEK[...]" */
static bool
take_body(struct items *items, struct parse *p, bool *is)
{
	static const struct span body = SPAN_LIT("BODY"),
				 peek = SPAN_LIT("BODY.PEEK[");
	struct span text;
	struct item *item;
	bool is_peek = span_starts_ci(p->rest, peek);

	*is = true;
	if (!is_peek && parse_word(p, body))
		return add(items, ITEM_BODY) != NULL;
	if (!is_peek && !span_starts_ci(p->rest, SPAN_LIT("BODY["))) {
		*is = false;
		return false;
	}
	p->rest = span_from(p->rest, is_peek ? peek.n : body.n + 1);
	item = add(items, ITEM_SECTION);
	if (item == NULL || !section_text(p, &text) ||
	    !mime_section_parse(&item->section, text))
		return false;
	item->peek = is_peek;
	item->cached = is_cached(&item->section);
	buf_puts(&item->label, "BODY[");
	put_section(&item->label, &item->section);
	buf_putc(&item->label, ']');
	return take_partial(p, item) && !item->label.over;
}

static bool
take_old(struct items *items, struct parse *p)
{
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		struct item *item;

		if (!parse_word(p, old[i].name))
			continue;
		item = add(items, ITEM_SECTION);
		if (item == NULL ||
		    !mime_section_parse(&item->section, old[i].section))
			return false;
		item->peek = old[i].peek;
		buf_put_span(&item->label, old[i].name);
		return true;
	}
	return false;
}

static bool
take_one(struct items *items, struct parse *p)
{
	bool is_body;
	bool ok = take_body(items, p, &is_body);

	if (is_body)
		return ok;
	for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++)
		if (parse_word(p, simple[i].name))
			return add(items, simple[i].kind) != NULL;
	return take_old(items, p);
}

static bool
take_macro(struct items *items, struct parse *p)
{
	bool full = parse_word(p, SPAN_LIT("FULL"));
	bool all = full || parse_word(p, SPAN_LIT("ALL"));

	if (!all && !parse_word(p, SPAN_LIT("FAST")))
		return false;
	(void)add(items, ITEM_FLAGS); /* there is room for five */
	(void)add(items, ITEM_INTERNALDATE);
	(void)add(items, ITEM_SIZE);
	if (all)
		(void)add(items, ITEM_ENVELOPE);
	if (full)
		(void)add(items, ITEM_BODY);
	return true;
}

bool
items_parse(struct items *items, struct parse *p)
{
	items->n = 0;
	items->kinds = 0;
	if (take_macro(items, p))
		return parse_end(p);
	if (!parse_char(p, '('))
		return take_one(items, p) && parse_end(p);
	do
		/* one less than there is room for: see items_add */
		if (items->n == ITEMS_MAX - 1 || !take_one(items, p))
			return false;
	while (parse_char(p, ' '));
	return parse_char(p, ')') && parse_end(p);
}

/*
 * Where everything in the file stands: see places.h. The parser's events are
 * taken one by one; `depth` bounds the nesting, so nothing here is recursive.
 */
#include <stdlib.h>
#include <yaml.h>

#include "lib/base/mem.h"
#include "lib/conf/places.h"
#include "lib/conf/value.h"
#include "lib/base/banned.h"

/* a list in a section in the file is 3; more only to skip what is unknown */
#define DEPTH_MAX 32
#define TEXT_MAX  400

struct pass {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one; none after `stop` */
	struct span text;
	size_t depth;
	bool stop;
	struct conf_place key; /* of the pair being read */
	struct conf_places *places;
	struct conf_report *report;
};

static struct conf_place
place_of(yaml_mark_t mark)
{
	return (struct conf_place){mark.line + 1, mark.column + 1};
}

/* ---- what the parser refuses ---- */

/* The reader knows the offset only. */
static struct conf_place
place_of_offset(struct span text, size_t offset)
{
	struct conf_place place = {1, 1};

	for (size_t i = 0; i < offset && i < text.n; i++) {
		int c = span_at(text, i);

		if (c == '\n')
			place = (struct conf_place){place.line + 1, 1};
		else if (c < 0x80 || c >= 0xc0)
			place.column++;
	}
	return place;
}

/* Byte at a place of a line that is ASCII up to there; -1 past its end. */
static int
byte_at(struct span text, struct conf_place place)
{
	for (size_t i = 1; i < place.line; i++)
		(void)span_cut(&text, '\n'); /* lines before it */
	return span_at(span_cut(&text, '\n'), place.column - 1);
}

static void
report_parser(struct pass *p)
{
	const yaml_parser_t *y = &p->parser;
	struct conf_place place = place_of(y->problem_mark);
	const char *hint = "";

	if (y->error == YAML_MEMORY_ERROR)
		fatal("out of memory");
	if (y->error == YAML_READER_ERROR)
		place = place_of_offset(p->text, y->problem_offset);
	else if (byte_at(p->text, place) == '\t')
		hint = "; indent with spaces, not with tabs";
	else if (y->context != NULL && strstr(y->context, "alias") != NULL)
		hint = "; a value that begins with \"*\" needs quotes";
	conf_report_add(p->report, place, "not YAML: %s%s%s%s", y->problem,
	    y->context == NULL ? "" : " ", y->context == NULL ? "" : y->context,
	    hint);
}

/* ---- events ---- */

static const yaml_char_t *
anchor_of(const yaml_event_t *e)
{
	if (e->type == YAML_SCALAR_EVENT)
		return e->data.scalar.anchor;
	if (e->type == YAML_SEQUENCE_START_EVENT)
		return e->data.sequence_start.anchor;
	return e->type == YAML_MAPPING_START_EVENT
		   ? e->data.mapping_start.anchor
		   : NULL;
}

static const yaml_char_t *
tag_of(const yaml_event_t *e)
{
	if (e->type == YAML_SCALAR_EVENT)
		return e->data.scalar.tag;
	if (e->type == YAML_SEQUENCE_START_EVENT)
		return e->data.sequence_start.tag;
	return e->type == YAML_MAPPING_START_EVENT ? e->data.mapping_start.tag
						   : NULL;
}

static bool
is_start(const yaml_event_t *e)
{
	return e->type == YAML_SEQUENCE_START_EVENT ||
	       e->type == YAML_MAPPING_START_EVENT;
}

static bool
is_end(const yaml_event_t *e)
{
	return e->type == YAML_SEQUENCE_END_EVENT ||
	       e->type == YAML_MAPPING_END_EVENT;
}

static void
halt(struct pass *p)
{
	yaml_event_delete(&p->event);
	p->stop = true;
	p->places->broken = true;
}

/* What may stand nowhere in the file. */
static void
refuse_extras(struct pass *p)
{
	struct conf_place place = place_of(p->event.start_mark);

	if (p->event.type == YAML_ALIAS_EVENT) {
		conf_report_add(p->report, place,
		    "aliases are not supported; a value that begins with "
		    "\"*\" needs quotes");
		p->places->broken = true;
	}
	if (anchor_of(&p->event) != NULL)
		conf_report_add(p->report, place,
		    "anchors are not supported; a value that begins with "
		    "\"&\" needs quotes");
	if (tag_of(&p->event) != NULL)
		conf_report_add(p->report, place,
		    "tags are not supported; a value that begins with \"!\" "
		    "needs quotes");
	if (p->depth > DEPTH_MAX) {
		conf_report_add(p->report, place, "nested too deeply");
		halt(p);
	}
}

/* The next event into p->event; false when there is none to be had. */
static bool
next(struct pass *p)
{
	yaml_event_delete(&p->event);
	if (p->stop)
		return false;
	if (!yaml_parser_parse(&p->parser, &p->event)) {
		report_parser(p);
		halt(p);
		return false;
	}
	if (is_start(&p->event))
		p->depth++;
	if (is_end(&p->event))
		p->depth--;
	refuse_extras(p);
	return !p->stop;
}

/* Go on to the last event of the value that the current one begins. */
static void
skip(struct pass *p)
{
	size_t inside = p->depth;

	if (is_start(&p->event))
		while (next(p) && p->depth >= inside)
			;
}

static struct span
scalar_of(const yaml_event_t *e)
{
	return span_make(e->data.scalar.value, e->data.scalar.length);
}

static bool
is_scalar(const yaml_event_t *e)
{
	return e->type == YAML_SCALAR_EVENT;
}

/* Nothing, or one of YAML's words for it. */
static bool
is_null(const yaml_event_t *e)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	if (!is_scalar(e) || e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (span_eq(scalar_of(e), span_of(words[i])))
			return true;
	return false;
}

/* What the current event is, for a report. */
static void
put_found(const yaml_event_t *e, struct buf *out)
{
	/* a report's buffer is large enough for what is shown of a value */
	if (e->type == YAML_SEQUENCE_START_EVENT)
		(void)buf_puts(out, "a list");
	else if (e->type == YAML_MAPPING_START_EVENT)
		(void)buf_puts(out, "a mapping");
	else if (is_null(e))
		(void)buf_puts(out, "nothing");
	else if (is_scalar(e)) {
		(void)buf_putc(out, '"'); /* as above */
		conf_report_show(out, scalar_of(e));
		(void)buf_putc(out, '"'); /* as above */
	}
}

/* ---- options ---- */

/* The current event is not what `o` (or one of its items) may be. */
static void
refuse_value(struct pass *p, const struct conf_option *o, bool whole_list)
{
	struct conf_place place = place_of(p->event.start_mark);
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (whole_list)
		conf_value_expected_list(o, &text);
	else
		conf_value_expected(o, SPAN_NONE, &text);
	(void)buf_puts(&text, ", found "); /* short */
	put_found(&p->event, &text);
	/* an alias has been reported */
	if (p->event.type != YAML_ALIAS_EVENT)
		conf_report_add(p->report, place, "%s: expected %s", o->path,
		    buf_cstr(&text));
	buf_fini(&text);
	skip(p);
}

/* One value, or one item of a list, is text that can be looked at. */
static bool
take_scalar(struct pass *p, const struct conf_option *o)
{
	if (!is_scalar(&p->event) || is_null(&p->event)) {
		refuse_value(p, o, false);
		return false;
	}
	if (conf_value_clean(scalar_of(&p->event)))
		return true;
	conf_report_add(p->report, place_of(p->event.start_mark),
	    "%s: control characters are not allowed", o->path);
	return false;
}

static void
take_items(
    struct pass *p, const struct conf_option *o, struct conf_places_option *at)
{
	while (next(p) && !is_end(&p->event)) {
		struct conf_place place = place_of(p->event.start_mark);

		if (!take_scalar(p, o)) {
			at->bad = true;
			continue;
		}
		if (at->n_items == CONF_LIST_MAX) {
			if (!at->bad)
				conf_report_add(p->report, place,
				    "%s: more than %d items", o->path,
				    CONF_LIST_MAX);
			at->bad = true;
			continue;
		}
		at->items =
		    mem_grow(at->items, (at->n_items + 1) * sizeof(*at->items));
		at->items[at->n_items++] = place;
	}
}

static void
report_twice(struct pass *p, const char *path, struct conf_place first)
{
	conf_report_add(p->report, p->key, "%s: given twice, first on line %zu",
	    path, first.line);
}

/* The current event begins the value of option i. */
static void
take_option(struct pass *p, int i)
{
	const struct conf_option *o = &conf_option_table[i];
	struct conf_places_option *at = &p->places->options[i];

	if (at->seen) {
		report_twice(p, o->path, at->key);
		at->bad = true;
		skip(p);
		return;
	}
	at->seen = true;
	at->key = p->key;
	at->value = place_of(p->event.start_mark);
	if (!conf_option_is_list(o)) {
		at->bad = !take_scalar(p, o);
	} else if (p->event.type == YAML_SEQUENCE_START_EVENT) {
		take_items(p, o, at);
	} else {
		at->bad = true;
		refuse_value(p, o, true);
	}
}

static void
report_unknown(struct pass *p, enum conf_section section, struct span key)
{
	const char *in = conf_option_sections[section].name;
	const char *near = conf_option_nearest(section, key);
	struct buf text;

	buf_init(&text, TEXT_MAX);
	/* all of it is short */
	(void)buf_putf(&text, "%s%s", in, in[0] == '\0' ? "" : ".");
	conf_report_show(&text, key);
	(void)buf_puts(&text, ": unknown option"); /* as above */
	if (near != NULL)
		/* as above */
		(void)buf_putf(&text, "; did you mean \"%s\"?", near);
	conf_report_add(p->report, p->key, "%s", buf_cstr(&text));
	buf_fini(&text);
}

/*
 * The current event is a key: read it with its value. When it names a section
 * the value is left to the caller, with p->event where it begins, and the
 * section returned; else 0.
 */
static int
take_pair(struct pass *p, enum conf_section section)
{
	int option = -1, inner = -1;

	p->key = place_of(p->event.start_mark);
	if (is_scalar(&p->event)) {
		struct span key = scalar_of(&p->event);

		option = conf_option_find(section, key);
		if (option < 0 && section == CONF_SECTION_TOP)
			inner = conf_option_find_section(key);
		if (option < 0 && inner < 0)
			report_unknown(p, section, key);
		/* to the next reader it would end at a NUL */
		if (!conf_value_clean(key))
			p->places->broken = true;
	} else {
		if (p->event.type != YAML_ALIAS_EVENT)
			conf_report_add(p->report, p->key,
			    "expected the name of an option");
		p->places->broken = true;
		skip(p);
	}
	if (!next(p))
		return 0;
	if (inner > 0)
		return inner;
	if (option >= 0)
		take_option(p, option);
	else
		skip(p);
	return 0;
}

static void
omit_section(struct conf_places *places, int section)
{
	places->sections[section].omit = true;
	for (size_t i = 0; i < CONF_ID_COUNT; i++)
		if ((int)conf_option_table[i].section == section)
			places->options[i].bad = true;
}

/* The current event begins the value of a section. */
static void
take_section(struct pass *p, int section)
{
	struct conf_places_section *at = &p->places->sections[section];
	const char *name = conf_option_sections[section].name;
	struct conf_place place = place_of(p->event.start_mark);
	struct buf text;

	if (at->seen) {
		report_twice(p, name, at->key);
		omit_section(p->places, section);
		skip(p);
		return;
	}
	at->seen = true;
	at->key = p->key;
	if (p->event.type == YAML_MAPPING_START_EVENT) {
		while (next(p) && !is_end(&p->event))
			/* a section has no sections */
			(void)take_pair(p, (enum conf_section)section);
		return;
	}
	at->omit = true;
	if (is_null(&p->event) || p->event.type == YAML_ALIAS_EVENT)
		return;
	omit_section(p->places, section);
	buf_init(&text, TEXT_MAX);
	put_found(&p->event, &text);
	conf_report_add(p->report, place, "%s: expected options, found %s",
	    name, buf_cstr(&text));
	buf_fini(&text);
	skip(p);
}

/* ---- the file ---- */

/* The current event begins the document's only value. */
static void
take_document(struct pass *p)
{
	struct conf_place place = place_of(p->event.start_mark);
	struct buf text;

	if (p->event.type == YAML_MAPPING_START_EVENT) {
		p->places->mapping = true;
		while (next(p) && !is_end(&p->event)) {
			int section = take_pair(p, CONF_SECTION_TOP);

			if (section > 0)
				take_section(p, section);
		}
		return;
	}
	if (is_null(&p->event))
		return;
	buf_init(&text, TEXT_MAX);
	put_found(&p->event, &text);
	if (p->event.type != YAML_ALIAS_EVENT)
		conf_report_add(p->report, place,
		    "expected options like \"hostname: mail.example.org\", "
		    "found %s",
		    buf_cstr(&text));
	buf_fini(&text);
	p->places->broken = true;
	skip(p);
}

static void
take_stream(struct pass *p)
{
	bool first = true;

	while (next(p) && p->event.type != YAML_STREAM_END_EVENT) {
		if (p->event.type != YAML_DOCUMENT_START_EVENT)
			continue;
		if (!first) {
			conf_report_add(p->report,
			    place_of(p->event.start_mark),
			    "a second document; one is all there may be");
			halt(p);
			return;
		}
		first = false;
		if (next(p))
			take_document(p);
	}
}

void
conf_places_find(
    struct span text, struct conf_places *places, struct conf_report *report)
{
	struct pass p = {
	    .text = text,
	    .places = places,
	    .report = report,
	};

	if (!yaml_parser_initialize(&p.parser))
		fatal("out of memory");
	/* no guessing: UTF-16 has no place here */
	yaml_parser_set_encoding(&p.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.parser,
	    (const unsigned char *)(text.n == 0 ? "" : text.p), text.n);
	take_stream(&p);
	yaml_event_delete(&p.event);
	yaml_parser_delete(&p.parser);
}

void
conf_places_fini(struct conf_places *places)
{
	for (size_t i = 0; i < CONF_ID_COUNT; i++)
		free(places->options[i].items);
	*places = (struct conf_places){.broken = false};
}

/*
 * The configuration as a file for people: see conf.h.
 */
#include "lib/conf/value.h"
#include "lib/base/banned.h"

#define COLUMNS 78

/* The text as comment lines, each behind the indent. */
static bool
put_comment(struct buf *out, const char *indent, struct span text)
{
	bool fits = true;
	size_t column = 0; /* no line begun */

	while (text.p != NULL) {
		struct span word = span_cut(&text, ' ');
		bool fresh = column == 0 || column + 1 + word.n > COLUMNS;

		if (fresh && column > 0)
			fits = buf_putc(out, '\n') && fits;
		if (fresh) {
			fits = buf_putf(out, "%s#", indent) && fits;
			column = strlen(indent) + 1;
		}
		fits = buf_putc(out, ' ') && buf_put_span(out, word) && fits;
		column += 1 + word.n;
	}
	return buf_putc(out, '\n') && fits;
}

static bool
put_help(struct buf *out, const char *indent, const struct conf_option *o)
{
	struct buf text;
	bool fits;

	buf_init(&text, 1024);
	fits = buf_puts(&text, o->help) && buf_puts(&text, " Value: ");
	if (conf_option_is_list(o))
		conf_value_expected_list(o, &text);
	else
		conf_value_expected(o, SPAN_NONE, &text);
	fits = buf_putc(&text, '.') && fits;
	fits = put_comment(out, indent, buf_span(&text)) && fits;
	buf_fini(&text);
	return fits;
}

static bool
put_value(struct buf *out, const char *indent, const struct conf_option *o,
    const struct conf *conf)
{
	size_t n = conf_value_count(o, conf);
	bool fits = buf_putf(out, "%s%s:", indent, o->key);

	if (n == 0)
		return buf_puts(out, " []\n") && fits;
	if (conf_option_is_list(o))
		fits = buf_putc(out, '\n') && fits;
	for (size_t i = 0; i < n; i++) {
		if (conf_option_is_list(o))
			fits = buf_putf(out, "%s  -", indent) && fits;
		fits = buf_putc(out, ' ') &&
		       conf_value_put(o, CONF_FORM_FILE, conf, i, out) &&
		       buf_putc(out, '\n') && fits;
	}
	return fits;
}

static bool
put_section(struct buf *out, enum conf_section section)
{
	const struct conf_option_section *s = &conf_option_sections[section];
	bool fits = section == CONF_SECTION_TOP || buf_putc(out, '\n');

	fits = put_comment(out, "", span_of(s->help)) && fits;
	if (section != CONF_SECTION_TOP)
		fits = buf_putf(out, "%s:\n", s->name) && fits;
	return fits;
}

bool
conf_dump(const struct conf *conf, struct buf *out)
{
	bool fits = true;

	for (size_t i = 0; i < CONF_ID_COUNT; i++) {
		const struct conf_option *o = &conf_option_table[i];
		const char *indent = o->section == CONF_SECTION_TOP ? "" : "  ";

		if ((conf->sections & 1U << o->section) == 0)
			continue;
		if (i == 0 || o[-1].section != o->section)
			fits = put_section(out, o->section) && fits;
		fits = put_help(out, indent, o) && fits;
		fits = put_value(out, indent, o, conf) && fits;
	}
	return fits;
}

/*
 * The canonical text of a configuration: see conf.h.
 */
#include "lib/base/mem.h"
#include "lib/conf/value.h"
#include "lib/base/banned.h"

static bool
put_option(
    const struct conf_option *o, const struct conf *conf, struct buf *out)
{
	bool fits = buf_putf(out, "%s=", o->path);

	for (size_t i = 0; i < conf_value_count(o, conf); i++) {
		if (i > 0)
			fits = buf_putc(out, ' ') && fits;
		fits = conf_value_put(o, CONF_FORM_WIRE, conf, i, out) && fits;
	}
	return buf_putc(out, '\n') && fits;
}

bool
conf_encode(const struct conf *conf, uint32_t sections, struct buf *out)
{
	bool fits = true;

	if ((sections & ~conf->sections) != 0)
		bug("a section of the configuration is not there");
	for (size_t i = 0; i < CONF_ID_COUNT; i++) {
		const struct conf_option *o = &conf_option_table[i];

		if (sections & 1U << o->section)
			fits = put_option(o, conf, out) && fits;
	}
	return fits;
}

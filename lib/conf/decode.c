/*
 * A configuration from its canonical text: see conf.h. Strict without effort:
 * what was read is encoded again, and any difference refuses the text.
 */
#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/conf/value.h"
#include "lib/base/banned.h"

/* a path is the longest text, and all of it may be %XX in the input */
#define ITEM_MAX 2048

static bool
set_escaped(const struct conf_option *o, struct span s, struct conf *conf)
{
	struct buf plain;
	bool ok;

	buf_init(&plain, ITEM_MAX);
	ok = enc_unline(&plain, s) &&
	     conf_value_set(o, CONF_FORM_WIRE, buf_span(&plain), conf);
	buf_fini(&plain);
	return ok;
}

static bool
set_list(const struct conf_option *o, struct span s, struct conf *conf)
{
	uint64_t least;

	while (s.n > 0)
		if (!set_escaped(o, span_cut(&s, ' '), conf))
			return false;
	return num_u64(span_of(o->low), &least) &&
	       conf_value_count(o, conf) >= least;
}

/* The next line has to be this option. */
static bool
get_option(const struct conf_option *o, struct span *text, struct conf *conf)
{
	struct span line = span_cut(text, '\n');
	struct span path = span_cut(&line, '=');

	if (line.p == NULL || !span_eq(path, span_of(o->path)))
		return false;
	return conf_option_is_list(o) ? set_list(o, line, conf)
				      : set_escaped(o, line, conf);
}

/* The section of the line that text begins with has all its options there. */
static bool
begins_section(const struct conf_option *o, struct span text)
{
	struct span path = span_head(text, span_find(text, '='));

	return span_eq(path, span_of(o->path));
}

static bool
get_all(struct span text, struct conf *conf)
{
	for (size_t i = 0; i < CONF_ID_COUNT; i++) {
		const struct conf_option *o = &conf_option_table[i];
		bool first = i == 0 || o[-1].section != o->section;

		if (first && begins_section(o, text))
			conf->sections |= 1U << o->section;
		if (conf->sections & 1U << o->section &&
		    !get_option(o, &text, conf))
			return false;
	}
	return text.n == 0;
}

enum rc
conf_decode(struct span text, struct conf **out, struct why *why)
{
	struct conf *conf = mem_alloc(sizeof(*conf));
	struct buf again;
	enum rc rc = RC_OK;

	*out = NULL;
	buf_init(&again, text.n);
	if (!get_all(text, conf) ||
	    !conf_encode(conf, conf->sections, &again) ||
	    !span_eq(buf_span(&again), text)) {
		rc = why_set(
		    why, RC_PERM, "5.3.5", "not the text of a configuration");
		conf_free(&conf);
	}
	*out = conf;
	buf_fini(&again);
	return rc;
}

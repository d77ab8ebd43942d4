/*
 * Any bytes as a configuration file and as its canonical text. What loads has
 * to lead back to itself by both texts that are made of it.
 */
#include <stdlib.h>

#include "lib/conf/conf.h"
#include "tests/fuzz/must.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define OUT_MAX (16U << 20)

static void
same(const struct conf *a, const struct conf *b)
{
	struct buf x, y;

	buf_init(&x, OUT_MAX);
	buf_init(&y, OUT_MAX);
	must(a->sections == b->sections);
	must(conf_encode(a, a->sections, &x));
	must(conf_encode(b, b->sections, &y));
	must(span_eq(buf_span(&x), buf_span(&y)));
	buf_fini(&x);
	buf_fini(&y);
}

static void
by_text(const struct conf *conf, uint32_t sections)
{
	struct conf *again = NULL;
	struct buf out;

	buf_init(&out, OUT_MAX);
	must(conf_encode(conf, sections, &out));
	must(conf_decode(buf_span(&out), &again, NULL) == RC_OK);
	must(again->sections == sections);
	if (sections == conf->sections)
		same(conf, again);
	conf_free(&again);
	buf_fini(&out);
}

static void
by_dump(const struct conf *conf)
{
	struct conf *again = NULL;
	struct buf out, errors;

	buf_init(&out, OUT_MAX);
	buf_init(&errors, OUT_MAX);
	must(conf_dump(conf, &out));
	/* the help may make it larger than a file can be */
	if (out.n <= CONF_FILE_MAX) {
		must(conf_load_text(buf_span(&out), "m", &again, &errors) ==
		     RC_OK);
		same(conf, again);
	}
	conf_free(&again);
	buf_fini(&out);
	buf_fini(&errors);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct conf *conf = NULL;
	struct buf errors;

	buf_init(&errors, OUT_MAX);
	if (conf_load_text(span_make(p, n), "m", &conf, &errors) == RC_OK) {
		must(errors.n == 0);
		by_text(conf, CONF_ALL);
		by_text(conf, CONF_TOP | CONF_LOG);
		by_dump(conf);
	} else {
		must(errors.n > 0 && errors.p[errors.n - 1] == '\n');
		for (size_t i = 0; i < errors.n; i++)
			must(errors.p[i] == '\n' ||
			     (errors.p[i] >= 0x20 && errors.p[i] < 0x7f));
	}
	conf_free(&conf);
	if (conf_decode(span_make(p, n), &conf, NULL) == RC_OK)
		by_text(conf, conf->sections);
	conf_free(&conf);
	buf_fini(&errors);
	return 0;
}

/*
 * Any bytes as what is kept of an application password, and as what somebody
 * types for one: what is taken has to lead back to itself.
 */
#include "authd/app.h"
#include "tests/fuzz/must.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span text = span_make(p, n);
	struct app a, b = {.services = 1};
	struct buf line;

	/* nobody knows what has the digest 0 */
	must(!app_fits(&b, text));
	if (!app_parse(text, &a))
		return 0;
	buf_init(&line, APP_TEXT_MAX);
	must(app_put(&line, &a));
	must(app_parse(buf_span(&line), &b));
	must(strcmp(a.name, b.name) == 0 && strcmp(a.made, b.made) == 0);
	must(a.services != 0 && a.services == b.services);
	must(memcmp(a.digest, b.digest, APP_DIGEST) == 0);
	buf_fini(&line);
	return 0;
}

/*
 * Any bytes as an aliases file. Each entry that is taken, written out, has to
 * be taken again as the same.
 */
#include <stdlib.h>

#include "lib/directory/alias.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
again(const struct alias *a)
{
	struct span targets = buf_span(&a->targets);
	struct alias_input in = {.rc = RC_OK};
	struct alias b;
	struct buf text;

	alias_init(&b);
	buf_init(&text, 64 << 20);
	must(a->name.n > 0 && targets.n > 0);
	if (a->kind == ALIAS_DOMAIN)
		must(buf_putc(&text, '@'));
	must(buf_put_span(&text, buf_span(&a->name)) && buf_putc(&text, ':'));
	while (targets.p != NULL) {
		must(buf_put_span(&text, span_cut(&targets, '\n')));
		must(buf_puts(&text, targets.p == NULL ? "\n" : ", "));
	}
	in.rest = buf_span(&text);
	must(alias_next(&in, &b, NULL));
	must(in.rest.n == 0 && b.line == 1 && b.kind == a->kind);
	must(span_eq(buf_span(&a->name), buf_span(&b.name)));
	must(span_eq(buf_span(&a->targets), buf_span(&b.targets)));
	must(!alias_next(&in, &b, NULL) && in.rc == RC_OK);
	buf_fini(&text);
	alias_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct alias_input in = {.rest = span_make(p, n)};
	struct alias a;
	struct why why;

	alias_init(&a);
	while (alias_next(&in, &a, &why)) {
		bool comment = a.name.p[0] == '#' && a.kind != ALIAS_DOMAIN;

		must(a.line >= 1 && a.line <= in.line);
		/* "#a"@b has lost its quotes */
		if (!comment)
			again(&a);
	}
	must(in.rc == RC_PERM || in.rest.n == 0);
	alias_fini(&a);
	return 0;
}

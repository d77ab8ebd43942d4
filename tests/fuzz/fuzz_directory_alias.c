/*
 * Any bytes as an aliases file. Each entry that is taken, written out, has to
 * be taken again as the same.
 */
#include "lib/directory/action.h"
#include "lib/directory/alias.h"
#include "tests/fuzz/must.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* A program's text holds what an entry's form gives another meaning. */
static void
put_target(struct buf *text, struct span target)
{
	if (!action_is(target)) {
		must(buf_put_span(text, target));
		return;
	}
	must(buf_putc(text, '"'));
	for (size_t i = 0; i < target.n; i++) {
		if (target.p[i] == '"' || target.p[i] == '\\')
			must(buf_putc(text, '\\'));
		must(buf_putc(text, target.p[i]));
	}
	must(buf_putc(text, '"'));
}

static void
again(const struct alias *a)
{
	struct span targets = buf_span(&a->targets);
	struct span includes = buf_span(&a->includes);
	struct alias_input in = {.line = 0};
	struct alias b;
	struct buf text;

	alias_init(&b);
	b.actions = true;
	buf_init(&text, 64 << 20);
	must(a->name.n > 0 && targets.n + includes.n > 0);
	if (a->kind == ALIAS_DOMAIN)
		must(buf_putc(&text, '@'));
	must(buf_put_span(&text, buf_span(&a->name)) && buf_putc(&text, ':'));
	while (includes.n > 0) {
		struct span path = span_cut(&includes, '\n');

		(void)span_cut(&path, ' '); /* its place */
		must(path.n > 0 && path.p[0] == '/');
		must(buf_puts(&text, "\":include:"));
		must(buf_put_span(&text, path) && buf_putc(&text, '"'));
		must(buf_puts(&text, includes.n + targets.n > 0 ? "," : "\n"));
	}
	while (targets.n > 0) {
		put_target(&text, span_cut(&targets, '\n'));
		must(buf_puts(&text, targets.p == NULL ? "\n" : ", "));
	}
	targets = buf_span(&a->targets);
	in.rest = buf_span(&text);
	must(alias_next(&in, &b, NULL) && !b.bad);
	must(in.rest.n == 0 && b.line == 1 && b.kind == a->kind);
	must(span_eq(buf_span(&a->name), buf_span(&b.name)));
	must(span_eq(targets, buf_span(&b.targets)));
	must((a->includes.n > 0) == (b.includes.n > 0));
	must(!alias_next(&in, &b, NULL));
	buf_fini(&text);
	alias_fini(&b);
}

/* The same bytes as an included file of an alias. */
static void
include(struct alias *a, struct span file)
{
	struct alias_input in = {.rest = SPAN_LIT("x: :include:/y\n")};
	struct why why;

	must(alias_next(&in, a, &why) && !a->bad && a->targets.n == 0);
	alias_include(a, file, &why);
	must(!a->bad || why.rc == RC_PERM);
	/* as targets of an alias they are the same */
	if (!a->bad && a->targets.n > 0) {
		buf_clear(&a->includes);
		again(a);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct alias_input in = {.rest = span_make(p, n)};
	struct alias a;
	struct why why;

	alias_init(&a);
	a.actions = n % 2 == 0;
	while (alias_next(&in, &a, &why)) {
		bool comment = a.name.n > 0 && a.name.p[0] == '#' &&
			       a.kind != ALIAS_DOMAIN;

		must(a.line >= 1 && a.line <= in.line);
		must(!a.bad || why.rc == RC_PERM);
		must(a.bad || a.name.n > 0);
		/* "#a"@b has lost its quotes */
		if (!comment && !a.bad)
			again(&a);
	}
	must(in.rest.n == 0);
	include(&a, span_make(p, n));
	alias_fini(&a);
	return 0;
}

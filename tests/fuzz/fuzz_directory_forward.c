/*
 * Any bytes as a user's ~/.forward. What is taken names somebody, each target
 * once; and, written out, it is taken as the same. As an account, too.
 */
#include "lib/addr/path.h"
#include "lib/directory/action.h"
#include "lib/directory/forward.h"
#include "tests/fuzz/must.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static char domain[] = "example.org", other[] = "example.net";
static char *const domains[] = {domain, other};

static const struct forward_who who = {
    .name = "joe", .domains = domains, .n = 2, .actions = true};

static void
check_address(struct span target)
{
	struct buf b;

	buf_init(&b, 1024);
	must(addr_mailbox(target, &b, NULL) == RC_OK);
	must(span_eq(buf_span(&b), target));
	must(!span_eq(target, SPAN_LIT("joe@example.net")));
	buf_fini(&b);
}

/* A program's text holds what the file gives another meaning. */
static void
put_target(struct buf *text, struct span target)
{
	bool quoted = action_is(target);

	must(!quoted || buf_putc(text, '"'));
	/* else it would be a comment */
	must(span_at(target, 0) != '#' || buf_putc(text, '\\'));
	for (size_t i = 0; i < target.n; i++) {
		if (quoted && (target.p[i] == '"' || target.p[i] == '\\'))
			must(buf_putc(text, '\\'));
		must(buf_putc(text, target.p[i]));
	}
	must(!quoted || buf_putc(text, '"'));
	must(buf_putc(text, '\n'));
}

static void
again(const struct forward *f)
{
	struct span targets = buf_span(&f->targets);
	struct forward g;
	struct buf text;
	struct why why;

	forward_init(&g);
	buf_init(&text, 1U << 20);
	must(f->own || targets.n > 0);
	must(!f->own || buf_puts(&text, "\\joe\n"));
	while (targets.n > 0) {
		struct span one = span_cut(&targets, '\n');

		must(one.n > 0 && forward_has(f, one));
		if (!action_is(one))
			check_address(one);
		put_target(&text, one);
	}
	if (text.n <= FORWARD_FILE_MAX) {
		must(forward_read(&g, buf_span(&text), &who, &why) == RC_OK);
		must(g.own == f->own);
		must(span_eq(buf_span(&g.targets), buf_span(&f->targets)));
	}
	buf_fini(&text);
	forward_fini(&g);
}

static void
as_account(struct span account)
{
	struct span user, action;

	if (!action_of_user(account, &user, &action))
		return;
	must(user.n + action.n + 1 == account.n);
	must(action_is(account) == (action.n > 0));
	must(action.n == 0 || action.p[0] == '|' || action.p[0] == '/');
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct forward f;
	struct why why;

	forward_init(&f);
	if (forward_read(&f, span_make(p, n), &who, &why) == RC_OK)
		again(&f);
	else
		must(why.rc == RC_PERM && why.text[0] != '\0');
	as_account(span_make(p, n));
	forward_fini(&f);
	return 0;
}

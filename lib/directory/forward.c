/*
 * What ~/.forward says: see forward.h.
 */
#include "lib/addr/path.h"
#include "lib/directory/action.h"
#include "lib/directory/alias.h"
#include "lib/directory/forward.h"
#include "lib/base/banned.h"

#define STATUS "5.3.5"

void
forward_init(struct forward *f)
{
	*f = (struct forward){.own = true};
	buf_init(&f->targets, FORWARD_BYTES_MAX);
}

void
forward_fini(struct forward *f)
{
	buf_fini(&f->targets);
}

bool
forward_has(const struct forward *f, struct span action)
{
	struct span rest = buf_span(&f->targets);

	while (rest.n > 0)
		if (span_eq(span_cut(&rest, '\n'), action))
			return true;
	return false;
}

static bool
is_own(struct span local, struct span domain, const struct forward_who *who)
{
	if (!span_eq_ci(local, span_of(who->name)))
		return false;
	for (size_t i = 0; i < who->n; i++)
		if (span_eq(domain, span_of(who->domains[i])))
			return true;
	return false;
}

/* One target, as alias.h has it. */
static void
add(struct forward *f, struct span target, const struct forward_who *who)
{
	struct span local = target, domain = SPAN_NONE;
	struct buf full;

	buf_init(&full, FORWARD_BYTES_MAX);
	(void)buf_put_span(&full, target); /* over: the whole is, too */
	if (!action_is(target)) {
		if (!addr_split(target, &local, &domain)) {
			domain = span_of(who->domains[0]);
			(void)buf_putf(&full, "@%s", who->domains[0]);
		}
		if (is_own(local, domain, who)) {
			f->own = true;
			buf_clear(&full);
		}
	}
	if (full.over)
		f->targets.over = true;
	if (full.n > 0 && !forward_has(f, buf_span(&full))) {
		if (f->targets.n > 0)
			(void)buf_putc(&f->targets, '\n');
		(void)buf_put_span(&f->targets, buf_span(&full));
	}
	buf_fini(&full);
}

static enum rc
add_all(struct forward *f, struct span targets, const struct forward_who *who,
    struct why *why)
{
	size_t n = 0;

	while (targets.n > 0 && !f->targets.over) {
		if (++n > FORWARD_TARGETS_MAX)
			return why_set(why, RC_PERM, STATUS,
			    "more than %d targets", FORWARD_TARGETS_MAX);
		add(f, span_cut(&targets, '\n'), who);
	}
	return !f->targets.over
		   ? RC_OK
		   : why_set(why, RC_PERM, STATUS, "too much for one message");
}

enum rc
forward_read(struct forward *f, struct span text, const struct forward_who *who,
    struct why *why)
{
	struct alias a;
	enum rc rc = RC_PERM;

	forward_fini(f);
	forward_init(f);
	alias_init(&a);
	a.kind = ALIAS_LOCAL;
	a.actions = who->actions;
	a.shell = true;
	if (text.n > FORWARD_FILE_MAX)
		(void)why_set(why, RC_PERM, STATUS, "more than %d bytes",
		    FORWARD_FILE_MAX);
	else
		alias_forward(&a, text, why);
	if (text.n <= FORWARD_FILE_MAX && !a.bad) {
		f->own = a.targets.n == 0;
		rc = add_all(f, buf_span(&a.targets), who, why);
	}
	alias_fini(&a);
	return rc;
}

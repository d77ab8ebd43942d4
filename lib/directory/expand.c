/*
 * What an address stands for in the end: see directory.h. Breadth first: each
 * address is visited once, so that loops end by themselves.
 */
#include <stdlib.h>

#include "lib/addr/detail.h"
#include "lib/base/mem.h"
#include "lib/directory/action.h"
#include "lib/directory/directory.h"
#include "lib/base/banned.h"

#define TARGETS_MAX (512U << 20)
#define ITEMS_MAX   (2U * DIRECTORY_EXPAND_MAX) /* addresses and logins */
#define SLOTS       65536U                      /* a power of two */

_Static_assert(SLOTS > 2 * ITEMS_MAX, "a free slot ends each search");

/* an address to visit, or a login or action that has been found */
struct item {
	char *text; /* behind a byte: '@' or 'a' */
	size_t n;
	unsigned depth;
};

struct expand {
	struct item items[ITEMS_MAX];
	uint32_t slots[SLOTS]; /* index of item, + 1 */
	size_t n, n_results;
	bool full;
	struct buf targets;
	struct buf *accounts, *elsewhere;
	struct why left_out; /* the first; RC_OK: none */
	struct why broken;   /* likewise */
};

/* FNV-1a: aliases are the administrator's, nobody aims at the table */
static uint32_t
hash(struct span s)
{
	uint32_t h = 2166136261U;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619U;
	return h;
}

/* False when it is there already, or there are too many. */
static bool
add(struct expand *x, char kind, struct span s, unsigned depth)
{
	char *text = mem_alloc(s.n + 1);
	struct span all = span_make(text, s.n + 1);
	uint32_t i;

	text[0] = kind;
	if (s.n > 0)
		memcpy(text + 1, s.p, s.n);
	for (i = hash(all) & (SLOTS - 1); x->slots[i] != 0;
	     i = (i + 1) & (SLOTS - 1)) {
		const struct item *old = &x->items[x->slots[i] - 1];

		if (span_eq(span_make(old->text, old->n), all))
			goto refuse;
	}
	if (x->n == ITEMS_MAX) {
		x->full = true;
		goto refuse;
	}
	x->items[x->n++] = (struct item){text, s.n + 1, depth};
	x->slots[i] = (uint32_t)x->n;
	return true;
refuse:
	free(text);
	return false;
}

static void
result(struct expand *x, struct buf *to, struct span s, struct span more)
{
	if (x->n_results++ == DIRECTORY_EXPAND_MAX)
		x->full = true;
	(void)buf_put_span(to, s); /* over is seen in the end */
	if (more.n > 0)
		(void)buf_putc(to, '\t');
	(void)buf_put_span(to, more);
	(void)buf_putc(to, '\n');
}

static void
leave_out(struct expand *x, const char *status, struct span s, const char *text)
{
	if (x->left_out.rc == RC_OK)
		(void)why_set(&x->left_out, RC_PERM, status, SPAN_FMT ": %s",
		    SPAN_ARG(s), text);
}

static void
add_account(struct expand *x, struct span login, unsigned depth)
{
	if (add(x, 'a', login, depth))
		result(x, x->accounts, login, SPAN_NONE);
}

/* The same, found as the address s, which the recipient's word does not tell
 * where an alias led to it. */
static void
add_account_as(struct expand *x, const struct directory *d, struct span s,
    struct item item)
{
	struct span login = buf_span(&x->targets);
	struct buf detail;

	buf_init(&detail, 1024);
	if (item.depth > 0 &&
	    addr_detail_of(s, login, directory_delimiters(d), &detail))
		detail.n = 0;
	else
		s = SPAN_NONE;
	if (add(x, 'a', login, item.depth))
		result(x, x->accounts, login, s);
	buf_fini(&detail);
}

/*
 * x->targets: what the alias s stands for. Where it names itself, the user of
 * the system of that name is meant, as with sendmail's aliases(5): the alias
 * itself is being visited.
 */
static bool
add_targets(
    struct expand *x, const struct directory *d, struct span s, unsigned depth)
{
	struct span rest = buf_span(&x->targets);
	bool itself = false, readable = true;
	struct buf user;

	while (rest.p != NULL && !x->full) {
		struct span target = span_cut(&rest, '\n');

		itself = itself || span_eq_ci(target, s);
		if (action_is(target))
			add_account(x, target, depth);
		else
			(void)add(x, '@', target, depth); /* twice is once */
	}
	if (!itself)
		return true;
	buf_init(&user, 256);
	switch (directory_find_user(d, s, &user)) {
	case DIRECTORY_ACCOUNT:
		add_account(x, buf_span(&user), depth);
		break;
	case DIRECTORY_ERROR:
		readable = false;
		break;
	default:
		break; /* a loop */
	}
	buf_fini(&user);
	return readable;
}

/* False when the directory cannot be read. */
static bool
visit(struct expand *x, const struct directory *d, struct item item)
{
	struct span s = span_make(item.text + 1, item.n - 1);

	buf_clear(&x->targets);
	switch (directory_find(d, s, &x->targets)) {
	case DIRECTORY_ELSEWHERE:
	case DIRECTORY_RELAY:
		result(x, x->elsewhere, s, SPAN_NONE);
		break;
	case DIRECTORY_UNKNOWN:
		leave_out(x, "5.1.1", s, "no such mailbox");
		break;
	case DIRECTORY_ACCOUNT:
		add_account_as(x, d, s, item);
		break;
	case DIRECTORY_ALIAS:
		if (item.depth == DIRECTORY_EXPAND_DEPTH) {
			leave_out(x, "5.4.6", s, "too many aliases of aliases");
			break;
		}
		return add_targets(x, d, s, item.depth + 1);
	case DIRECTORY_BROKEN:
		/* in part is not enough: those who are left out would not
		 * know */
		if (x->broken.rc == RC_OK)
			(void)why_set(&x->broken, RC_TEMP, "4.3.5",
			    SPAN_FMT ": its line in accounts or aliases has a "
				     "mistake",
			    SPAN_ARG(s));
		break;
	case DIRECTORY_ERROR:
		return false;
	}
	return true;
}

static enum rc
outcome(struct expand *x, struct span mailbox, struct why *why)
{
	if (x->broken.rc != RC_OK)
		return why_set(
		    why, RC_TEMP, x->broken.status, "%s", x->broken.text);
	if (x->full)
		return why_set(why, RC_PERM, "5.5.3",
		    "alias stands for more than %d addresses",
		    DIRECTORY_EXPAND_MAX);
	if (x->accounts->over || x->elsewhere->over)
		return why_set(why, RC_TEMP, "4.3.0", "no room for an alias");
	if (x->n_results == 0 && x->left_out.rc == RC_OK)
		return why_set(why, RC_PERM, "5.4.6",
		    SPAN_FMT ": alias of itself only", SPAN_ARG(mailbox));
	if (x->n_results == 0)
		return why_set(
		    why, RC_PERM, x->left_out.status, "%s", x->left_out.text);
	return why_set(why, RC_OK, "2.0.0", "%s", x->left_out.text);
}

/* The most there are, for which all of this is not needed. */
static bool
is_account(const struct directory *d, struct span mailbox, struct buf *accounts)
{
	size_t before = accounts->n;

	accounts->over = false;
	if (directory_find(d, mailbox, accounts) == DIRECTORY_ACCOUNT &&
	    buf_putc(accounts, '\n'))
		return true;
	accounts->n = before;
	return false;
}

enum rc
directory_expand(const struct directory *d, struct span mailbox,
    struct buf *accounts, struct buf *elsewhere, struct why *why)
{
	size_t before_a = accounts->n, before_e = elsewhere->n;
	bool readable = true;
	struct expand *x;
	enum rc rc;

	if (is_account(d, mailbox, accounts))
		return why_set(why, RC_OK, "2.0.0", "%s", "");
	x = mem_alloc(sizeof(*x));
	x->accounts = accounts;
	x->elsewhere = elsewhere;
	accounts->over = elsewhere->over = false;
	buf_init(&x->targets, TARGETS_MAX);
	(void)add(x, '@', mailbox, 0); /* the first one is new */
	for (size_t i = 0; i < x->n && readable && !x->full; i++)
		if (x->items[i].text[0] == '@')
			readable = visit(x, d, x->items[i]);
	rc = readable ? outcome(x, mailbox, why)
		      : why_set(why, RC_TEMP, "4.3.0",
			    "the directory cannot be read");
	if (rc != RC_OK) {
		accounts->n = before_a;
		elsewhere->n = before_e;
		accounts->over = elsewhere->over = false;
	}
	for (size_t i = 0; i < x->n; i++)
		free(x->items[i].text);
	buf_fini(&x->targets);
	free(x);
	return rc;
}

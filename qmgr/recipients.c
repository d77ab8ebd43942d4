/*
 * What addresses come to: see recipients.h.
 */
#include "lib/addr/dsn.h"
#include "lib/addr/path.h"
#include "lib/base/num.h"
#include "lib/directory/action.h"
#include "qmgr/nameset.h"
#include "qmgr/recipients.h"
#include "lib/base/banned.h"

/* What a transaction's recipients come to. */
struct gather {
	struct qmgr *q;
	struct envelope *e;
	bool relay;
	struct nameset rcpts;    /* a repeated one is looked up once */
	struct nameset accounts; /* and a mailbox gets one copy */
	struct nameset remote;   /* likewise */
	size_t looked_at;        /* results, repeated ones too */
	struct span own;         /* whose ~/.forward it is; or nobody's */
	struct buf out[2];       /* of one address: mailboxes, other hosts' */
};

bool
recipients_canonical(struct span text, struct why *why)
{
	struct buf b;
	bool same;

	buf_init(&b, 1024);
	same =
	    addr_mailbox(text, &b, why) == RC_OK && span_eq(buf_span(&b), text);
	buf_fini(&b);
	return same;
}

void
recipients_put(struct buf *list, const struct recipients_asked *r)
{
	/* neither of the first two can hold a space */
	buf_putf(list, "%u ", r->notify);
	buf_put_span(list, r->orcpt);
	buf_putc(list, ' ');
	buf_put_span(list, r->address);
	buf_putc(list, '\n');
}

/* smtpd is not believed. */
static enum rc
take_asked(struct span *list, struct recipients_asked *r, struct why *why)
{
	struct span line = span_cut(list, '\n'), notify = span_cut(&line, ' ');
	uint64_t bits;
	struct buf b;
	bool ok;

	r->orcpt = span_cut(&line, ' ');
	r->address = line;
	buf_init(&b, ADDR_DSN_ORCPT_MAX);
	ok = num_u64(notify, &bits) && bits <= UINT8_MAX &&
	     addr_dsn_notify_ok((unsigned)bits) &&
	     (r->orcpt.n == 0 || (addr_dsn_orcpt(&b, r->orcpt) &&
				     span_eq(buf_span(&b), r->orcpt)));
	buf_fini(&b);
	if (!ok)
		return why_set(
		    why, RC_TEMP, "4.3.0", "odd parameters of a recipient");
	r->notify = (uint8_t)bits;
	return RC_OK;
}

/* `to` has what the sender asked for `r`. */
static void
ask(const struct recipients_asked *r, uint8_t notify, struct envelope_rcpt *to)
{
	to->notify = notify;
	to->orcpt = r->orcpt.n > 0 ? span_dup(r->orcpt) : NULL;
}

static enum rc
too_many(struct why *why)
{
	return why_set(
	    why, RC_PERM, "5.5.3", "too many recipients behind aliases");
}

/* A mailbox here; the user's own is not asked for its ~/.forward again. */
static void
add_account(struct gather *g, const struct recipients_asked *r, struct span as,
    struct span account)
{
	struct buf text;

	buf_init(&text, account.n + 1);
	if (span_eq(account, g->own))
		(void)buf_putc(&text, '\\');
	(void)buf_put_span(&text, account); /* there is room */
	ask(r, r->notify, envelope_add(g->e, as, buf_span(&text)));
	buf_fini(&text);
}

/*
 * `r` stands for all of these: mailboxes here, or (remote) addresses; n of
 * them are new.
 */
static enum rc
add_results(struct gather *g, const struct recipients_asked *r, bool remote,
    size_t *n, struct why *why)
{
	struct span results = buf_span(&g->out[remote]);

	while (results.n > 0) {
		/* the second: as whom an alias named it, with its detail */
		struct span as = span_cut(&results, '\n');
		struct span one = span_cut(&as, '\t');
		bool fresh;

		/* aliases that hold each other's members cost time, too */
		if (++g->looked_at > ENVELOPE_RCPTS_MAX * 2)
			return too_many(why);
		if (one.n == 0)
			continue;
		fresh = nameset_add(remote ? &g->remote : &g->accounts, one);
		if (!fresh)
			continue;
		if (g->e->n_rcpts == ENVELOPE_RCPTS_MAX)
			return too_many(why);
		++*n;
		if (remote)
			ask(r, r->notify, envelope_add(g->e, one, SPAN_NONE));
		else
			add_account(g, r, as.n > 0 ? as : r->address, one);
	}
	return RC_OK;
}

/* How many results there are, those that others have come to included. */
static size_t
count(struct span results)
{
	size_t n = 0;

	for (size_t i = 0; i < results.n; i++)
		n += results.p[i] == '\n';
	return n;
}

static uint8_t
without_success(uint8_t notify)
{
	uint8_t rest = notify & (uint8_t)~ADDR_DSN_SUCCESS;

	return notify != rest && rest == ADDR_DSN_UNSAID ? ADDR_DSN_NEVER
							 : rest;
}

/*
 * RFC 3461 5.2.7.3 (c): the success that was asked for is that it was an
 * alias; what becomes of its targets is told of failures and delays only. The
 * same where the one target is another recipient's already.
 */
static enum rc
expand(struct gather *g, const struct recipients_asked *r, size_t first,
    struct why *why)
{
	struct envelope_rcpt *alias;

	if ((r->notify & ADDR_DSN_SUCCESS) == 0)
		return RC_OK;
	for (size_t i = first; i < g->e->n_rcpts; i++)
		g->e->rcpts[i].notify = without_success(r->notify);
	if (g->e->sender[0] == '\0')
		return RC_OK;
	if (g->e->n_rcpts == ENVELOPE_RCPTS_MAX)
		return too_many(why);
	alias = envelope_add(g->e, r->address, SPAN_NONE);
	ask(r, r->notify, alias);
	alias->expanded = true;
	alias->word = ENVELOPE_SENT;
	return RC_OK;
}

static enum rc
look_up(struct gather *g, struct span rcpt, struct why *why)
{
	if (!g->relay &&
	    directory_find(g->q->directory, rcpt, NULL) == DIRECTORY_ELSEWHERE)
		return why_set(why, RC_PERM, "5.7.1", "relay access denied");
	return directory_expand(
	    g->q->directory, rcpt, &g->out[0], &g->out[1], why);
}

/* One address: all that it stands for. */
static enum rc
add_rcpt(struct gather *g, const struct recipients_asked *r, struct why *why)
{
	size_t first = g->e->n_rcpts, n = 0;
	enum rc rc;

	if (!nameset_add(&g->rcpts, r->address))
		return RC_OK;
	if (!recipients_canonical(r->address, why) &&
	    !span_eq_ci(r->address, SPAN_LIT("postmaster")))
		return why_set(
		    why, RC_PERM, "5.1.3", "not a canonical mailbox");
	buf_init(&g->out[0], RECIPIENTS_BYTES);
	buf_init(&g->out[1], RECIPIENTS_BYTES);
	rc = look_up(g, r->address, why);
	if (rc == RC_OK)
		rc = add_results(g, r, false, &n, why);
	if (rc == RC_OK)
		rc = add_results(g, r, true, &n, why);
	if (rc == RC_OK &&
	    (n != 1 ||
		count(buf_span(&g->out[0])) + count(buf_span(&g->out[1])) != 1))
		rc = expand(g, r, first, why);
	buf_fini(&g->out[0]);
	buf_fini(&g->out[1]);
	return rc;
}

static void
gather_init(struct gather *g)
{
	nameset_init(&g->rcpts, RECIPIENTS_BYTES);
	nameset_init(&g->accounts, RECIPIENTS_BYTES);
	nameset_init(&g->remote, RECIPIENTS_BYTES);
}

static void
gather_fini(struct gather *g)
{
	nameset_fini(&g->rcpts);
	nameset_fini(&g->accounts);
	nameset_fini(&g->remote);
}

enum rc
recipients_add(struct qmgr *q, struct envelope *e, struct span list, bool relay,
    struct why *why)
{
	struct gather g = {.q = q, .e = e, .relay = relay};
	struct recipients_asked r = {0};
	enum rc rc = RC_OK;

	gather_init(&g);
	while (rc == RC_OK && list.n > 0) {
		rc = take_asked(&list, &r, why);
		if (rc == RC_OK)
			rc = add_rcpt(&g, &r, why);
	}
	gather_fini(&g);
	return rc;
}

/* A program or file of the user's. */
static enum rc
add_action(struct gather *g, const struct recipients_asked *r,
    struct span action, struct why *why)
{
	struct buf text;

	if (g->e->n_rcpts == ENVELOPE_RCPTS_MAX)
		return too_many(why);
	buf_init(&text, g->own.n + action.n + 1);
	(void)buf_putc(&text, '\\');
	(void)buf_put_span(&text, g->own);
	(void)buf_put_span(&text, action); /* there is room for all */
	ask(r, r->notify, envelope_add(g->e, r->address, buf_span(&text)));
	buf_fini(&text);
	return RC_OK;
}

/* Each of them asks for what the user's address did, but for success. */
static enum rc
add_target(struct gather *g, const struct recipients_asked *user,
    struct span target, struct why *why)
{
	struct recipients_asked r = *user;

	r.notify = without_success(user->notify);
	if (action_is(target))
		return add_action(g, &r, target, why);
	r.address = target;
	g->e->utf8 |= !span_is_ascii(target);
	return add_rcpt(g, &r, why);
}

enum rc
recipients_add_forward(struct qmgr *q, struct envelope *e,
    const struct recipients_forward *f, struct why *why)
{
	struct gather g = {
	    .q = q, .e = e, .relay = true, .own = span_of(f->rcpt->account)};
	struct recipients_asked user = {.address = span_of(f->rcpt->address),
	    .notify = f->rcpt->notify,
	    .orcpt = span_of(f->rcpt->orcpt)};
	struct span rest = f->targets;
	size_t first = e->n_rcpts;
	enum rc rc = RC_OK;

	gather_init(&g);
	while (rc == RC_OK && rest.n > 0)
		rc = add_target(&g, &user, span_cut(&rest, '\n'), why);
	if (rc == RC_OK && !f->kept && e->n_rcpts - first == 1)
		e->rcpts[first].notify = user.notify;
	else if (rc == RC_OK && !f->kept)
		rc = expand(&g, &user, first, why);
	gather_fini(&g);
	return rc;
}

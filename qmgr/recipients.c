/*
 * What addresses come to: see recipients.h.
 */
#include "lib/addr/path.h"
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

/* `rcpt` stands for all of these: mailboxes here, or (remote) addresses. */
static enum rc
add_results(struct gather *g, struct span rcpt, struct span results,
    bool remote, struct why *why)
{
	while (results.n > 0) {
		/* the second: as whom an alias named it, with its detail */
		struct span as = span_cut(&results, '\n');
		struct span one = span_cut(&as, '\t');

		/* aliases that hold each other's members cost time, too */
		if (++g->looked_at > ENVELOPE_RCPTS_MAX * 2 ||
		    g->e->n_rcpts == ENVELOPE_RCPTS_MAX)
			return why_set(why, RC_PERM, "5.5.3",
			    "too many recipients behind aliases");
		if (one.n == 0)
			continue;
		if (remote && nameset_add(&g->remote, one))
			envelope_add(g->e, one, SPAN_NONE);
		else if (!remote && nameset_add(&g->accounts, one))
			envelope_add(g->e, as.n > 0 ? as : rcpt, one);
	}
	return RC_OK;
}

static enum rc
look_up(struct gather *g, struct span rcpt, struct buf out[2], struct why *why)
{
	if (!g->relay &&
	    directory_find(g->q->directory, rcpt, NULL) == DIRECTORY_ELSEWHERE)
		return why_set(why, RC_PERM, "5.7.1", "relay access denied");
	return directory_expand(g->q->directory, rcpt, &out[0], &out[1], why);
}

/* One address: all that it stands for. */
static enum rc
add_rcpt(struct gather *g, struct span rcpt, struct why *why)
{
	struct buf out[2];
	enum rc rc;

	if (!nameset_add(&g->rcpts, rcpt))
		return RC_OK;
	if (!recipients_canonical(rcpt, why) &&
	    !span_eq_ci(rcpt, SPAN_LIT("postmaster")))
		return why_set(
		    why, RC_PERM, "5.1.3", "not a canonical mailbox");
	buf_init(&out[0], RECIPIENTS_BYTES);
	buf_init(&out[1], RECIPIENTS_BYTES);
	rc = look_up(g, rcpt, out, why);
	if (rc == RC_OK)
		rc = add_results(g, rcpt, buf_span(&out[0]), false, why);
	if (rc == RC_OK)
		rc = add_results(g, rcpt, buf_span(&out[1]), true, why);
	buf_fini(&out[0]);
	buf_fini(&out[1]);
	return rc;
}

enum rc
recipients_add(struct qmgr *q, struct envelope *e, struct span addresses,
    bool relay, struct why *why)
{
	struct gather g = {.q = q, .e = e, .relay = relay};
	enum rc rc = RC_OK;

	nameset_init(&g.rcpts, RECIPIENTS_BYTES);
	nameset_init(&g.accounts, RECIPIENTS_BYTES);
	nameset_init(&g.remote, RECIPIENTS_BYTES);
	while (rc == RC_OK && addresses.n > 0)
		rc = add_rcpt(&g, span_cut(&addresses, '\n'), why);
	nameset_fini(&g.rcpts);
	nameset_fini(&g.accounts);
	nameset_fini(&g.remote);
	return rc;
}

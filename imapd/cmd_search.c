/*
 * SEARCH (RFC 3501 6.4.4), some messages at a time.
 */
#include <stdlib.h>

#include "imapd/command.h"
#include "imapd/match.h"
#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

#define SLICE_MS 50 /* work before another connection has its turn */

static const char syntax[] = "SEARCH [CHARSET charset] keys";

struct search {
	char *command; /* the keys borrow from it */
	struct parse parse;
	struct criteria criteria;
	struct match match;
	bool matching;
	uint32_t seq;
	struct buf found;
};

void
cmd_search_abandon(struct session *s)
{
	struct search *x = s->search;

	if (x == NULL)
		return;
	if (x->matching)
		match_fini(&x->match);
	criteria_fini(&x->criteria);
	parse_fini(&x->parse);
	buf_fini(&x->found);
	free(x->command);
	free(x);
	s->search = NULL;
}

static enum step
end(struct session *s)
{
	struct search *x = s->search;
	bool failed = x->match.failed;

	if (failed)
		LOG(SESSION_ERROR, log_str(s->account->env.account),
		    log_str("imap"), log_str(x->match.why.text));
	buf_puts(&s->out, "* SEARCH");
	buf_put_span(&s->out, buf_span(&x->found));
	buf_puts(&s->out, "\r\n");
	cmd_search_abandon(s);
	if (failed)
		return reply(s, REPLY_UNAVAILABLE,
		    "Some of the messages cannot be read now");
	return reply(s, REPLY_DONE, "Search");
}

static enum step
search_more(struct session *s)
{
	struct search *x = s->search;
	uint64_t until = clock_mono_ms() + SLICE_MS;
	unsigned n = 0;

	for (; x->seq <= s->view.n; x->seq++) {
		struct maildir_message *msg = view_message(&s->view, x->seq);

		/* the clock is asked now and then */
		if (++n % 64 == 0 && clock_mono_ms() >= until)
			return STEP_MORE;
		if (msg != NULL && match_message(&x->match, x->seq, msg))
			buf_putf(&x->found, " %u", s->uid ? msg->uid : x->seq);
	}
	return end(s);
}

enum step
cmd_search(struct session *s, struct parse *p)
{
	struct search *x = mem_alloc(sizeof(*x));

	s->search = x;
	buf_init(&x->found, (size_t)16 << 20);
	/* it outlives the command's text */
	x->command = span_dup(p->rest);
	parse_init(&x->parse, span_make(x->command, p->rest.n));
	if (!criteria_parse(&x->criteria, &x->parse)) {
		bool charset = x->criteria.bad_charset;

		cmd_search_abandon(s);
		return charset ? reply(s, REPLY_BAD_CHARSET, "")
			       : command_syntax(s, syntax);
	}
	match_init(&x->match, &x->criteria, &s->view, s->account->store.cache);
	x->matching = true;
	x->seq = 1;
	s->more = search_more;
	return search_more(s);
}

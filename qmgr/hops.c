/*
 * The header on its way: see hops.h.
 */
#include "qmgr/hops.h"
#include "lib/base/banned.h"

/* A line of which the end was not kept says nothing. */
static void
see_tls(struct hops *h, struct span value, bool whole)
{
	if (!whole)
		return;
	value = span_trim(value);
	h->in_tls = value.n == 0;
	h->tls_optional |= span_eq_ci(value, SPAN_LIT("no"));
}

static void
end_line(struct hops *h)
{
	struct span line = span_make(h->line, h->n);
	bool in_tls = h->in_tls, whole = h->n < sizeof(h->line);

	if (span_at(line, line.n - 1) == '\r')
		line.n--;
	h->n = 0;
	h->in_tls = false;
	if (in_tls && (span_at(line, 0) == ' ' || span_at(line, 0) == '\t'))
		see_tls(h, line, whole);
	else if (line.n == 0)
		h->ended = true;
	else if (span_starts_ci(line, SPAN_LIT("received:")))
		h->received++;
	else if (span_starts_ci(line, SPAN_LIT("tls-required:")))
		see_tls(h, span_from(line, 13), whole);
}

void
hops_feed(struct hops *h, struct span piece)
{
	for (size_t i = 0; i < piece.n && !h->ended; i++) {
		if (piece.p[i] == '\n')
			end_line(h);
		else if (h->n < sizeof(h->line))
			h->line[h->n++] = piece.p[i];
	}
}

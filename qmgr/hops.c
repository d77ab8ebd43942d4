/*
 * Received fields: see hops.h.
 */
#include "qmgr/hops.h"
#include "lib/base/banned.h"

static void
end_line(struct hops *h)
{
	struct span line = span_make(h->line, h->n);

	h->n = 0;
	if (line.n == 0 || (line.n == 1 && line.p[0] == '\r'))
		h->ended = true;
	else if (span_starts_ci(line, SPAN_LIT("received:")))
		h->received++;
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

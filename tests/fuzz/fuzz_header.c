/* A submitted header: the same however it comes in pieces, and nothing is
 * left to do for a second pass, so that none of its fields is Bcc. */
#include <stdint.h>
#include <stdlib.h>

#include "smtpd/header.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct header_defaults defaults = {
    .sender = {"al@a", 4}, .id = {"i", 1}, .hostname = {"h", 1}};

static void
pass(struct header *h, struct span in, size_t step, struct buf *out)
{
	header_init(h);
	buf_init(out, in.n + HEADER_NAME_MAX + HEADER_ADDED_MAX);
	for (size_t at = 0; at < in.n; at += step)
		header_feed(
		    h, span_head(span_from(in, at), step), &defaults, out);
	header_end(h, &defaults, out);
	if (out->over || h->state != HEADER_DONE)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_make(data, n);
	struct header whole, pieces, again;
	struct buf a, b, c;

	pass(&whole, in, n + 1, &a);
	pass(&pieces, in, n % 7 + 1, &b);
	pass(&again, buf_span(&a), a.n, &c);
	if (!span_eq(buf_span(&a), buf_span(&b)) ||
	    !span_eq(buf_span(&a), buf_span(&c)) ||
	    !span_eq(buf_span(&whole.author), buf_span(&pieces.author)))
		abort();
	header_fini(&whole);
	header_fini(&pieces);
	header_fini(&again);
	buf_fini(&a);
	buf_fini(&b);
	buf_fini(&c);
	return 0;
}

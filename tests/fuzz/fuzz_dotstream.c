/* Where the input is cut must not matter; the content never grows. */
#include <stdint.h>
#include <stdlib.h>

#include "smtpd/dotstream.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct buf
feed(struct dotstream *d, struct span in, size_t step, size_t *used)
{
	struct buf out;

	buf_init(&out, in.n + 1);
	*used = 0;
	while (*used < in.n && d->state != DOTSTREAM_DONE) {
		size_t part = in.n - *used < step ? in.n - *used : step;

		*used += dotstream_feed(d, span_make(in.p + *used, part), &out);
	}
	return out;
}

/* Counted octets are content, every one, and the line ends are judged alike. */
static void
chunks(struct span in)
{
	struct dotstream whole = {0}, cut = {0};
	struct buf a, b;

	buf_init(&a, in.n + 1);
	buf_init(&b, in.n + 1);
	dotstream_chunk(&whole, in, &a);
	dotstream_end(&whole, &a);
	for (size_t i = 0; i < in.n; i++)
		dotstream_chunk(&cut, span_head(span_from(in, i), 1), &b);
	dotstream_end(&cut, &b);
	if (a.over || b.over || !span_eq(buf_span(&a), in) ||
	    !span_eq(buf_span(&b), in) || whole.faults != cut.faults ||
	    whole.eight_bit != cut.eight_bit || whole.state != DOTSTREAM_DONE)
		abort();
	buf_fini(&a);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_make(data, n);
	struct dotstream whole = {0}, cut = {0};
	size_t used_whole, used_cut;
	struct buf a = feed(&whole, in, n, &used_whole);
	struct buf b = feed(&cut, in, 1, &used_cut);

	if (a.over || b.over || used_whole != used_cut ||
	    whole.state != cut.state || whole.faults != cut.faults ||
	    !span_eq(buf_span(&a), buf_span(&b)))
		abort();
	buf_fini(&a);
	buf_fini(&b);
	chunks(in);
	return 0;
}

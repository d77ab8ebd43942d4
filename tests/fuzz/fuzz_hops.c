/* However the message comes in pieces, it has passed as many hosts. */
#include <stdint.h>
#include <stdlib.h>

#include "qmgr/hops.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_make(data, n);
	struct hops whole = {0}, pieces = {0};
	size_t step = n % 7 + 1, lines = 1;

	hops_feed(&whole, in);
	for (size_t at = 0; at < n; at += step)
		hops_feed(&pieces, span_head(span_from(in, at), step));
	for (size_t i = 0; i < n; i++)
		lines += data[i] == '\n';
	if (whole.received != pieces.received || whole.ended != pieces.ended ||
	    whole.received > lines)
		abort();
	return 0;
}

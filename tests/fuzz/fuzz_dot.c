/*
 * What goes out ends with the first dot that stands alone, whatever is in the
 * message, and has no bare CR or LF.
 */
#include <stdint.h>
#include <stdlib.h>

#include "delivery/client_dot.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct buf
feed(struct span in, size_t step)
{
	struct client_dot d = {0};
	struct buf out;

	buf_init(&out, 2 * in.n + 5);
	for (size_t i = 0; i < in.n; i += step)
		client_dot_put(&d, span_head(span_from(in, i), step), &out);
	client_dot_end(&d, &out);
	if (out.over)
		abort();
	return out;
}

static void
check_lines(struct span s)
{
	while (s.n > 0) {
		size_t lf = span_find(s, '\n');

		if (lf == s.n || lf == 0 || s.p[lf - 1] != '\r' ||
		    span_find(span_head(s, lf - 1), '\r') < lf - 1)
			abort();
		if (lf == 2 && s.p[0] == '.' && s.n != 3)
			abort();
		s = span_from(s, lf + 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_make(data, n);
	struct buf a = feed(in, n + 1), b = feed(in, 1);

	if (!span_eq(buf_span(&a), buf_span(&b)))
		abort();
	check_lines(buf_span(&a));
	buf_fini(&a);
	buf_fini(&b);
	return 0;
}

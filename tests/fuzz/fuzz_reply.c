/* Where a server's words are cut must not matter. */
#include <stdint.h>
#include <stdlib.h>

#include "delivery/client_reply.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum client_reply_kind
feed(struct client_reply *r, struct span in, size_t step, size_t *from)
{
	enum client_reply_kind kind = CLIENT_REPLY_MORE;
	size_t to = 0, used;

	*from = 0;
	while (kind == CLIENT_REPLY_MORE && to < in.n) {
		to = in.n - to < step ? in.n : to + step;
		kind = client_reply_read(
		    r, span_make(in.p + *from, to - *from), &used);
		*from += used;
	}
	return kind;
}

static void
show(const struct client_reply *r)
{
	char status[WHY_STATUS_MAX];
	struct buf b;

	buf_init(&b, CLIENT_REPLY_SHOWN_MAX);
	client_reply_put(r, &b);
	if (b.over)
		abort();
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] < 0x20 || b.p[i] > 0x7e)
			abort();
	client_reply_status(r, status);
	if ((unsigned)(status[0] - '0') != r->code / 100)
		abort();
	(void)client_reply_offer(r);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_make(data, n);
	enum client_reply_kind kind;
	struct client_reply a, b;
	size_t used_a, used_b;

	client_reply_init(&a);
	client_reply_init(&b);
	kind = feed(&a, in, n, &used_a);
	if (kind != feed(&b, in, 1, &used_b))
		abort();
	if (kind == CLIENT_REPLY_WHOLE) {
		if (used_a != used_b || a.code != b.code ||
		    !span_eq(buf_span(&a.text), buf_span(&b.text)))
			abort();
		show(&a);
	}
	client_reply_fini(&a);
	client_reply_fini(&b);
	return 0;
}

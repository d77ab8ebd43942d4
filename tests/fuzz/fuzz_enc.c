/*
 * lib/base/enc: what a decoder takes, the encoder writes again; what an
 * encoder writes, the decoder takes.
 */
#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/banned.h"

#define OUT_MAX 65536

typedef bool coder(struct buf *, struct span);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
there_and_back(coder *there, coder *back, struct span in, bool exact)
{
	struct buf mid;
	struct buf out;

	buf_init(&mid, OUT_MAX);
	buf_init(&out, OUT_MAX);
	if (there(&mid, in)) {
		if (!back(&out, buf_span(&mid)))
			abort();
		if (exact && !span_eq(buf_span(&out), in))
			abort();
	}
	buf_fini(&mid);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = span_make(data, size);

	if (size > OUT_MAX / 4)
		return 0;
	there_and_back(enc_base64, enc_unbase64, in, true);
	there_and_back(enc_unbase64, enc_base64, in, true);
	there_and_back(enc_line, enc_unline, in, true);
	/* %41 is taken though it would be written as A */
	there_and_back(enc_unline, enc_line, in, false);
	return 0;
}

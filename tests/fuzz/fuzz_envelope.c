/* What is read is what would be written. */
#include <stdint.h>
#include <stdlib.h>

#include "qmgr/envelope.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_make(data, n);
	struct envelope *e = NULL, *again = NULL;
	struct buf b;

	(void)envelope_head_crc(in); /* total on any text */
	if (envelope_parse(in, n, &e, NULL) != RC_OK)
		return 0;
	if (e->offset + e->size != n || e->n_rcpts == 0)
		abort();
	buf_init(&b, ENVELOPE_HEAD_MAX);
	if (envelope_format(e, &b) &&
	    envelope_parse(buf_span(&b), b.n + e->size, &again, NULL) != RC_OK)
		abort();
	buf_fini(&b);
	envelope_free(&e);
	envelope_free(&again);
	return 0;
}

/*
 * SCRAM's messages (authd/scram.c): the first line is the client's first
 * message, the rest its last one.
 */
#include <stdlib.h>

#include "authd/scram.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
exchange(struct span first, struct span last, const struct scram_channel *c)
{
	static const struct scram_verifier v = {
	    .iterations = 4096, .salt_n = SCRAM_SALT};
	struct scram_verifier parsed;
	struct scram s = {0};
	struct buf out;
	struct why why;

	buf_init(&out, 8192);
	if (scram_first(&s, SCRAM_SHA_256, c, first, &why) == RC_OK &&
	    scram_challenge(&s, &v, SPAN_LIT("nonce"), &out)) {
		buf_clear(&out);
		/* nobody knows what has the digest 0 */
		if (scram_final(&s, last, &out))
			abort();
	}
	scram_fini(&s);
	buf_fini(&out);
	(void)scram_verifier_parse(first, SCRAM_SHA_256, &parsed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span last = span_make(p, n), first = span_cut(&last, '\n');

	exchange(first, last, &(struct scram_channel){.plus = false});
	exchange(first, last,
	    &(struct scram_channel){true, true, SPAN_LIT("binding")});
	return 0;
}

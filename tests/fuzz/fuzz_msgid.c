/* However the message comes in pieces, its Message-ID is the same text. */
#include <stdint.h>
#include <stdlib.h>

#include "smtpd/msgid.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span in = span_make(data, n), text;
	struct msgid whole = {0}, pieces = {0};
	size_t step = n % 7 + 1;

	msgid_feed(&whole, in);
	for (size_t at = 0; at < n; at += step)
		msgid_feed(&pieces, span_head(span_from(in, at), step));
	text = msgid_text(&whole);
	if (!span_eq(text, msgid_text(&pieces)) || text.n > MSGID_MAX)
		abort();
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] <= ' ' || text.p[i] == 0x7f)
			abort();
	return 0;
}

/* Whatever a program hands to sendmail ends DATA once, at its end, and has
 * nothing in it that smtpd refuses; recipients are lines. */
#include <stdint.h>
#include <stdlib.h>

#include "ctl/letter.h"
#include "smtpd/dotstream.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct letter_defaults defaults = {
	    SPAN_LIT("x@example.org"), SPAN_LIT("now"), SPAN_LIT("<1@x>")};
	struct span in = span_make(data, n);
	struct buf rcpts, out, text;
	struct dotstream d = {0};
	struct letter l;

	if (letter_cut_at_dot(in).n > n)
		abort();
	letter_read(&l, in);
	buf_init(&rcpts, 1U << 20);
	buf_init(&out, 3 * n + 4096);
	buf_init(&text, 3 * n + 8192);
	letter_recipients(&l, SPAN_LIT("example.org"), &rcpts);
	for (size_t i = 0; i < rcpts.n; i++)
		if (rcpts.p[i] != '\n' &&
		    ((unsigned char)rcpts.p[i] < ' ' || rcpts.p[i] == 0x7f))
			abort();
	if (!letter_write(&l, &defaults, &out))
		abort();
	if (dotstream_feed(&d, buf_span(&out), &text) != out.n ||
	    d.state != DOTSTREAM_DONE ||
	    (d.faults &
		(DOTSTREAM_BARE_CR | DOTSTREAM_BARE_LF | DOTSTREAM_NUL)) != 0)
		abort();
	buf_fini(&rcpts);
	buf_fini(&out);
	buf_fini(&text);
	return 0;
}

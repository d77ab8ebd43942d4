/*
 * A conversation before log-in, with an authd that takes one password and a
 * session that says back what it hears: it comes to an end, says whole lines
 * only, and asks nothing while passwords are not taken.
 */
#include "tests/unit/imapd/front_drive.h"
#include "tests/fuzz/must.h"
#include "lib/base/banned.h"

#define OUT_MAX (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct drive d;
	struct buf out;
	bool piped;

	if (n == 0 || n > 65536)
		return 0;
	if (d.base == NULL)
		drive_init(&d);
	d.conf.auth.allow_plaintext = (data[0] & 1) != 0;
	buf_init(&out, OUT_MAX);
	drive_say(&d, span_make(data + 1, n - 1), &out);
	/* behind a log-in it is the session that speaks */
	piped = span_find(buf_span(&d.asked), 'g') < d.asked.n;
	must(out.n > 2 && (piped || out.p[out.n - 1] == '\n'));
	for (size_t i = 0; i < out.n && !piped; i++)
		must(out.p[i] != '\n' || (i > 0 && out.p[i - 1] == '\r'));
	must(d.conf.auth.allow_plaintext || d.asked.n == 0);
	buf_fini(&out);
	return 0;
}

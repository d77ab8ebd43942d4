/*
 * The octets after DATA: see dotstream.h. What a bare CR or LF is taken for
 * does not matter much, since the message is refused; what matters is that it
 * never ends a line, so that nobody behind us sees another end than we do.
 */
#include "smtpd/dotstream.h"
#include "lib/base/banned.h"

/* Octets from `at` on that need no thought within a line. */
static size_t
plain_run(struct span in, size_t at, bool *eight_bit)
{
	size_t i = at;
	unsigned char high = 0;

	while (i < in.n) {
		unsigned char c = (unsigned char)in.p[i];

		if (c == '\r' || c == '\n' || c == '\0')
			break;
		high |= c;
		i++;
	}
	if (high & 0x80)
		*eight_bit = true;
	return i - at;
}

/* one octet that is not part of a plain run */
static void
special(struct dotstream *d, char c, struct buf *out)
{
	if (c == '\r') {
		if (d->state == DOTSTREAM_CR) {
			d->faults |= DOTSTREAM_BARE_CR;
			buf_putc(out, '\r');
		}
		d->state = DOTSTREAM_CR;
		return;
	}
	if (c == '\n' && d->state == DOTSTREAM_CR) {
		buf_put(out, "\r\n", 2);
		d->state = DOTSTREAM_START;
		return;
	}
	if (d->state == DOTSTREAM_CR) {
		d->faults |= DOTSTREAM_BARE_CR;
		buf_putc(out, '\r');
	}
	if (c == '\n')
		d->faults |= DOTSTREAM_BARE_LF;
	if (c == '\0')
		d->faults |= DOTSTREAM_NUL;
	if ((unsigned char)c >= 0x80)
		d->eight_bit = true;
	buf_putc(out, c);
	d->state = DOTSTREAM_LINE;
}

size_t
dotstream_feed(struct dotstream *d, struct span in, struct buf *out)
{
	size_t i = 0, run;

	while (i < in.n && d->state != DOTSTREAM_DONE) {
		char c = in.p[i];

		switch (d->state) {
		case DOTSTREAM_START:
			if (c == '.') {
				d->state = DOTSTREAM_DOT;
				i++;
				continue;
			}
			d->state = DOTSTREAM_LINE;
			continue;
		case DOTSTREAM_DOT:
			if (c == '\r') {
				d->state = DOTSTREAM_DOT_CR;
				i++;
				continue;
			}
			/* a stuffed dot: it is dropped, what follows stays */
			d->state = DOTSTREAM_LINE;
			continue;
		case DOTSTREAM_DOT_CR:
			if (c == '\n') {
				d->state = DOTSTREAM_DONE;
				i++;
				continue;
			}
			d->state = DOTSTREAM_CR;
			continue;
		case DOTSTREAM_LINE:
			run = plain_run(in, i, &d->eight_bit);
			buf_put(out, in.p + i, run);
			i += run;
			if (i < in.n)
				special(d, in.p[i++], out);
			continue;
		case DOTSTREAM_CR:
			special(d, c, out);
			i++;
			continue;
		case DOTSTREAM_DONE:
			break;
		}
	}
	return i;
}

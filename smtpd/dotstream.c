/*
 * The octets of a message: see dotstream.h. What a bare CR or LF is taken for
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

/*
 * The states at the start of a line: an octet moves on along CR LF "." CR LF
 * (`expected`, to `next`) and is used up, or leaves that way to `other`.
 */
struct lead {
	char expected;
	enum dotstream_state next;
	enum dotstream_state other;
};

static bool
lead(struct dotstream *d, char c)
{
	static const struct lead leads[] = {
	    [DOTSTREAM_START] = {'.', DOTSTREAM_DOT, DOTSTREAM_LINE},
	    /* not CR: a stuffed dot, which is dropped; what follows stays */
	    [DOTSTREAM_DOT] = {'\r', DOTSTREAM_DOT_CR, DOTSTREAM_LINE},
	    [DOTSTREAM_DOT_CR] = {'\n', DOTSTREAM_DONE, DOTSTREAM_CR},
	};
	const struct lead *l = &leads[d->state];

	d->state = c == l->expected ? l->next : l->other;
	return c == l->expected;
}

size_t
dotstream_feed(struct dotstream *d, struct span in, struct buf *out)
{
	size_t i = 0;

	while (i < in.n && d->state != DOTSTREAM_DONE) {
		if (d->state < DOTSTREAM_LINE) {
			i += lead(d, in.p[i]) ? 1 : 0;
			continue;
		}
		if (d->state == DOTSTREAM_LINE) {
			size_t run = plain_run(in, i, &d->eight_bit);

			buf_put(out, in.p + i, run);
			i += run;
		}
		if (i < in.n)
			special(d, in.p[i++], out);
	}
	return i;
}

void
dotstream_chunk(struct dotstream *d, struct span in, struct buf *out)
{
	size_t i = 0;

	while (i < in.n) {
		if (d->state == DOTSTREAM_START)
			d->state = DOTSTREAM_LINE;
		if (d->state == DOTSTREAM_LINE) {
			size_t run = plain_run(in, i, &d->eight_bit);

			buf_put(out, in.p + i, run);
			i += run;
		}
		if (i < in.n)
			special(d, in.p[i++], out);
	}
}

void
dotstream_end(struct dotstream *d, struct buf *out)
{
	if (d->state == DOTSTREAM_CR) {
		d->faults |= DOTSTREAM_BARE_CR;
		buf_putc(out, '\r');
	}
	d->state = DOTSTREAM_DONE;
}

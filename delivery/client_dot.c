/*
 * Dot-stuffing: see client_dot.h.
 */
#include "delivery/client_dot.h"
#include "lib/base/banned.h"

static void
end_line(struct client_dot *d, struct buf *out)
{
	(void)buf_put(out, "\r\n", 2); /* the caller's buffer is large enough */
	d->in_line = false;
	d->cr = false;
}

/* Bytes up to a CR or LF. */
static size_t
plain(struct span s)
{
	size_t i = 0;

	while (i < s.n && s.p[i] != '\r' && s.p[i] != '\n')
		i++;
	return i;
}

void
client_dot_put(struct client_dot *d, struct span in, struct buf *out)
{
	while (in.n > 0) {
		size_t n = plain(in);
		bool lf = in.p[0] == '\n';

		if (d->cr || lf)
			end_line(d, out);
		if (lf) {
			in = span_from(in, 1);
			continue;
		}
		if (n > 0 && !d->in_line && in.p[0] == '.')
			(void)buf_putc(out, '.'); /* as above */
		(void)buf_put_span(out, span_head(in, n));
		d->in_line = d->in_line || n > 0;
		d->cr = n < in.n && in.p[n] == '\r';
		in = span_from(in, d->cr ? n + 1 : n);
	}
}

void
client_dot_end(struct client_dot *d, struct buf *out)
{
	if (d->cr || d->in_line)
		end_line(d, out);
	(void)buf_put(out, ".\r\n", 3); /* as above */
}

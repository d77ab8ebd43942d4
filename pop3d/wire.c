/*
 * A file's octets as they go to the client: see wire.h.
 */
#include "pop3d/wire.h"
#include "lib/base/banned.h"

void
wire_init_top(struct wire *w, uint64_t lines)
{
	*w = (struct wire){.top = true, .lines = lines};
}

/* A piece of a line, without its LF. */
static void
put_text(struct wire *w, struct span s, struct buf *out)
{
	if (s.n == 0)
		return;
	if (!w->inside && s.p[0] == '.')
		buf_putc(out, '.');
	buf_put_span(out, s);
	w->filled = w->filled || w->inside || s.n > 1 || s.p[0] != '\r';
	w->inside = true;
	w->cr = s.p[s.n - 1] == '\r';
}

static void
end_line(struct wire *w, struct buf *out)
{
	bool empty = !w->filled;

	buf_puts(out, w->cr ? "\n" : "\r\n");
	w->inside = w->filled = w->cr = false;
	if (w->body && w->lines > 0)
		w->lines--;
	else if (empty)
		w->body = true;
	w->done = w->top && w->body && w->lines == 0;
}

void
wire_put(struct wire *w, struct span in, struct buf *out)
{
	while (in.p != NULL && in.n > 0 && !w->done) {
		struct span text = span_cut(&in, '\n');

		put_text(w, text, out);
		if (in.p != NULL)
			end_line(w, out);
	}
}

void
wire_end(struct wire *w, struct buf *out)
{
	if (w->inside)
		buf_puts(out, w->cr ? "\n" : "\r\n");
	buf_puts(out, ".\r\n");
}

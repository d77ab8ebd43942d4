/*
 * The header of mail of our own: see heading.h.
 */
#include "lib/addr/beyond.h"
#include "lib/base/clock.h"
#include "qmgr/heading.h"
#include "lib/base/banned.h"

void
heading_put_text(struct buf *out, struct span s, bool utf8)
{
	int last = utf8 && addr_beyond_ok(s) ? 0xff : '~';

	for (size_t i = 0; i < s.n; i++) {
		int c = span_at(s, i);

		buf_putc(out, c < ' ' || c == 0x7f || c > last ? '?' : s.p[i]);
	}
}

void
heading_put_plain(struct buf *out, struct span s)
{
	heading_put_text(out, s, false);
}

void
heading_put(struct buf *out, const struct heading *h)
{
	buf_putf(out, "Received: by %s id %s;\r\n\t", h->hostname, h->id);
	clock_put_rfc5322(out, h->now_us);
	buf_puts(out, "\r\nDate: ");
	clock_put_rfc5322(out, h->now_us);
	buf_putf(out,
	    "\r\nFrom: Mail Delivery System <MAILER-DAEMON@%s>\r\nTo: <",
	    h->hostname);
	heading_put_text(out, span_of(h->to), h->utf8);
	buf_putf(out,
	    ">\r\nSubject: %s\r\n"
	    "Message-ID: <%s@%s>\r\n"
	    "Auto-Submitted: auto-%s\r\n"
	    "MIME-Version: 1.0\r\n",
	    h->subject, h->id, h->hostname, h->reply ? "replied" : "generated");
}

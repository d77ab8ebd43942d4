/*
 * The header of mail of our own: see heading.h.
 */
#include "lib/base/clock.h"
#include "qmgr/heading.h"
#include "lib/base/banned.h"

void
heading_put_plain(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_putc(out, s.p[i] < ' ' || s.p[i] > '~' ? '?' : s.p[i]);
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
	heading_put_plain(out, span_of(h->to));
	buf_putf(out,
	    ">\r\nSubject: %s\r\n"
	    "Message-ID: <%s@%s>\r\n"
	    "Auto-Submitted: auto-%s\r\n"
	    "MIME-Version: 1.0\r\n",
	    h->subject, h->id, h->hostname, h->reply ? "replied" : "generated");
}

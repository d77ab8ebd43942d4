/*
 * The text of a notice: see bounce.h. What strangers said goes in as printable
 * ASCII, so that it makes no line; the header of the message goes in as it is,
 * between boundaries that its writer did not know.
 */
#include "lib/base/clock.h"
#include "qmgr/bounce.h"
#include "lib/base/banned.h"

#define LINE_MAX_BYTES 990 /* RFC 5322 2.1.1, with room */

static void
put_plain(struct buf *out, const char *s)
{
	for (size_t i = 0; s[i] != '\0'; i++)
		buf_putc(out, s[i] < ' ' || s[i] > '~' ? '?' : s[i]);
}

/* "mx.example[192.0.2.1]": RFC 3464 2.3.5 wants the name */
static struct span
host_name(const char *host)
{
	struct span s = span_of(host), name = span_head(s, span_find(s, '['));

	return name.n > 0 ? name : s;
}

static void
put_status(struct buf *out, const struct bounce_rcpt *r)
{
	const char *s = r->why.status;

	/* RFC 3464 2.3.4 */
	if (r->expired)
		s = "4.4.7";
	else if ((s[0] != '4' && s[0] != '5') || s[1] != '.')
		s = "5.0.0";
	put_plain(out, s);
}

static void
put_head(const struct bounce *b, struct buf *out, bool eight)
{
	buf_putf(out, "Received: by %s id %s;\r\n\t", b->hostname, b->id);
	clock_put_rfc5322(out, b->now_us);
	buf_puts(out, "\r\nDate: ");
	clock_put_rfc5322(out, b->now_us);
	buf_putf(out,
	    "\r\nFrom: Mail Delivery System <MAILER-DAEMON@%s>\r\nTo: <",
	    b->hostname);
	put_plain(out, b->sender);
	buf_putf(out,
	    ">\r\nSubject: Your message could not be delivered\r\n"
	    "Message-ID: <%s@%s>\r\n"
	    "Auto-Submitted: auto-replied\r\n" /* RFC 3834 5 */
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"%s\"\r\n",
	    b->id, b->hostname, b->boundary);
	if (eight)
		buf_puts(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_puts(out, "\r\nThis is a report of mail that was not "
		      "delivered.\r\n");
}

static void
put_boundary(const struct bounce *b, struct buf *out, const char *type)
{
	buf_putf(out, "\r\n--%s\r\nContent-Type: %s\r\n", b->boundary, type);
}

static void
put_words_of(struct buf *out, const struct bounce_rcpt *r)
{
	buf_puts(out, "\r\n  <");
	put_plain(out, r->address);
	buf_puts(out, ">\r\n");
	if (r->expired)
		buf_puts(out, "    was tried for as long as this server keeps "
			      "mail. The last attempt:\r\n");
	if (r->reply != NULL) {
		buf_puts(out, "    ");
		put_plain(out, r->host == NULL ? "the other host" : r->host);
		buf_puts(out, " said:\r\n    ");
		put_plain(out, r->reply);
	} else {
		buf_puts(out, "    ");
		put_plain(out, r->why.text);
	}
	buf_puts(out, "\r\n");
}

static void
put_words(const struct bounce *b, struct buf *out)
{
	put_boundary(b, out, "text/plain; charset=us-ascii");
	buf_puts(out, "\r\nThis is the mail server ");
	put_plain(out, b->hostname);
	buf_puts(out, ".\r\n\r\nYour message of ");
	clock_put_rfc5322(out, b->arrived_us);
	buf_puts(out, "\r\ncould not be delivered to everybody, and no "
		      "further attempt will be made.\r\nIts header is "
		      "attached. It was not delivered to:\r\n");
	for (size_t i = 0; i < b->n; i++)
		put_words_of(out, &b->rcpts[i]);
}

/* RFC 3464 2.3 */
static void
put_fields_of(
    const struct bounce *b, struct buf *out, const struct bounce_rcpt *r)
{
	buf_puts(out, "\r\nFinal-Recipient: rfc822; ");
	put_plain(out, r->address);
	buf_puts(out, "\r\nAction: failed\r\nStatus: ");
	put_status(out, r);
	if (r->host != NULL) {
		struct span name = host_name(r->host);

		buf_puts(out, "\r\nRemote-MTA: dns; ");
		for (size_t i = 0; i < name.n; i++)
			buf_putc(out, name.p[i] < '!' || name.p[i] > '~'
					  ? '?'
					  : name.p[i]);
	}
	buf_puts(out, r->reply != NULL ? "\r\nDiagnostic-Code: smtp; "
				       : "\r\nDiagnostic-Code: x-mailstead; ");
	put_plain(out, r->reply != NULL ? r->reply : r->why.text);
	buf_puts(out, "\r\nLast-Attempt-Date: ");
	clock_put_rfc5322(out, b->now_us);
	buf_puts(out, "\r\n");
}

static void
put_fields(const struct bounce *b, struct buf *out)
{
	put_boundary(b, out, "message/delivery-status");
	buf_putf(out, "\r\nReporting-MTA: dns; %s\r\nX-Mailstead-Queue-ID: ",
	    b->hostname);
	put_plain(out, b->parent);
	buf_puts(out, "\r\nArrival-Date: ");
	clock_put_rfc5322(out, b->arrived_us);
	buf_puts(out, "\r\n");
	for (size_t i = 0; i < b->n; i++)
		put_fields_of(b, out, &b->rcpts[i]);
}

/* Its whole lines up to the empty one. */
static struct span
header_of(struct span text)
{
	size_t at = 0;

	while (at < text.n) {
		struct span rest = span_from(text, at);
		size_t n = span_find(rest, '\n');

		if (n == rest.n || n == 0 || (n == 1 && rest.p[0] == '\r'))
			break;
		at += n + 1;
	}
	return span_head(text, at);
}

static bool
is_eight(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] & 0x80) != 0)
			return true;
	return false;
}

static void
put_header(const struct bounce *b, struct buf *out, struct span header)
{
	put_boundary(b, out, "text/rfc822-headers");
	if (is_eight(header))
		buf_puts(out, "Content-Transfer-Encoding: 8bit\r\n");
	buf_puts(out, "\r\n");
	while (header.n > 0) {
		struct span line = span_cut(&header, '\n');

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		buf_put_span(out, span_head(line, LINE_MAX_BYTES));
		buf_puts(out, "\r\n");
	}
}

bool
bounce_format(const struct bounce *b, struct buf *out)
{
	struct span header = header_of(span_head(b->header, BOUNCE_HEADER_MAX));

	put_head(b, out, is_eight(header));
	put_words(b, out);
	put_fields(b, out);
	put_header(b, out, header);
	buf_putf(out, "\r\n--%s--\r\n", b->boundary);
	return !out->over;
}

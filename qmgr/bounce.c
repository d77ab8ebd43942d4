/*
 * The text of a notice: see bounce.h. What strangers said goes in as printable
 * text (ASCII, unless the notice is of RFC 6533), so that it makes no line; the
 * header of the message goes in as it is,
 * between boundaries that its writer did not know.
 */
#include "lib/addr/beyond.h"
#include "lib/addr/dsn.h"
#include "lib/base/clock.h"
#include "qmgr/bounce.h"
#include "qmgr/heading.h"
#include "lib/base/banned.h"

#define LINE_MAX_BYTES 990 /* RFC 5322 2.1.1, with room */

static void
put_plain(struct buf *out, const char *s)
{
	heading_put_plain(out, span_of(s));
}

/* RFC 6533 3: as it is where it may be, else "\x{E9}". */
static void
put_address(const struct bounce *b, struct buf *out, const char *address)
{
	struct span s = span_of(address);
	struct buf ascii;

	if (b->utf8 || span_is_ascii(s) || !addr_beyond_ok(s)) {
		heading_put_text(out, s, b->utf8);
		return;
	}
	buf_init(&ascii, 4 * ADDR_DSN_ORCPT_MAX);
	addr_dsn_put_embedded(&ascii, s);
	heading_put_plain(out, buf_span(&ascii));
	buf_fini(&ascii);
}

/* "mx.example[192.0.2.1]": RFC 3464 2.3.5 wants the name */
static struct span
host_name(const char *host)
{
	struct span s = span_of(host), name = span_head(s, span_find(s, '['));

	return name.n > 0 ? name : s;
}

/* RFC 3464 2.3.4: its class goes with the action */
static void
put_status(struct buf *out, const struct bounce_rcpt *r)
{
	static const struct {
		char class;
		const char *other;
	} of[] = {
	    [BOUNCE_FAILED] = {'5', "5.0.0"},
	    [BOUNCE_DELAYED] = {'4', "4.0.0"},
	    [BOUNCE_DELIVERED] = {'2', "2.0.0"},
	    [BOUNCE_RELAYED] = {'2', "2.0.0"},
	    [BOUNCE_EXPANDED] = {'2', "2.0.0"},
	};
	const char *s = r->why.status;

	if (r->expired)
		s = "4.4.7";
	else if (s[0] != of[r->action].class || s[1] != '.')
		s = of[r->action].other;
	put_plain(out, s);
}

static const char *const subjects[] = {
    [BOUNCE_FAILURE] = "Your message could not be delivered",
    [BOUNCE_SUCCESS] = "Your message has been delivered",
    [BOUNCE_DELAY] = "Your message is delayed",
};

static void
put_eight(struct buf *out, bool eight)
{
	if (eight)
		buf_puts(out, "Content-Transfer-Encoding: 8bit\r\n");
}

static void
put_head(const struct bounce *b, struct buf *out, bool eight)
{
	heading_put(
	    out, &(struct heading){.hostname = b->hostname,
		     .id = b->id,
		     .to = b->sender,
		     .utf8 = b->utf8,
		     .subject = b->twice ? "A notice could not be delivered"
					 : subjects[b->kind],
		     .reply = true,
		     .now_us = b->now_us});
	buf_putf(out,
	    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
	    "\tboundary=\"%s\"\r\n",
	    b->boundary);
	put_eight(out, eight);
	buf_puts(out, "\r\nThis is a report of what became of mail.\r\n");
}

static void
put_boundary(const struct bounce *b, struct buf *out, const char *type)
{
	buf_putf(out, "\r\n--%s\r\nContent-Type: %s\r\n", b->boundary, type);
}

static const char *
words_of(const struct bounce_rcpt *r)
{
	switch (r->action) {
	case BOUNCE_FAILED:
		return r->expired
			   ? "was tried for as long as this server keeps "
			     "mail. The last attempt:\r\n"
			   : "was given up:\r\n";
	case BOUNCE_DELAYED:
		return "could not be reached yet. The last attempt:\r\n";
	case BOUNCE_DELIVERED:
		return "has the message in the mailbox.\r\n";
	case BOUNCE_RELAYED:
		return "was taken over by a server that does not tell of "
		       "deliveries:\r\n"
		       "    you will hear no more, unless it fails.\r\n";
	case BOUNCE_EXPANDED:
		return "stands for several others, to whom it is on its "
		       "way.\r\n";
	}
	return "";
}

static void
put_words_of(
    const struct bounce *b, struct buf *out, const struct bounce_rcpt *r)
{
	buf_puts(out, "\r\n  <");
	put_address(b, out, r->address);
	buf_puts(out, ">\r\n    ");
	buf_puts(out, words_of(r));
	if (r->action == BOUNCE_DELIVERED || r->action == BOUNCE_EXPANDED)
		return;
	if (r->reply != NULL) {
		buf_puts(out, "    ");
		put_plain(out, r->host == NULL ? "the other host" : r->host);
		buf_puts(out, " said:\r\n    ");
		put_plain(out, r->reply);
	} else if (r->why.text[0] != '\0') {
		buf_puts(out, "    ");
		put_plain(out, r->why.text);
	}
	buf_puts(out, "\r\n");
}

static const char *const introductions[] = {
    [BOUNCE_FAILURE] = "could not be delivered to everybody, and no further "
		       "attempt will be made.",
    [BOUNCE_SUCCESS] = "has been delivered, of which you asked to be told.",
    [BOUNCE_DELAY] = "has not been delivered to everybody yet.",
};

static void
put_words(const struct bounce *b, struct buf *out)
{
	put_boundary(b, out,
	    b->utf8 ? "text/plain; charset=utf-8"
		    : "text/plain; charset=us-ascii");
	put_eight(out, b->utf8);
	buf_puts(out, "\r\nThis is the mail server ");
	put_plain(out, b->hostname);
	buf_puts(out, b->twice ? ".\r\n\r\nFor the postmaster: the notice of "
			       : ".\r\n\r\nYour message of ");
	clock_put_rfc5322(out, b->arrived_us);
	buf_puts(out, "\r\n");
	buf_puts(out, b->twice ? "to the sender of a message could not be "
				 "delivered, and nobody else hears of it."
			       : introductions[b->kind]);
	if (b->kind == BOUNCE_DELAY) {
		buf_puts(out, "\r\nIt is tried until ");
		clock_put_rfc5322(out, b->until_us);
		buf_puts(out, ". You need not send it again.");
	}
	buf_putf(out, "\r\n%s is attached. This is about:\r\n",
	    b->full ? "It" : "Its header");
	for (size_t i = 0; i < b->n; i++)
		put_words_of(b, out, &b->rcpts[i]);
}

static const char *const actions[] = {
    [BOUNCE_FAILED] = "failed",
    [BOUNCE_DELAYED] = "delayed",
    [BOUNCE_DELIVERED] = "delivered",
    [BOUNCE_RELAYED] = "relayed",
    [BOUNCE_EXPANDED] = "expanded",
};

const char *
bounce_action_text(enum bounce_action action)
{
	return actions[action];
}

/* RFC 3464 2.3.1: "rfc822; " and the address as its sender wrote it */
static void
put_orcpt(const struct bounce *b, struct buf *out, const char *orcpt)
{
	struct span address = span_of(orcpt), type = span_cut(&address, ';');
	struct buf plain, text;

	buf_init(&plain, ADDR_DSN_ORCPT_MAX);
	buf_init(&text, ADDR_DSN_ORCPT_MAX);
	addr_dsn_put_plain(&plain, address);
	if (b->utf8 && span_eq_ci(type, SPAN_LIT("utf-8")))
		addr_dsn_put_unembedded(&text, buf_span(&plain));
	else
		buf_put_span(&text, buf_span(&plain));
	buf_puts(out, "Original-Recipient: ");
	buf_put_span(out, type);
	buf_puts(out, "; ");
	heading_put_text(out, buf_span(&text), b->utf8);
	buf_puts(out, "\r\n");
	buf_fini(&plain);
	buf_fini(&text);
}

/* RFC 3461 6.3 (a) */
static void
put_envid(struct buf *out, const char *envid)
{
	struct buf b;

	buf_init(&b, ADDR_DSN_ENVID_MAX);
	addr_dsn_put_plain(&b, span_of(envid));
	buf_puts(out, "Original-Envelope-Id: ");
	put_plain(out, buf_cstr(&b));
	buf_puts(out, "\r\n");
	buf_fini(&b);
}

/* RFC 3464 2.3 */
static void
put_fields_of(
    const struct bounce *b, struct buf *out, const struct bounce_rcpt *r)
{
	buf_puts(out, "\r\n");
	if (r->orcpt != NULL)
		put_orcpt(b, out, r->orcpt);
	buf_putf(out, "Final-Recipient: %s; ",
	    span_is_ascii(span_of(r->address)) ? "rfc822" : "utf-8");
	put_address(b, out, r->address);
	buf_putf(out, "\r\nAction: %s\r\nStatus: ", actions[r->action]);
	put_status(out, r);
	if (r->host != NULL) {
		struct span name = host_name(r->host);

		buf_puts(out, "\r\nRemote-MTA: dns; ");
		for (size_t i = 0; i < name.n; i++)
			buf_putc(out, name.p[i] < '!' || name.p[i] > '~'
					  ? '?'
					  : name.p[i]);
	}
	if (r->reply != NULL) {
		buf_puts(out, "\r\nDiagnostic-Code: smtp; ");
		put_plain(out, r->reply);
	} else if (b->kind != BOUNCE_SUCCESS) {
		buf_puts(out, "\r\nDiagnostic-Code: x-mailstead; ");
		put_plain(out, r->why.text);
	}
	buf_puts(out, "\r\nLast-Attempt-Date: ");
	clock_put_rfc5322(out, b->now_us);
	buf_puts(out, "\r\n");
	if (r->action != BOUNCE_DELAYED)
		return;
	buf_puts(out, "Will-Retry-Until: ");
	clock_put_rfc5322(out, b->until_us);
	buf_puts(out, "\r\n");
}

static void
put_fields(const struct bounce *b, struct buf *out)
{
	put_boundary(b, out,
	    b->utf8 ? "message/global-delivery-status"
		    : "message/delivery-status");
	put_eight(out, b->utf8);
	buf_puts(out, "\r\n");
	if (b->envid != NULL)
		put_envid(out, b->envid);
	buf_putf(out,
	    "Reporting-MTA: dns; %s\r\nX-Mailstead-Queue-ID: ", b->hostname);
	put_plain(out, b->parent);
	buf_puts(out, "\r\nArrival-Date: ");
	clock_put_rfc5322(out, b->arrived_us);
	buf_puts(out, "\r\n");
	if (b->by_us != 0) {
		buf_puts(out, "Deliver-By-Date: ");
		clock_put_rfc5322(out, b->by_us);
		buf_puts(out, "\r\n");
	}
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

static void
put_header(const struct bounce *b, struct buf *out, struct span header)
{
	put_boundary(
	    b, out, b->utf8 ? "message/global-headers" : "text/rfc822-headers");
	put_eight(out, !span_is_ascii(header));
	buf_puts(out, "\r\n");
	while (header.n > 0) {
		struct span line = span_cut(&header, '\n');

		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		buf_put_span(out, span_head(line, LINE_MAX_BYTES));
		buf_puts(out, "\r\n");
	}
}

static void
put_message(const struct bounce *b, struct buf *out)
{
	put_boundary(b, out, b->utf8 ? "message/global" : "message/rfc822");
	put_eight(out, !span_is_ascii(b->header));
	buf_puts(out, "\r\n");
	buf_put_span(out, b->header);
}

bool
bounce_format(const struct bounce *b, struct buf *out)
{
	struct span header =
	    b->full ? b->header
		    : header_of(span_head(b->header, BOUNCE_HEADER_MAX));

	put_head(b, out, b->utf8 || !span_is_ascii(header));
	put_words(b, out);
	put_fields(b, out);
	if (b->full)
		put_message(b, out);
	else
		put_header(b, out, header);
	buf_putf(out, "\r\n--%s--\r\n", b->boundary);
	return !out->over;
}

/*
 * The header of a submitted message: see header.h. What comes has CRLF at its
 * line ends; a message with others is refused in the end, whatever becomes of
 * its header here.
 */
#include "lib/base/clock.h"
#include "smtpd/header.h"
#include "lib/base/banned.h"

void
header_init(struct header *h)
{
	*h = (struct header){.state = HEADER_START};
	buf_init(&h->author, HEADER_AUTHOR_MAX);
}

void
header_fini(struct header *h)
{
	buf_fini(&h->author);
}

/* The header is over; `blank`: the line that tells so is not there. */
static void
finish(struct header *h, const struct header_defaults *d, bool blank,
    struct buf *out)
{
	h->state = HEADER_DONE;
	if (!h->has_from && d->sender.n > 0) {
		buf_puts(out, "From: <");
		buf_put_span(out, d->sender);
		buf_puts(out, ">\r\n");
	}
	if (!h->has_date) {
		buf_puts(out, "Date: ");
		clock_put_rfc5322(out, d->now_us);
		buf_puts(out, "\r\n");
	}
	if (!h->has_id)
		buf_putf(out, "Message-ID: <" SPAN_FMT "@" SPAN_FMT ">\r\n",
		    SPAN_ARG(d->id), SPAN_ARG(d->hostname));
	if (blank)
		buf_puts(out, "\r\n");
}

/* What was held back begins no field. */
static void
not_a_field(struct header *h, const struct header_defaults *d, struct buf *out)
{
	finish(h, d, true, out);
	buf_put(out, h->name, h->n);
}

static bool
is(const struct header *h, const char *name)
{
	/* RFC 5322 4.5: white space may stand before the colon */
	return span_eq_ci(span_trim(span_make(h->name, h->n)), span_of(name));
}

/* A name and its colon. */
static void
begin_field(struct header *h, struct buf *out)
{
	bool from = is(h, "From");

	h->any = true;
	h->state = HEADER_FIELD;
	h->act = HEADER_COPY;
	if (is(h, "Bcc") || is(h, "Resent-Bcc"))
		h->act = HEADER_DROP;
	else if (from || is(h, "Sender"))
		h->act = HEADER_AUTHOR;
	h->has_from |= from;
	h->has_date |= is(h, "Date");
	h->has_id |= is(h, "Message-ID");
	if (h->act == HEADER_AUTHOR)
		buf_putc(&h->author, '\n');
	if (h->act == HEADER_DROP)
		return;
	buf_put(out, h->name, h->n);
	buf_putc(out, ':');
}

static void
name_byte(
    struct header *h, char c, const struct header_defaults *d, struct buf *out)
{
	bool white = c == ' ' || c == '\t';
	bool behind =
	    h->n > 0 && (h->name[h->n - 1] == ' ' || h->name[h->n - 1] == '\t');

	if (c == ':' && h->n > 0) {
		begin_field(h, out);
	} else if (h->n == sizeof(h->name) || c == ':' ||
		   (!white && (behind || c < '!' || c > '~'))) {
		not_a_field(h, d, out);
		buf_putc(out, c);
	} else {
		h->name[h->n++] = c;
	}
}

static void
start_byte(
    struct header *h, char c, const struct header_defaults *d, struct buf *out)
{
	bool white = c == ' ' || c == '\t';

	if (c == '\r' || c == '\n') {
		finish(h, d, false, out);
		buf_putc(out, c);
	} else if (white && !h->any) {
		h->n = 0;
		not_a_field(h, d, out);
		buf_putc(out, c);
	} else if (white) {
		h->state = HEADER_FIELD; /* of the line before */
		if (h->act != HEADER_DROP)
			buf_putc(out, c);
		if (h->act == HEADER_AUTHOR)
			buf_putc(&h->author, c);
	} else {
		h->state = HEADER_NAME;
		h->n = 0;
		name_byte(h, c, d, out);
	}
}

static void
field_byte(struct header *h, char c, struct buf *out)
{
	if (h->act != HEADER_DROP)
		buf_putc(out, c);
	if (c == '\n')
		h->state = HEADER_START;
	else if (h->act == HEADER_AUTHOR && c != '\r')
		buf_putc(&h->author, c);
}

void
header_feed(struct header *h, struct span in, const struct header_defaults *d,
    struct buf *out)
{
	size_t i = 0;

	for (; i < in.n && h->state != HEADER_DONE; i++) {
		if (h->state == HEADER_START)
			start_byte(h, in.p[i], d, out);
		else if (h->state == HEADER_NAME)
			name_byte(h, in.p[i], d, out);
		else
			field_byte(h, in.p[i], out);
	}
	buf_put_span(out, span_from(in, i));
}

void
header_end(struct header *h, const struct header_defaults *d, struct buf *out)
{
	/* by BDAT a message may end in a line */
	if (h->state == HEADER_FIELD && h->act != HEADER_DROP)
		buf_puts(out, "\r\n");
	if (h->state == HEADER_NAME)
		not_a_field(h, d, out);
	else if (h->state != HEADER_DONE)
		finish(h, d, false, out);
}

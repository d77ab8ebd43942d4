/*
 * Eight bits into seven: see seven.h. The message is taken apart first; then
 * its parts are written in order, and between them what separates them.
 */
#include <errno.h>

#include "lib/base/enc.h"
#include "lib/mime/message.h"
#include "lib/mime/content.h"
#include "lib/mime/seven.h"
#include "lib/base/banned.h"

#define PIECE     16384
#define OUT_MAX   ((size_t)PIECE * 8)
#define GROUP     57 /* octets of a line of base64, RFC 2045 6.8 */
#define QP_COLUMN 75 /* RFC 2045 6.7 (5), with room for '=' */

enum how {
	HOW_AS_IS,
	HOW_QUOTED, /* quoted-printable */
	HOW_BASE64,
	HOW_MEND_QP, /* it says so already, and is not */
	HOW_MEND_64, /* likewise */
	HOW_NOT,
};

struct seven {
	const struct mime_source *source;
	mime_seven_write *write;
	void *ctx;
	struct mime_message m;
	struct buf out;
	uint64_t at;    /* so far the source has been dealt with */
	uint64_t eight; /* octets beyond ASCII that were counted */
	bool failed;    /* reading or writing: errno says why */
	/* of the part under way */
	enum how how;
	unsigned column;
	bool cr;
	char held; /* white space that may be a line's last; 0: none */
	char group[GROUP];
	size_t n_group;
};

static void
flush(struct seven *s)
{
	if (!s->failed && s->out.n > 0)
		s->failed = !s->write(s->ctx, buf_span(&s->out));
	buf_clear(&s->out);
}

static void
put(struct seven *s, const char *text, size_t n)
{
	if (s->out.n + n > OUT_MAX)
		flush(s);
	(void)buf_put(&s->out, text, n); /* there is room for every piece */
}

static void
puts_(struct seven *s, const char *text)
{
	put(s, text, strlen(text));
}

/* `take` for all pieces of the source up to `end`. */
static void
each(struct seven *s, uint64_t end,
    void (*take)(struct seven *s, struct span piece))
{
	char piece[PIECE];

	while (s->at < end && !s->failed) {
		uint64_t left = end - s->at;
		ssize_t got = s->source->read(s->source->arg, s->at, piece,
		    left < PIECE ? (size_t)left : PIECE);

		if (got <= 0) {
			errno = got == 0 ? EIO : errno;
			s->failed = true;
			return;
		}
		take(s, span_make(piece, (size_t)got));
		s->at += (uint64_t)got;
	}
}

static void
take_as_is(struct seven *s, struct span piece)
{
	put(s, piece.p, piece.n);
}

static void
take_count(struct seven *s, struct span piece)
{
	for (size_t i = 0; i < piece.n; i++)
		s->eight += (piece.p[i] & 0x80) != 0;
}

/* Octets beyond ASCII there. */
static uint64_t
count(struct seven *s, uint64_t from, uint64_t to)
{
	uint64_t at = s->at;

	s->eight = 0;
	s->at = from;
	each(s, to, take_count);
	s->at = at;
	return s->eight;
}

static void
take_unread(struct seven *s, struct span piece)
{
	for (size_t i = 0; i < piece.n; i++)
		put(s, (piece.p[i] & 0x80) != 0 ? "?" : piece.p + i, 1);
}

/* ---- quoted-printable ---- */

/* One octet, or what stands for it, on one line. */
static void
put_token(struct seven *s, const char *text, unsigned n)
{
	if (s->column + n > QP_COLUMN) {
		puts_(s, "=\r\n");
		s->column = 0;
	}
	/* a line that begins so might be taken for a delimiter */
	if (s->column == 0 && text[0] == '-') {
		text = "=2D";
		n = 3;
	}
	put(s, text, n);
	s->column += n;
}

static void
put_encoded(struct seven *s, char c)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned char u = (unsigned char)c;
	char text[3] = {'=', hex[u >> 4], hex[u & 15]};

	put_token(s, text, 3);
}

static void
put_held(struct seven *s, bool last)
{
	if (s->held != 0 && last)
		put_encoded(s, s->held);
	else if (s->held != 0)
		put_token(s, &s->held, 1);
	s->held = 0;
}

static void
quote(struct seven *s, char c)
{
	if (s->cr && c == '\n') {
		put_held(s, true);
		puts_(s, "\r\n");
		s->column = 0;
		s->cr = false;
		return;
	}
	if (s->cr) {
		put_held(s, false);
		put_encoded(s, '\r');
	}
	s->cr = c == '\r';
	if (s->cr)
		return;
	put_held(s, false);
	if (c == ' ' || c == '\t')
		s->held = c;
	else if (c == '=' || c < '!' || c > '~')
		put_encoded(s, c);
	else
		put_token(s, &c, 1);
}

static void
take_quoted(struct seven *s, struct span piece)
{
	for (size_t i = 0; i < piece.n; i++)
		quote(s, piece.p[i]);
}

static void
end_quoted(struct seven *s)
{
	put_held(s, !s->cr);
	if (s->cr)
		put_encoded(s, '\r');
}

/* ---- base64, and what says that it is encoded ---- */

static void
put_group(struct seven *s)
{
	char space[GROUP * 2];
	struct buf line = {
	    .p = space, .cap = sizeof(space), .max = sizeof(space)};

	/* the line end behind the last one is not the part's */
	puts_(s, s->column > 0 ? "\r\n" : "");
	(void)enc_base64(&line, span_make(s->group, s->n_group)); /* fits */
	put(s, line.p, line.n);
	s->column = 1;
	s->n_group = 0;
}

static void
take_base64(struct seven *s, struct span piece)
{
	for (size_t i = 0; i < piece.n; i++) {
		s->group[s->n_group++] = piece.p[i];
		if (s->n_group == GROUP)
			put_group(s);
	}
}

static void
take_mend(struct seven *s, struct span piece)
{
	for (size_t i = 0; i < piece.n; i++) {
		if ((piece.p[i] & 0x80) == 0) {
			put(s, piece.p + i, 1);
		} else if (s->how == HOW_MEND_QP) {
			s->column = 0; /* its lines are as they are */
			put_encoded(s, piece.p[i]);
		}
	}
}

/* ---- parts ---- */

static bool
is_field(struct span name, const char *wanted)
{
	return span_eq_ci(name, span_of(wanted));
}

/* RFC 2046 5.2, 5.1: a type that goes with seven or eight bits as it is. */
static bool
takes_no_encoding(const struct seven *s, const struct mime_part *part)
{
	struct span value = mime_message_field(&s->m, part, MIME_TYPE);
	struct mime_lex x = {.in = value};
	struct span type, subtype;

	if (value.p == NULL || !mime_content_type(&x, &type, &subtype))
		return false;
	return span_eq_ci(type, SPAN_LIT("multipart")) ||
	       (span_eq_ci(type, SPAN_LIT("message")) &&
		   (is_field(subtype, "rfc822") ||
		       is_field(subtype, "partial") ||
		       is_field(subtype, "external-body")));
}

/* Is that what the part's header says of its encoding? */
static bool
says(const struct seven *s, const struct mime_part *part, const char *wanted)
{
	struct mime_lex x = {
	    .in = mime_message_field(&s->m, part, MIME_ENCODING)};
	struct span word;

	return mime_content_word(&x, &word) && is_field(word, wanted);
}

/* How a leaf with `eight` such octets among `size` is to be written. */
static enum how
how_of(const struct seven *s, const struct mime_part *part, uint64_t eight,
    uint64_t size)
{
	struct span type, subtype, rest;

	if (eight == 0)
		return HOW_AS_IS;
	if (takes_no_encoding(s, part))
		return HOW_NOT;
	if (says(s, part, "quoted-printable"))
		return HOW_MEND_QP;
	if (says(s, part, "base64"))
		return HOW_MEND_64;
	if (mime_message_field(&s->m, part, MIME_ENCODING).n > 0 &&
	    !says(s, part, "7bit") && !says(s, part, "8bit") &&
	    !says(s, part, "binary"))
		return HOW_NOT;
	mime_message_type(&s->m, part, &type, &subtype, &rest);
	return span_eq_ci(type, SPAN_LIT("text")) && eight < size / 4
		   ? HOW_QUOTED
		   : HOW_BASE64;
}

struct header {
	bool keep;    /* what tells the encoding stays */
	bool version; /* MIME-Version is there */
	bool blank;   /* and the empty line at its end */
};

/* All lines but those that told the encoding, up to the empty one. */
static void
copy_header(struct seven *s, const struct mime_part *part, struct header *h)
{
	struct mime_cursor c;
	struct mime_line line;
	bool drop = false;

	mime_cursor_init(&c, s->source, part->header.file, part->body.file);
	while (!h->blank && mime_cursor_line(&c, &line)) {
		struct span name = SPAN_NONE;
		bool folded = line.len > 0 &&
			      (line.text.p[0] == ' ' || line.text.p[0] == '\t');

		h->blank = line.len == 0;
		if (!folded && !h->blank)
			(void)mime_field_split(line.text, &name); /* or none */
		if (!folded)
			drop = !h->keep &&
			       is_field(name, "Content-Transfer-Encoding");
		h->version |= is_field(name, "MIME-Version");
		if (drop)
			s->at = line.end;
		else if (!h->blank)
			each(s, line.end, take_as_is);
	}
	s->failed |= c.failed;
	mime_cursor_fini(&c);
}

/* Of a part whose body is written otherwise, or whose parts are. */
static void
put_header(struct seven *s, const struct mime_part *part)
{
	static const char *const words[] = {
	    [HOW_QUOTED] = "quoted-printable", [HOW_BASE64] = "base64"};
	bool root = part->parent == MIME_NO_PART || part->nested;
	struct header h = {
	    .keep = s->how == HOW_AS_IS && says(s, part, "7bit")};

	copy_header(s, part, &h);
	if (s->how == HOW_QUOTED || s->how == HOW_BASE64) {
		/* RFC 2045 4; RFC 1428 2 */
		if (root && !h.version)
			puts_(s, "MIME-Version: 1.0\r\n");
		if (root &&
		    mime_message_field(&s->m, part, MIME_TYPE).p == NULL)
			puts_(s, "Content-Type: text/plain; "
				 "charset=unknown-8bit\r\n");
		puts_(s, "Content-Transfer-Encoding: ");
		puts_(s, words[s->how]);
		puts_(s, "\r\n");
		puts_(s, h.blank ? "" : "\r\n");
	}
	each(s, part->body.file, take_as_is); /* the empty line */
	/* what is to be said of the message in it is said of no other */
	if (part->kind == MIME_MESSAGE && !h.blank)
		puts_(s, "\r\n");
}

static void
put_leaf(struct seven *s, const struct mime_part *part)
{
	s->column = 0;
	s->cr = false;
	s->held = 0;
	s->n_group = 0;
	if (s->how == HOW_QUOTED) {
		each(s, part->end.file, take_quoted);
		end_quoted(s);
	} else if (s->how == HOW_BASE64) {
		each(s, part->end.file, take_base64);
		if (s->n_group > 0)
			put_group(s);
	} else {
		each(s, part->end.file,
		    s->how == HOW_AS_IS ? take_as_is : take_mend);
	}
}

/* False: it cannot be written so. */
static bool
put_part(struct seven *s, const struct mime_part *part)
{
	struct span type = mime_message_field(&s->m, part, MIME_TYPE);
	bool leaf = part->kind == MIME_LEAF;

	each(s, part->header.file, take_unread);
	s->how = HOW_AS_IS;
	if (leaf)
		s->how =
		    how_of(s, part, count(s, part->body.file, part->end.file),
			part->end.file - part->body.file);
	else if (part->kind == MIME_MULTIPART && !span_is_ascii(type))
		return false; /* its boundary, perhaps */
	if (s->how == HOW_NOT)
		return false;
	if (leaf && s->how != HOW_QUOTED && s->how != HOW_BASE64)
		each(s, part->body.file, take_as_is);
	else
		put_header(s, part);
	if (leaf)
		put_leaf(s, part);
	return true;
}

/* Is there nothing beyond ASCII but in headers? */
static bool
is_seven(struct seven *s, uint64_t size)
{
	uint64_t eight = count(s, 0, size);

	for (uint32_t i = 0; i < s->m.n; i++)
		eight -= count(
		    s, s->m.parts[i].header.file, s->m.parts[i].body.file);
	return eight == 0;
}

enum rc
mime_seven(const struct mime_source *source, uint64_t size,
    mime_seven_write *write, void *ctx, struct why *why)
{
	struct seven s = {.source = source, .write = write, .ctx = ctx};
	enum rc rc = mime_message_parse(&s.m, source, size, why);
	bool ok = true;

	if (rc != RC_OK)
		return rc;
	buf_init(&s.out, OUT_MAX);
	if (is_seven(&s, size))
		each(&s, size, take_as_is);
	for (uint32_t i = 0; s.at < size && i < s.m.n && ok && !s.failed; i++)
		ok = put_part(&s, &s.m.parts[i]);
	if (ok)
		each(&s, size, take_unread);
	if (ok)
		flush(&s);
	if (s.failed)
		rc = why_sys(why, RC_TEMP, "4.3.0", "convert the message");
	else if (!ok)
		rc = why_set(why, RC_PERM, "5.6.3",
		    "the message cannot be converted to seven bits");
	mime_message_fini(&s.m);
	buf_fini(&s.out);
	return rc;
}

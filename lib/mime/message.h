/*
 * A message taken apart: its tree of parts, found in one pass over the source
 * in bounded memory (about 200 kB, a point each 64 kB, 300 bytes a part and
 * MIME_TEXT_MAX of header text) and in linear time. Nothing in a message makes
 * it fail; what is wrong degrades:
 *
 * - no or a malformed Content-Type: text/plain (RFC 2045 5.2), in a digest
 *   message/rfc822 (RFC 2046 5.1.5);
 * - a multipart without boundary or in which its boundary never comes, and a
 *   composite part beyond the bounds: a text/plain leaf, so that its text is
 *   still shown and every multipart has a part, as IMAP's grammar wants;
 * - a delimiter is "--", a whole boundary, white space (RFC 2046 5.1.1: no
 *   prefix counts): that of the innermost open multipart that has it. It ends
 *   all that is inside. It is seen in a part's header too;
 * - the line end before a delimiter is the delimiter's, but where it ends a
 *   header line or the empty line behind the header;
 * - a part, or message, whose first line is no field (nor an mbox's "From ")
 *   has no header; otherwise a header ends at an empty line, or in front of a
 *   line that begins with "--" and is no field.
 *
 * Sizes, and offsets called view, count every line end as CRLF. Lines count
 * line ends, as Dovecot does. Pure, fuzzed.
 */
#ifndef LIB_MIME_MESSAGE_H
#define LIB_MIME_MESSAGE_H

#include "lib/base/buf.h"
#include "lib/base/why.h"
#include "lib/mime/field.h"
#include "lib/mime/index.h"

/* bounds: parts inside one another, parts, text kept of all headers */
#define MIME_DEPTH_MAX 64
#define MIME_PARTS_MAX 10000
#define MIME_TEXT_MAX  ((size_t)2 << 20)
/* longer boundaries are none (RFC 2046 allows 70) */
#define MIME_BOUNDARY_MAX 2000

#define MIME_NO_PART      UINT32_MAX

enum mime_kind {
	MIME_LEAF,
	MIME_MULTIPART, /* has children */
	MIME_MESSAGE,   /* message/rfc822: one child, the message inside */
};

/* A place in the file and, the same place, in the view. */
struct mime_place {
	uint64_t file;
	uint64_t view;
	uint64_t line; /* line ends in front of it */
};

struct mime_part {
	enum mime_kind kind;
	bool plain;  /* shown as text/plain, whatever its header says */
	bool digest; /* a child without a type is a message */
	bool nested; /* a message's root: the child of a MIME_MESSAGE */
	uint32_t parent;
	uint32_t child; /* the first, or MIME_NO_PART; likewise: */
	uint32_t last;
	uint32_t next;
	uint32_t children;
	uint32_t depth; /* 0: the message itself */
	struct mime_place header;
	struct mime_place body; /* the header's end */
	struct mime_place end;  /* the body's end */
	struct {
		uint32_t at; /* in the message's text */
		uint32_t n;  /* UINT32_MAX: no such field */
	} fields[MIME_NAMES];
};

struct mime_message {
	struct mime_part *parts; /* parts[0] is the message itself */
	uint32_t n;
	uint32_t cap;
	uint64_t size; /* octets (RFC822.SIZE) */
	struct mime_index index;
	struct buf text;
};

/*
 * Take `size` bytes of the source apart (fewer, when it ends before). RC_TEMP
 * when it cannot be read: *m is then empty, and may be released all the same.
 * The source is not kept.
 */
enum rc mime_message_parse(struct mime_message *m,
    const struct mime_source *source, uint64_t size, struct why *why);
void mime_message_fini(struct mime_message *m);

/*
 * Value of a field of the part's header, unfolded and trimmed; p is NULL when
 * there is none. Of addresses (From to Bcc) all fields of that name, joined by
 * commas; else the first. Borrowed from the message.
 */
struct span mime_message_field(const struct mime_message *m,
    const struct mime_part *part, enum mime_name name);
/*
 * Type and subtype as they are shown; *rest is the value with parameters, for
 * mime_content_param, or SPAN_NONE when a default stands for it. Borrowed.
 */
void mime_message_type(const struct mime_message *m,
    const struct mime_part *part, struct span *type, struct span *subtype,
    struct span *rest);

static inline uint64_t
mime_part_header_size(const struct mime_part *p)
{
	return p->body.view - p->header.view;
}

static inline uint64_t
mime_part_body_size(const struct mime_part *p)
{
	return p->end.view - p->body.view;
}

static inline uint64_t
mime_part_lines(const struct mime_part *p)
{
	return p->end.line - p->body.line;
}

#endif

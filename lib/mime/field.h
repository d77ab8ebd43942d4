/*
 * Header fields. An iterator over any header of a source, for HEADER.FIELDS
 * and SEARCH; and the names that ENVELOPE and BODYSTRUCTURE are made from. A
 * line that is neither field nor continuation (an mbox "From " line, text at
 * the left margin) is given as a field without a name: it does not end the
 * header (Dovecot has it so, too). Pure, fuzzed.
 */
#ifndef LIB_MIME_FIELD_H
#define LIB_MIME_FIELD_H

#include "lib/base/buf.h"
#include "lib/mime/cursor.h"

/* a field's unfolded value that is kept; the rest is only counted */
#define MIME_FIELD_MAX MIME_LINE_MAX

enum mime_name {
	MIME_DATE,
	MIME_SUBJECT,
	MIME_FROM,
	MIME_SENDER,
	MIME_REPLY_TO,
	MIME_TO,
	MIME_CC,
	MIME_BCC,
	MIME_IN_REPLY_TO,
	MIME_MESSAGE_ID,
	MIME_TYPE,
	MIME_ID,
	MIME_DESCRIPTION,
	MIME_ENCODING,
	MIME_DISPOSITION,
	MIME_LANGUAGE,
	MIME_LOCATION,
	MIME_MD5,
	MIME_NAMES, /* how many; none of them */
};

/* Which of them has this name (any case), or MIME_NAMES. */
enum mime_name mime_field_name(struct span name);
/*
 * Where the value begins in a field's first line, *name set to its name
 * (RFC 5322 2.2, white space before the colon allowed); 0 when the line is no
 * field's.
 */
size_t mime_field_split(struct span line, struct span *name);
/* Append a line of a value, NUL as 0x80 (RFC 3501 has no NUL; as Dovecot). */
void mime_field_put(struct buf *b, struct span text);

struct mime_field {
	struct span name;  /* empty: no field */
	struct span value; /* unfolded, not trimmed; at most MIME_FIELD_MAX */
	uint64_t at;       /* file offset of its first line */
	uint64_t end;      /* file offset behind its last line */
	uint64_t size;     /* with every line end CRLF */
};

struct mime_fields {
	struct mime_cursor cursor;
	struct buf text;
	bool done;
};

/* Fields of the header at file offsets [at, end); the source is borrowed. */
void mime_fields_init(struct mime_fields *f, const struct mime_source *source,
    uint64_t at, uint64_t end);
void mime_fields_fini(struct mime_fields *f);
/*
 * The next field, borrowed until the next call; false at the end (an empty
 * line or the end of the range) and when the source failed (cursor.failed).
 */
bool mime_fields_next(struct mime_fields *f, struct mime_field *field);

#endif

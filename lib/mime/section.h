/*
 * BODY[section]<partial> (RFC 3501 6.4.5): what stands between the brackets,
 * and the ranges of the message that it means. Ranges are of the view, with
 * every line end CRLF, so that their sum is the literal's length before a byte
 * of it is read; reader.h reads them. Pure, fuzzed.
 */
#ifndef LIB_MIME_SECTION_H
#define LIB_MIME_SECTION_H

#include "lib/mime/message.h"

/* bounds: numbers, field names, ranges (fields apart from one another) */
#define MIME_SECTION_DEPTH  (MIME_DEPTH_MAX + 1)
#define MIME_SECTION_FIELDS 256
#define MIME_RANGES_MAX     65536

enum mime_section_what {
	MIME_SECTION_ALL,
	MIME_SECTION_HEADER,
	MIME_SECTION_TEXT,
	MIME_SECTION_MIME,
	MIME_SECTION_FIELDS_ONLY,
	MIME_SECTION_FIELDS_NOT,
};

struct mime_section {
	uint32_t path[MIME_SECTION_DEPTH];
	unsigned path_n;
	enum mime_section_what what;
	struct span names[MIME_SECTION_FIELDS]; /* in `text` */
	size_t names_n;
	struct buf text;
};

/*
 * Parse a section-spec: "", "1.2", "1.MIME", "HEADER.FIELDS (a "b" {1}\r\nc)",
 * any case. False when it is none, or beyond the bounds; *s may be released in
 * any case.
 */
bool mime_section_parse(struct mime_section *s, struct span spec);
void mime_section_fini(struct mime_section *s);

struct mime_range {
	uint64_t at; /* in the view */
	uint64_t n;
};

struct mime_ranges {
	struct mime_range *v; /* ascending, none empty, none adjacent */
	size_t n;
	size_t cap;
	uint64_t size; /* of all */
};

/* The part at `path`, or NULL. A message that is no multipart has part 1. */
const struct mime_part *mime_section_part(
    const struct mime_message *m, const uint32_t *path, unsigned n);
/*
 * What the section means in this message, into *r (which this initialises).
 * RC_PERM when the message has no such part, or the part no such section: NIL.
 * HEADER.FIELDS and .NOT scan the header in `source`: RC_TEMP when it cannot be
 * read. They keep fields as they are, in order, and end with the empty line if
 * the header has one; beyond MIME_RANGES_MAX pieces fields are left out.
 */
enum rc mime_section_find(const struct mime_section *s,
    const struct mime_message *m, const struct mime_source *source,
    struct mime_ranges *r, struct why *why);
/* Keep `n` bytes from `origin` on (<origin.n>); fewer where it ends. */
void mime_ranges_cut(struct mime_ranges *r, uint64_t origin, uint64_t n);
void mime_ranges_fini(struct mime_ranges *r);

#endif

/*
 * Reads ranges of the view: the file's bytes with every line end as CRLF and
 * NUL as 0x80 (an IMAP4rev1 literal has no NUL; so does Dovecot), in as small
 * pieces as asked for, in 16 kB of memory. To begin a range costs a scan from
 * the index's last point before it (at most its step, 64 kB, further), or from
 * where the reader stands if that is nearer; without an index from the file's
 * beginning. Pure, fuzzed.
 */
#ifndef LIB_MIME_READER_H
#define LIB_MIME_READER_H

#include "lib/base/why.h"
#include "lib/mime/section.h"

#define MIME_READER_CHUNK 16384

struct mime_reader {
	const struct mime_source *source;
	const struct mime_index *index;
	const struct mime_ranges *ranges;
	size_t range;  /* at hand */
	uint64_t done; /* bytes of it */
	uint64_t file; /* file offset of chunk[pos] */
	uint64_t view; /* the next byte's offset in the view */
	bool cr;       /* a CR was the byte before in the file */
	bool owed;     /* the CR of an LF is given, the LF is not */
	size_t pos;
	size_t n;
	char chunk[MIME_READER_CHUNK];
};

/* All arguments are borrowed; index may be NULL. */
void mime_reader_init(struct mime_reader *r, const struct mime_source *source,
    const struct mime_index *index, const struct mime_ranges *ranges);
/*
 * Up to n bytes (n > 0) into `to`; *got is 0 only at the end. RC_TEMP when the
 * source failed, or became shorter than it was.
 */
enum rc mime_reader_read(
    struct mime_reader *r, char *to, size_t n, size_t *got, struct why *why);

#endif

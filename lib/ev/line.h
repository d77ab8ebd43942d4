/*
 * Cuts input into the lines of a text protocol, which end in CRLF and in
 * nothing else. A line that is too long is thrown away to its end, however
 * long that is, and told once. Pure, fuzzed.
 */
#ifndef LIB_EV_LINE_H
#define LIB_EV_LINE_H

#include <stdbool.h>

#include "lib/base/span.h"

struct line {
	size_t max;      /* bytes before the CRLF */
	bool discarding; /* within a line that is too long */
};

enum line_kind {
	LINE_NONE,     /* more input is needed */
	LINE_WHOLE,    /* *text is a line without its CRLF */
	LINE_TOO_LONG, /* one has ended, and is gone */
};

/*
 * Look at the input's first line. *used says how many bytes to take away (with
 * LINE_NONE too); *text borrows from `in`. Less than max + 2 bytes are left
 * behind LINE_NONE.
 */
enum line_kind line_next(
    struct line *l, struct span in, struct span *text, size_t *used);

/* Bare CR, bare LF or NUL: others may see another end of the line than we. */
bool line_is_clean(struct span text);

#endif

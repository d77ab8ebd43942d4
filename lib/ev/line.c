/*
 * Lines of a text protocol: see line.h.
 */
#include "lib/ev/line.h"
#include "lib/base/banned.h"

/* Where the first CRLF of `in` begins; in.n: there is none. */
static size_t
find_crlf(struct span in)
{
	for (size_t i = 0; i < in.n; i++) {
		const char *p = memchr(in.p + i, '\r', in.n - i);

		if (p == NULL)
			break;
		i = (size_t)(p - in.p);
		if (span_at(in, i + 1) == '\n')
			return i;
	}
	return in.n;
}

enum line_kind
line_next(struct line *l, struct span in, struct span *text, size_t *used)
{
	size_t end = find_crlf(in);
	bool fits = end <= l->max && !l->discarding;

	*text = SPAN_NONE;
	*used = 0;
	if (end < in.n) {
		*used = end + 2;
		l->discarding = false;
		if (fits)
			*text = span_head(in, end);
		return fits ? LINE_WHOLE : LINE_TOO_LONG;
	}
	/* keep a last CR: its LF may be on the way */
	if (in.n > l->max + 1 || (l->discarding && in.n > 1)) {
		l->discarding = true;
		*used = in.n - 1;
	}
	return LINE_NONE;
}

bool
line_is_clean(struct span text)
{
	return span_find(text, '\r') == text.n &&
	       span_find(text, '\n') == text.n &&
	       span_find(text, '\0') == text.n;
}

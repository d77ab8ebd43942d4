/*
 * The lexical tokens of structured header fields (RFC 5322 3.2, RFC 2045 5.1)
 * on unfolded text, read leniently: what is not closed ends with the text.
 * Every step moves forward, so reading a field is linear. Pure, fuzzed.
 */
#ifndef LIB_MIME_LEX_H
#define LIB_MIME_LEX_H

#include "lib/base/buf.h"

struct mime_lex {
	struct span in;
	size_t at;
};

static inline int
mime_lex_peek(const struct mime_lex *x)
{
	return span_at(x->in, x->at);
}

/* What was read since the cursor stood at `start`. */
static inline struct span
mime_lex_since(const struct mime_lex *x, size_t start)
{
	return span_head(span_from(x->in, start), x->at - start);
}

static inline bool
mime_lex_is_wsp(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/*
 * Skip white space and comments (RFC 5322 3.2.2). Unless `comment` is NULL it
 * is set to what stands in the last comment, parentheses taken off, backslashes
 * left in; it stays as it is when there was none. True when anything was
 * skipped.
 */
bool mime_lex_cfws(struct mime_lex *x, struct span *comment);
/* The token (RFC 2045 5.1) at the cursor; empty when there is none. */
struct span mime_lex_token(struct mime_lex *x);
/*
 * The quoted-string at the cursor, which stands on its '"', appended to `out`
 * (borrowed; may be NULL) without quotes and backslashes.
 */
void mime_lex_quoted(struct mime_lex *x, struct buf *out);
/* Append s without the backslashes of its quoted-pairs. */
void mime_lex_unescape(struct buf *out, struct span s);

#endif

/*
 * A borrowed piece of text or bytes: pointer and length, not NUL-terminated,
 * never written through. All input is read as spans.
 */
#ifndef LIB_BASE_SPAN_H
#define LIB_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *p;
	size_t n;
};

#define SPAN_NONE   ((struct span){NULL, 0})
#define SPAN_LIT(s) ((struct span){"" s, sizeof(s) - 1})
#define SPAN_FMT    "%.*s"
#define SPAN_ARG(s) ((int)((s).n > 512 ? 512 : (s).n)), ((s).p ? (s).p : "")

static inline struct span
span_of(const char *s)
{
	return (struct span){s, s == NULL ? 0 : strlen(s)};
}

static inline struct span
span_make(const void *p, size_t n)
{
	return (struct span){p, n};
}

/* Byte at i, or -1 past the end. */
static inline int
span_at(struct span s, size_t i)
{
	return i < s.n ? (unsigned char)s.p[i] : -1;
}

/* The rest from byte i on (empty when i is past the end). */
static inline struct span
span_from(struct span s, size_t i)
{
	return i < s.n ? (struct span){s.p + i, s.n - i} : SPAN_NONE;
}

/* The first i bytes at most. */
static inline struct span
span_head(struct span s, size_t i)
{
	return (struct span){s.p, i < s.n ? i : s.n};
}

bool span_eq(struct span a, struct span b);
/* ASCII letters compare without case; other bytes as they are. */
bool span_eq_ci(struct span a, struct span b);
bool span_starts(struct span s, struct span prefix);
bool span_starts_ci(struct span s, struct span prefix);
/* No byte above 0x7f. */
bool span_is_ascii(struct span s);
/* Byte order, shorter first: <0, 0, >0. */
int span_cmp(struct span a, struct span b);

/* Index of the first (last) byte c, or s.n when there is none. */
size_t span_find(struct span s, char c);
size_t span_rfind(struct span s, char c);

/* Without spaces and tabs at both ends. */
struct span span_trim(struct span s);

/*
 * Cut at the first c: what stands before it is returned, *s becomes what
 * stands behind it. Without c all of *s is returned and *s becomes SPAN_NONE
 * with p == NULL, so `while (s.p != NULL)` visits every piece.
 */
struct span span_cut(struct span *s, char c);

/* NUL-terminated copy on the heap, owned by the caller. */
char *span_dup(struct span s);

/*
 * Copy into a fixed array as a C string. False, with dst empty, when it does
 * not fit or holds a NUL.
 */
bool span_copy(struct span s, char *dst, size_t dst_size);

#endif

/*
 * Growing bytes with a maximum. Running over the maximum is not an error at
 * each put: it is remembered in `over`, and checked once where it matters.
 */
#ifndef LIB_BASE_BUF_H
#define LIB_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/span.h"

struct buf {
	char *p;
	size_t n;   /* bytes used */
	size_t cap; /* bytes allocated */
	size_t max; /* bytes allowed */
	bool over;  /* something did not fit and was left out whole */
};

/* An embedded buffer that will never hold more than max bytes. */
void buf_init(struct buf *b, size_t max);
/* Release; the buffer is empty and usable again with the same maximum. */
void buf_fini(struct buf *b);
/* Empty, keeping the memory; clears `over`. */
void buf_clear(struct buf *b);

/* Append. False, with `over` set and nothing added, when it does not fit. */
bool buf_put(struct buf *b, const void *p, size_t n);
bool buf_puts(struct buf *b, const char *s);
bool buf_putc(struct buf *b, char c);
bool buf_put_span(struct buf *b, struct span s);
/* Decimal digits. */
bool buf_put_u64(struct buf *b, uint64_t number);
/* The same, the last `width` (at most 20) of them, with leading zeros. */
bool buf_put_padded(struct buf *b, uint64_t number, unsigned width);
bool buf_putf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
bool buf_vputf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* Room for n more bytes behind b->n, or NULL; the caller then adds to b->n. */
char *buf_reserve(struct buf *b, size_t n);
/* Drop the first n bytes (all, when there are fewer). */
void buf_drop(struct buf *b, size_t n);

/* Borrowed until the next change. */
static inline struct span
buf_span(const struct buf *b)
{
	return (struct span){b->p, b->n};
}

/* The same as a C string; borrowed; never NULL. */
const char *buf_cstr(struct buf *b);

#endif

/*
 * Growing bytes with a maximum: see buf.h. Invariant: n <= max and
 * n < cap whenever p != NULL, so a terminating NUL always fits.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

#define FIRST_CAP 64

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_fini(struct buf *b)
{
	free(b->p);
	*b = (struct buf){.max = b->max};
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
	b->over = false;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	size_t cap = b->cap;

	if (n > b->max - b->n) {
		b->over = true;
		return NULL;
	}
	if (b->n + n + 1 > cap) {
		cap = cap == 0 ? FIRST_CAP : cap;
		while (cap < b->n + n + 1)
			cap *= 2;
		b->p = mem_grow(b->p, cap);
		b->cap = cap;
	}
	return b->p + b->n;
}

bool
buf_put(struct buf *b, const void *p, size_t n)
{
	char *to = buf_reserve(b, n);

	if (to == NULL)
		return false;
	if (n > 0)
		memcpy(to, p, n);
	b->n += n;
	return true;
}

bool
buf_puts(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

bool
buf_putc(struct buf *b, char c)
{
	return buf_put(b, &c, 1);
}

bool
buf_put_span(struct buf *b, struct span s)
{
	return buf_put(b, s.p, s.n);
}

bool
buf_vputf(struct buf *b, const char *fmt, va_list ap)
{
	size_t room = b->p == NULL ? 0 : b->cap - b->n;
	va_list again;
	char *to;
	int n;

	/* mostly there is room: once is enough then. Behind b->n nothing is
	 * anybody's */
	va_copy(again, ap);
	n = vsnprintf(room > 0 ? b->p + b->n : NULL, room, fmt, again);
	va_end(again);
	if (n < 0)
		bug("bad format");
	to = buf_reserve(b, (size_t)n);
	if (to == NULL)
		return false;
	if ((size_t)n >= room)
		(void)vsnprintf(to, (size_t)n + 1, fmt, ap); /* length known */
	b->n += (size_t)n;
	return true;
}

bool
buf_put_padded(struct buf *b, uint64_t number, unsigned width)
{
	char text[20];

	for (size_t i = sizeof(text); i-- > 0; number /= 10)
		text[i] = (char)('0' + number % 10);
	return buf_put(b, text + sizeof(text) - width, width);
}

bool
buf_put_u64(struct buf *b, uint64_t number)
{
	unsigned width = 1;

	for (uint64_t rest = number; rest >= 10; rest /= 10)
		width++;
	return buf_put_padded(b, number, width);
}

bool
buf_putf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	bool fits;

	va_start(ap, fmt);
	fits = buf_vputf(b, fmt, ap);
	va_end(ap);
	return fits;
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

const char *
buf_cstr(struct buf *b)
{
	if (b->p == NULL) {
		b->p = mem_alloc(FIRST_CAP);
		b->cap = FIRST_CAP;
	}
	b->p[b->n] = '\0';
	return b->p;
}

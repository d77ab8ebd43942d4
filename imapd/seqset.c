/*
 * Sequence sets: see seqset.h.
 */
#include <stdlib.h>

#include "imapd/seqset.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

void
seqset_init(struct seqset *s)
{
	*s = (struct seqset){0};
}

void
seqset_fini(struct seqset *s)
{
	free(s->v);
	*s = (struct seqset){0};
}

static void
push(struct seqset *s, uint32_t from, uint32_t to)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 8 : s->cap * 2;
		s->v = mem_grow(s->v, s->cap * sizeof(*s->v));
	}
	s->v[s->n++] = (struct seqset_range){from, to};
}

static int
compare(const void *va, const void *vb)
{
	const struct seqset_range *a = va, *b = vb;

	return a->from < b->from ? -1 : a->from > b->from;
}

/* In order, and what touches becomes one. */
static void
normalise(struct seqset *s)
{
	size_t kept = 0;

	if (s->n < 2)
		return;
	qsort(s->v, s->n, sizeof(*s->v), compare);
	for (size_t i = 1; i < s->n; i++) {
		struct seqset_range *last = &s->v[kept];

		if (last->to == UINT32_MAX || s->v[i].from <= last->to + 1) {
			if (s->v[i].to > last->to)
				last->to = s->v[i].to;
		} else {
			s->v[++kept] = s->v[i];
		}
	}
	s->n = kept + 1;
}

static uint32_t
number(struct span text, uint32_t last)
{
	uint64_t n;

	if (span_eq(text, SPAN_LIT("*")))
		return last;
	return num_u64_padded(text, &n) && n <= UINT32_MAX ? (uint32_t)n : 0;
}

void
seqset_parse(struct seqset *s, struct span text, uint32_t last)
{
	while (text.p != NULL) {
		struct span range = span_cut(&text, ',');
		struct span from = span_cut(&range, ':');
		uint32_t a = number(from, last);
		uint32_t b = range.p == NULL ? a : number(range, last);

		if (a == 0 || b == 0)
			continue; /* `*` where there is nothing */
		push(s, a < b ? a : b, a < b ? b : a);
	}
	normalise(s);
}

void
seqset_add(struct seqset *s, uint32_t n)
{
	if (s->n > 0 && s->v[s->n - 1].to + 1 == n)
		s->v[s->n - 1].to = n;
	else
		push(s, n, n);
}

/* The first range that ends at n or behind it; s->n: none. */
static size_t
find(const struct seqset *s, uint32_t n)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->v[mid].to < n)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
seqset_has(const struct seqset *s, uint32_t n)
{
	size_t i = find(s, n);

	return i < s->n && s->v[i].from <= n;
}

uint32_t
seqset_next(const struct seqset *s, uint32_t n)
{
	size_t i = find(s, n);

	if (i == s->n)
		return 0;
	return s->v[i].from > n ? s->v[i].from : n;
}

uint32_t
seqset_last(const struct seqset *s)
{
	return s->n == 0 ? 0 : s->v[s->n - 1].to;
}

void
seqset_put(const struct seqset *s, struct buf *b)
{
	for (size_t i = 0; i < s->n; i++) {
		buf_putf(b, "%s%u", i == 0 ? "" : ",", s->v[i].from);
		if (s->v[i].to > s->v[i].from)
			buf_putf(b, ":%u", s->v[i].to);
	}
}

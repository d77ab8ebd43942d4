/*
 * Records in memory: see records.h.
 */
#include <stdlib.h>

#include "lib/addr/beyond.h"
#include "lib/addr/path.h"
#include "lib/base/mem.h"
#include "lib/directory/records.h"
#include "lib/base/banned.h"

#define TEXT_MAX (SIZE_MAX / 4)

void
records_init(struct records *r)
{
	*r = (struct records){.n = 0};
	buf_init(&r->text, TEXT_MAX);
}

void
records_fini(struct records *r)
{
	buf_fini(&r->text);
	free(r->v);
	*r = (struct records){.n = 0};
}

struct span
records_key(const struct records *r, const struct record *at)
{
	return span_make(r->text.p + at->key, at->n_key);
}

struct span
records_value(const struct records *r, const struct record *at)
{
	return span_make(r->text.p + at->value, at->n_value);
}

void
records_add(struct records *r, char kind, struct span key, struct span value,
    unsigned line)
{
	struct span local, domain = SPAN_NONE;
	struct record *at;

	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 1024 : r->cap * 2;
		r->v = mem_grow(r->v, r->cap * sizeof(*r->v));
	}
	at = &r->v[r->n++];
	*at = (struct record){.key = r->text.n, .line = line};
	/* memory ends before its maximum: there is room for all */
	(void)buf_putc(&r->text, kind);
	if (kind == 'k')
		local = SPAN_NONE; /* no address */
	else if (!addr_split(key, &local, &domain))
		local = kind == 'b' ? key : SPAN_NONE;
	(void)addr_beyond_fold(local, &r->text);
	(void)buf_put_span(&r->text, span_from(key, local.n));
	at->n_key = r->text.n - at->key;
	at->value = r->text.n;
	at->n_value = value.n;
	(void)buf_put_span(&r->text, value);
}

static int
by_key(const void *va, const void *vb, void *arg)
{
	const struct record *a = va, *b = vb;
	int d = span_cmp(records_key(arg, a), records_key(arg, b));

	if (d != 0)
		return d;
	return a->line < b->line ? -1 : a->line > b->line;
}

void
records_sort(struct records *r)
{
	qsort_r(r->v, r->n, sizeof(*r->v), by_key, r);
}

/* As records_sort() orders them. */
static int
compare(struct span key, char kind, struct span rest)
{
	if (key.p[0] != kind)
		return key.p[0] < kind ? -1 : 1;
	return span_cmp(span_from(key, 1), rest);
}

const struct record *
records_find(const struct records *r, char kind, struct span key)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(records_key(r, &r->v[mid]), kind, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	/* the first of several; the others are out */
	if (low == r->n || r->v[low].out ||
	    compare(records_key(r, &r->v[low]), kind, key) != 0)
		return NULL;
	return &r->v[low];
}

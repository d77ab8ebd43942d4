/*
 * The sparse index: see index.h.
 */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/mime/index.h"
#include "lib/base/banned.h"

#define STEP_MIN   65536
#define POINTS_MAX 16384

void
mime_index_init(struct mime_index *x, uint64_t size)
{
	*x = (struct mime_index){.step = STEP_MIN};
	if (size / POINTS_MAX > x->step)
		x->step = size / POINTS_MAX;
}

void
mime_index_fini(struct mime_index *x)
{
	free(x->points);
	*x = (struct mime_index){.step = x->step};
}

static void
add(struct mime_index *x, uint64_t file, uint64_t view)
{
	if (x->n == x->cap) {
		x->cap = x->cap == 0 ? 4 : x->cap * 2;
		x->points = mem_grow(x->points, x->cap * sizeof(*x->points));
	}
	x->points[x->n++] = (struct mime_point){file, view};
}

void
mime_index_line(
    struct mime_index *x, const struct mime_line *line, uint64_t view)
{
	if (x->n == 0)
		add(x, line->at, view);
	for (;;) {
		uint64_t next = x->points[x->n - 1].file + x->step;
		uint64_t in = next > line->at ? next - line->at : 0;

		/* only content: a line end is one thing */
		if (in >= line->len + (line->len == 0))
			return;
		add(x, line->at + in, view + in);
	}
}

struct mime_point
mime_index_find(const struct mime_index *x, uint64_t view)
{
	size_t low = 0;
	size_t high = x->n;

	if (x->n == 0)
		return (struct mime_point){0, 0};
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (x->points[mid].view <= view)
			low = mid;
		else
			high = mid;
	}
	return x->points[low];
}

/*
 * The reader: see reader.h.
 */
#include "lib/mime/reader.h"
#include "lib/base/banned.h"

void
mime_reader_init(struct mime_reader *r, const struct mime_source *source,
    const struct mime_index *index, const struct mime_ranges *ranges)
{
	/* the chunk is filled before it is read */
	r->source = source;
	r->index = index;
	r->ranges = ranges;
	r->range = 0;
	r->done = 0;
	r->file = 0;
	r->view = 0;
	r->cr = false;
	r->owed = false;
	r->pos = 0;
	r->n = 0;
}

/* Something in the chunk, or RC_TEMP. */
static enum rc
fill(struct mime_reader *r, struct why *why)
{
	ssize_t got;

	if (r->pos < r->n)
		return RC_OK;
	got = r->source->read(
	    r->source->arg, r->file, r->chunk, sizeof(r->chunk));
	if (got < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "read the message");
	if (got == 0)
		return why_set(
		    why, RC_TEMP, "4.3.0", "the message's file became shorter");
	r->pos = 0;
	r->n = (size_t)got;
	return RC_OK;
}

/* Bytes of the view from the chunk, which is not empty; `to` may be NULL. */
static size_t
convert(struct mime_reader *r, char *to, size_t max)
{
	const char *from = r->chunk + r->pos;
	size_t n = r->n - r->pos;
	bool bare;

	if (n > max)
		n = max;
	if (from[0] != '\n') {
		const char *lf = memchr(from, '\n', n);

		n = lf != NULL ? (size_t)(lf - from) : n;
		if (to != NULL)
			memcpy(to, from, n);
		r->cr = from[n - 1] == '\r';
		r->pos += n;
		r->file += n;
		return n;
	}
	bare = !r->cr && !r->owed;
	if (to != NULL)
		to[0] = bare ? '\r' : '\n';
	r->owed = bare;
	if (!bare) {
		r->cr = false;
		r->pos++;
		r->file++;
	}
	return 1;
}

static void
hide_nul(char *p, size_t n)
{
	char *nul;

	while (n > 0 && (nul = memchr(p, '\0', n)) != NULL) {
		*nul = '\x80';
		n -= (size_t)(nul - p) + 1;
		p = nul + 1;
	}
}

/* To `view`: forward, or by way of the index. */
static enum rc
seek(struct mime_reader *r, uint64_t view, struct why *why)
{
	struct mime_point from = {0, 0};

	if (r->view == view)
		return RC_OK;
	if (r->index != NULL)
		from = mime_index_find(r->index, view);
	if (from.view > r->view || view < r->view) {
		r->file = from.file;
		r->view = from.view;
		r->cr = false; /* at a point no LF waits for its CR */
		r->owed = false;
		r->pos = r->n = 0;
	}
	while (r->view < view) {
		uint64_t left = view - r->view;
		enum rc rc = fill(r, why);

		if (rc != RC_OK)
			return rc;
		r->view +=
		    convert(r, NULL, left < SIZE_MAX ? (size_t)left : SIZE_MAX);
	}
	return RC_OK;
}

enum rc
mime_reader_read(
    struct mime_reader *r, char *to, size_t n, size_t *got, struct why *why)
{
	enum rc rc = RC_OK;

	*got = 0;
	while (*got < n && r->range < r->ranges->n) {
		const struct mime_range *v = &r->ranges->v[r->range];
		uint64_t left = v->n - r->done;
		size_t max = n - *got;
		size_t step;

		rc = seek(r, v->at + r->done, why);
		if (rc == RC_OK)
			rc = fill(r, why);
		if (rc != RC_OK)
			return rc;
		step = convert(r, to + *got, left < max ? (size_t)left : max);
		r->view += step;
		r->done += step;
		*got += step;
		if (r->done == v->n) {
			r->range++;
			r->done = 0;
		}
	}
	hide_nul(to, *got);
	return rc;
}

/*
 * A run over the history's files: see history_take.h. Each step does one thing
 * that takes long, and finds out anew what that is.
 */
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "qmgr/history_take.h"
#include "lib/base/banned.h"

#define PIECE (64U << 10) /* taken in at a time */

struct history_take *
history_take_new(void)
{
	return mem_alloc(sizeof(struct history_take));
}

void
history_take_free(struct history_take **tp)
{
	struct history_take *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	free(t->list.days);
	free(t);
}

/* Its whole lines; a piece without any is none of ours, and passed over. */
static struct span
whole_lines(struct span piece)
{
	size_t last = span_rfind(piece, '\n');

	if (last < piece.n)
		return span_head(piece, last + 1);
	return piece.n == PIECE ? piece : SPAN_NONE;
}

/*
 * Take in a piece of that day. True: there was one. False: all is in, but what
 * may stand behind the last line end: somebody's that is still being written.
 */
static bool
take_piece(struct history_take *t, uint32_t day)
{
	uint64_t upto = history_index_upto(t->job.index, day);
	uint64_t size = history_file_size(t->job.folder, day);
	struct span lines = SPAN_NONE;
	char *piece;
	size_t got;
	bool more;
	int fd;

	if (upto == size)
		return false;
	if (upto > size) {
		/* it is another file: begin anew */
		t->job.rc =
		    history_index_forget(t->job.index, day, &more, &t->job.why);
		return true;
	}
	fd = history_file_open(t->job.folder, day);
	if (fd < 0)
		return false; /* it has just gone, or is not to be read */
	piece = mem_grow(NULL, PIECE);
	if (!io_pread_all(fd, piece, PIECE, (off_t)upto, &got))
		t->job.rc = why_sys(&t->job.why, RC_TEMP, "4.3.0", "history");
	else
		lines = whole_lines(span_make(piece, got));
	if (lines.n > 0)
		t->job.rc = history_index_add(
		    t->job.index, day, upto, lines, &t->job.why);
	free(piece);
	io_close(&fd);
	return lines.n > 0;
}

static bool
is_listed(const struct history_take *t, uint32_t day)
{
	for (size_t i = 0; i < t->list.n; i++)
		if (t->list.days[i] == day)
			return true;
	return false;
}

/* Files of old days; few at a time, since each may be large. True: one went. */
static bool
remove_old(struct history_take *t)
{
	uint32_t day;

	if (t->list.n == 0 || t->list.days[0] >= t->oldest)
		return false;
	day = t->list.days[0];
	memmove(t->list.days, t->list.days + 1,
	    --t->list.n * sizeof(*t->list.days));
	t->left = t->list.n;
	t->job.rc = history_file_remove(t->job.folder, day, &t->job.why);
	return true;
}

/* Of days whose file has gone. True: there was something. */
static bool
forget_gone(struct history_take *t)
{
	uint32_t newest = history_file_day_before(t->today);
	size_t n;
	const uint32_t *days = history_index_days(t->job.index, &n);
	bool more;

	for (size_t i = 0; i < n; i++) {
		/* a new day's may have come behind the listing */
		if (days[i] >= newest || is_listed(t, days[i]))
			continue;
		t->job.rc = history_index_forget(
		    t->job.index, days[i], &more, &t->job.why);
		return true;
	}
	return false;
}

static enum rc
list(struct history_take *t)
{
	enum rc rc = RC_OK;

	if (t->all)
		rc = history_file_list(t->job.folder, &t->list, &t->job.why);
	t->listed = rc == RC_OK;
	t->left = t->list.n;
	return rc;
}

void
history_take_step(struct history_take *t)
{
	t->ended = t->newest_taken = false;
	t->job.rc = RC_OK;
	if (!t->listed)
		t->job.rc = list(t);
	if (t->job.rc != RC_OK)
		return;
	/* new lines are not to wait for the old ones; but for yesterday's */
	if (take_piece(t, history_file_day_before(t->today)) ||
	    take_piece(t, t->today))
		return;
	t->newest_taken = t->job.rc == RC_OK;
	if (t->job.rc != RC_OK || !t->all) {
		t->ended = true;
		return;
	}
	if (remove_old(t) || forget_gone(t))
		return;
	while (t->left > 0) {
		if (take_piece(t, t->list.days[t->left - 1]))
			return;
		t->left--;
	}
	t->ended = t->job.rc == RC_OK;
}

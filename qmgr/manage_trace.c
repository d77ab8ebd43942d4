/*
 * trace: what the history says of an ID, Message-ID, address or client. First
 * it is seen to that all said so far is written and indexed, for a moment; then
 * threads look for stories and read their lines, some at a time, as fast as the
 * caller reads. Stories come in the order in which they began, and of each its
 * lines in theirs; with a limit the newest are counted from the end first. So
 * an address with a million of them costs as much memory as one with ten.
 */
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "qmgr/history.h"
#include "qmgr/history_file.h"
#include "qmgr/manage.h"
#include "lib/base/banned.h"

#define PATIENCE_MS 3000 /* for what has just been said */
#define WAIT_MS     20
#define PAGE        32    /* stories at a time */
#define COUNT       1024  /* likewise, that are only counted */
#define SLICE       64    /* lines of one at a time */
#define READS_MAX   128   /* lines in one job */
#define ROWS_BYTES  65536 /* likewise, from which on it ends */
#define ROWS_MAX    (ROWS_BYTES + 3 * SLICE * HISTORY_LINE_MAX)
#define SINCE_MAX   253402300799000ULL /* the year 9999 */

enum phase {
	PHASE_WAIT,
	PHASE_FIND,
	PHASE_COUNT,
	PHASE_STORIES,
	PHASE_LINES,
	PHASE_GAPS,
	PHASE_END,
};

/* By which of its names it was found. */
enum by {
	BY_ID,
	BY_MESSAGE_ID,
	BY_ADDRESS,
	BY_CLIENT,
	BY_NONE,
};

struct trace {
	struct manage_ask ask;
	struct history_job job;
	enum phase phase;
	uint64_t until;       /* so many lines are to be in the index */
	uint64_t patience_ms; /* monotonic */
	struct span what;     /* as it was asked for; owned */
	struct buf address;   /* in the form in which they are compared */
	uint64_t since_us;
	uint64_t limit;
	/* the threads' */
	enum by by;
	struct history_index_ask stories;
	uint64_t counted;
	bool more; /* there are older ones */
	struct history_index_at *page;
	size_t n_page;
	size_t page_at;
	struct history_index_line from; /* in the story */
	bool is_sender;                 /* of this story is it the sender */
	int fd;
	uint32_t fd_day;
	unsigned reads;
	struct buf rows; /* LF behind each */
	bool gaps;
	bool refusals_counted;
	/* the loop's */
	uint64_t n_rows;
};

/* ---- lines ---- */

static bool
is_address(const struct trace *t, const struct history_line *l, const char *key)
{
	struct buf value, address;
	bool same = false;

	buf_init(&value, HISTORY_LINE_MAX);
	buf_init(&address, HISTORY_VALUE_MAX);
	if (history_line_get(l, key, &value)) {
		history_line_address(buf_span(&value), &address);
		same = span_eq(buf_span(&address), buf_span(&t->address));
	}
	buf_fini(&value);
	buf_fini(&address);
	return same;
}

/* A recipient hears of himself, a sender of all. */
static bool
concerns(struct trace *t, const struct history_line *l)
{
	if (t->by != BY_ADDRESS)
		return true;
	t->is_sender = t->is_sender || is_address(t, l, "from") ||
		       is_address(t, l, "login");
	return t->is_sender || !history_line_has(l, "to") ||
	       is_address(t, l, "to") || is_address(t, l, "account");
}

static void
put_row(struct trace *t, const struct history_line *l)
{
	struct buf value;

	buf_puts(&t->rows, "event=");
	buf_puts(&t->rows, history_line_event(l->event));
	buf_puts(&t->rows, " time=");
	clock_put_rfc3339(&t->rows, l->time_us);
	buf_init(&value, HISTORY_LINE_MAX);
	for (size_t i = 0; i < l->n; i++) {
		buf_clear(&value);
		history_line_value(&l->fields[i], &value);
		buf_putc(&t->rows, ' ');
		buf_put_span(&t->rows, l->fields[i].key);
		buf_putc(&t->rows, '=');
		enc_line(&t->rows, buf_span(&value));
	}
	buf_fini(&value);
	buf_putc(&t->rows, '\n');
}

static bool
open_day(struct trace *t, uint32_t day)
{
	if (t->fd >= 0 && t->fd_day == day)
		return true;
	io_close(&t->fd);
	t->fd = history_file_open(t->job.folder, day);
	t->fd_day = day;
	return t->fd >= 0;
}

/* What is not there any more, or no line of that story, is nothing. */
static void
read_line(struct trace *t, const struct history_index_line *at, struct span id)
{
	char text[HISTORY_LINE_MAX];
	struct history_line l;
	struct span line;
	struct buf own;
	size_t got;

	t->reads++;
	if (!open_day(t, at->day) ||
	    !io_pread_all(t->fd, text, sizeof(text), (off_t)at->at, &got))
		return;
	line = span_make(text, got);
	line = span_head(line, span_find(line, '\n'));
	buf_init(&own, STORE_NAME_MAX);
	if (line.n < got && history_line_parse(line, &l) &&
	    history_line_id(&l, &own) && span_eq(buf_span(&own), id) &&
	    concerns(t, &l) && l.time_us >= t->since_us)
		put_row(t, &l);
	buf_fini(&own);
}

/* Some lines of a story; false: it has no more. */
static bool
read_slice(struct trace *t, struct span id)
{
	struct history_index_line lines[SLICE];
	struct history_index_slice s = {
	    .from = t->from, .out = lines, .n = SLICE};

	t->job.rc = history_index_lines(t->job.index, id, &s, &t->job.why);
	for (size_t i = 0; i < s.n; i++)
		read_line(t, &lines[i], id);
	if (s.n > 0)
		t->from = (struct history_index_line){
		    lines[s.n - 1].day, lines[s.n - 1].at + 1};
	return s.n == SLICE;
}

/* ---- phases, in a thread ---- */

static bool
has_lines(struct trace *t, struct span id, uint32_t since)
{
	struct history_index_line line;
	struct history_index_slice s = {
	    .from = {.day = since}, .out = &line, .n = 1};

	if (t->job.rc == RC_OK && id.n > 0 && id.n <= STORE_NAME_MAX)
		t->job.rc =
		    history_index_lines(t->job.index, id, &s, &t->job.why);
	else
		s.n = 0;
	return s.n > 0;
}

/* Is there any? Then what follows begins at the last of them. */
static bool
has_stories(struct trace *t, enum by by)
{
	struct history_index_at at;
	size_t n = 0;

	t->stories.key = history_index_message_id(t->what);
	if (by == BY_ADDRESS)
		t->stories.key = history_index_address(t->what);
	if (by == BY_CLIENT)
		t->stories.key = history_index_client(t->what);
	t->stories.forward = false;
	t->stories.ended = false;
	t->stories.at = (struct history_index_at){.day = UINT32_MAX};
	while (t->job.rc == RC_OK && n == 0 && !t->stories.ended) {
		n = 1;
		t->job.rc = history_index_stories(
		    t->job.index, &t->stories, &at, &n, &t->job.why);
	}
	t->stories.at = (struct history_index_at){.day = UINT32_MAX};
	t->stories.ended = false;
	return n > 0;
}

static void
find(struct trace *t)
{
	t->phase = PHASE_COUNT;
	if (has_lines(t, t->what, t->stories.since)) {
		t->by = BY_ID;
		t->phase = PHASE_LINES;
		t->n_page = 1;
		(void)span_copy(t->what, t->page[0].id,
		    sizeof(t->page[0].id)); /* as long as it may be */
	} else if (has_stories(t, BY_MESSAGE_ID)) {
		t->by = BY_MESSAGE_ID;
	} else if (has_stories(t, BY_ADDRESS)) {
		t->by = BY_ADDRESS;
	} else if (has_stories(t, BY_CLIENT)) {
		t->by = BY_CLIENT;
	} else {
		t->phase = PHASE_END;
	}
}

/* From now on forwards, behind `at`. */
static void
turn_round(struct trace *t, struct history_index_at at)
{
	t->stories.forward = true;
	t->stories.ended = false;
	t->stories.at = at;
	t->phase = PHASE_STORIES;
}

/* Backwards to the story before the first that is wanted. */
static void
count(struct trace *t)
{
	uint64_t left = t->limit + 1 - t->counted;
	struct history_index_at none = {.day = 0};
	size_t n = left < COUNT ? (size_t)left : COUNT;

	if (t->limit == 0) {
		turn_round(t, none);
		return;
	}
	t->job.rc = history_index_stories(
	    t->job.index, &t->stories, t->page, &n, &t->job.why);
	t->counted += n;
	if (t->counted > t->limit) {
		t->more = true;
		turn_round(t, t->page[n - 1]);
	} else if (t->stories.ended) {
		turn_round(t, none);
	}
}

static void
next_page(struct trace *t)
{
	t->page_at = 0;
	t->n_page = PAGE;
	t->from = (struct history_index_line){.day = 0};
	t->is_sender = false;
	t->job.rc = history_index_stories(
	    t->job.index, &t->stories, t->page, &t->n_page, &t->job.why);
	if (t->n_page > 0)
		t->phase = PHASE_LINES;
	else if (t->stories.ended)
		t->phase = PHASE_GAPS;
}

static void
lines(struct trace *t)
{
	if (read_slice(t, span_of(t->page[t->page_at].id)))
		return;
	t->page_at++;
	t->from = (struct history_index_line){.day = 0};
	t->is_sender = false;
	if (t->page_at == t->n_page)
		t->phase = t->by == BY_ID ? PHASE_GAPS : PHASE_STORIES;
}

static void
work(void *arg)
{
	struct trace *t = ((struct history_job *)arg)->ctx;

	t->reads = 0;
	while (t->job.rc == RC_OK && t->reads < READS_MAX &&
	       t->rows.n < ROWS_BYTES) {
		/* what only looks into the index counts, too */
		t->reads += t->phase == PHASE_LINES ? 1 : READS_MAX / 8;
		if (t->phase == PHASE_FIND)
			find(t);
		else if (t->phase == PHASE_COUNT)
			count(t);
		else if (t->phase == PHASE_STORIES)
			next_page(t);
		else if (t->phase == PHASE_LINES)
			lines(t);
		else
			break;
	}
	if (t->job.rc != RC_OK || t->phase != PHASE_GAPS)
		return;
	t->gaps = has_lines(t, SPAN_LIT("gap"), t->stories.since);
	t->refusals_counted = has_lines(t, SPAN_LIT("more"), t->stories.since);
	t->phase = PHASE_END;
}

/* ---- in the loop ---- */

static void
send_rows(struct trace *t)
{
	struct span rest = buf_span(&t->rows);

	while (rest.n > 0) {
		manage_row(&t->ask, span_cut(&rest, '\n'));
		t->n_rows++;
	}
	buf_clear(&t->rows);
}

/* What may be missing, and why. */
static void
put_doubts(const struct trace *t, struct buf *b)
{
	const struct qmgr *q = t->ask.q;

	if (!history_is_whole(q))
		buf_puts(b, "; the index of the history is being made: there "
			    "may be more, ask again");
	else if (!history_is_taken(q, t->until))
		buf_puts(b, "; the newest events are not yet written");
	if (t->gaps)
		buf_puts(b, "; some events could not be written at all: "
			    "steadctl trace gap");
	if (t->refusals_counted && (t->by == BY_ADDRESS || t->by == BY_CLIENT))
		buf_puts(b, "; some refusals were only counted: "
			    "steadctl trace more");
}

static void
finish(struct trace *t)
{
	enum rc rc = t->job.rc;
	struct buf b;

	buf_init(&b, 1024);
	if (rc != RC_OK) {
		buf_puts(&b, t->job.why.text);
	} else if (t->n_rows == 0) {
		rc = RC_PERM;
		buf_puts(&b, "nothing is known of that");
		if (t->since_us > 0)
			buf_puts(&b, " since then");
	} else if (t->more) {
		buf_putf(&b, "the newest %llu: -n 0 shows all",
		    (unsigned long long)t->limit);
	}
	if (t->job.rc == RC_OK)
		put_doubts(t, &b);
	/* the first of them has nothing before it */
	manage_end(
	    &t->ask, rc, buf_cstr(&b) + (b.n > 0 && b.p[0] == ';' ? 2 : 0));
	buf_fini(&b);
}

static void
back(void *arg)
{
	struct trace *t = ((struct history_job *)arg)->ctx;

	if (!manage_back(&t->ask))
		return;
	if (t->job.rc != RC_OK)
		t->phase = PHASE_END;
	send_rows(t);
	manage_again(&t->ask, 0);
}

static void
turn(struct manage_ask *a)
{
	struct trace *t = (struct trace *)a;

	if (t->phase == PHASE_END) {
		finish(t);
		return;
	}
	if (t->phase == PHASE_WAIT && !history_is_taken(a->q, t->until) &&
	    clock_mono_ms() < t->patience_ms) {
		history_hurry(a->q, t->until);
		manage_again(a, WAIT_MS);
		return;
	}
	if (t->phase == PHASE_WAIT)
		t->phase = PHASE_FIND;
	manage_submit_history(a, &t->job, work, back);
}

static void
fini(struct manage_ask *a)
{
	struct trace *t = (struct trace *)a;

	io_close(&t->fd);
	buf_fini(&t->rows);
	buf_fini(&t->address);
	free(t->page);
	free((char *)(uintptr_t)t->what.p);
}

static const struct manage_ops ops = {turn, fini};

void
manage_on_trace(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_queue_trace *q = &msg->queue_trace;
	struct trace *t = manage_ask_new(ctx, sizeof(*t), &ops, q->id);
	struct span what = span_trim(q->what);

	(void)link;
	if (t == NULL)
		return;
	/* longer ones are none of ours, and are kept as long */
	what = span_head(what, HISTORY_VALUE_MAX + 2);
	t->what = span_make(span_dup(what), what.n);
	buf_init(&t->address, HISTORY_VALUE_MAX);
	history_line_address(what, &t->address);
	buf_init(&t->rows, ROWS_MAX);
	t->page = mem_array(COUNT, sizeof(*t->page));
	t->job.ctx = t;
	t->fd = -1;
	t->by = BY_NONE;
	t->limit = q->limit < UINT32_MAX ? q->limit : UINT32_MAX;
	t->since_us = (q->since < SINCE_MAX ? q->since : SINCE_MAX) * 1000;
	t->stories.since = history_file_day(t->since_us);
	t->until = history_lines(t->ask.q);
	t->patience_ms = clock_mono_ms() + PATIENCE_MS;
	if (t->ask.q->history == NULL)
		manage_end(&t->ask, RC_TEMP, "there is no history");
}

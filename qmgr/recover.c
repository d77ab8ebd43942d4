/*
 * Files against records: see recover.h. First all files: new/ before cur/, so
 * that one which another program moves meanwhile is seen. Then all records,
 * which by then have the names of their files. Out of cur/, or within it, a
 * file can be moved past the listing: if that folder has changed meanwhile, or
 * a record has no file, all is listed once more.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/child.h"
#include "qmgr/idle.h"
#include "qmgr/recover.h"
#include "lib/base/banned.h"

#define SLICE     256
#define ENDED_MAX (64U << 20)
#define CHILD_MS  3000

enum phase {
	PHASE_NEW,
	PHASE_CUR,
	PHASE_RECORDS,
	PHASE_END,
};

struct recover {
	struct idle_job job;
	struct qmgr *q;
	const struct store *store;
	enum phase phase;
	DIR *dir;                 /* being read, or NULL */
	struct timespec cur_time; /* cur/ was last changed, at the beginning */
	bool cur_changed;         /* since then, when it had been listed */
	uint64_t start_ms;
	uint64_t late_ms; /* nobody waits for longer than until then */
	uint64_t files;
	uint64_t added;
	char after[STORE_NAME_MAX + 1]; /* the last record looked at */
	size_t n;
	/* as they are on disk; name "": it is none of a queue file */
	struct record found[SLICE];
	/* as they are in the index; file "": there is none */
	struct record known[SLICE];
	bool wrong[SLICE]; /* the record has no file */
};

/* An unknown time differs from any other. */
static struct timespec
cur_time(const struct store *s)
{
	struct stat st;

	if (fstat(s->cur, &st) < 0)
		return (struct timespec){-1, -1};
	return st.st_mtim;
}

static bool
cur_has_changed(const struct recover *r)
{
	struct timespec now = cur_time(r->store);

	return now.tv_nsec < 0 || now.tv_sec != r->cur_time.tv_sec ||
	       now.tv_nsec != r->cur_time.tv_nsec;
}

/* Is the slice's job done, as far as this folder goes? */
static bool
read_name(struct recover *r)
{
	struct record *f = &r->found[r->n];
	struct dirent *de;

	errno = 0;
	de = readdir(r->dir);
	if (de == NULL) {
		if (errno != 0)
			r->job.rc = why_sys(
			    &r->job.why, RC_TEMP, "4.3.0", "queue folder");
		(void)closedir(r->dir); /* only read from */
		r->dir = NULL;
		return true;
	}
	if (de->d_name[0] == '.')
		return false;
	*f = (struct record){
	    .in_cur = r->phase == PHASE_CUR, .line = RECORD_DUE};
	/* what does not fit is cut, and none of ours */
	(void)span_copy(span_head(span_of(de->d_name), STORE_FILE_MAX), f->file,
	    sizeof(f->file));
	if (!store_name_id(span_of(de->d_name), f->name))
		f->name[0] = '\0';
	r->n++;
	return false;
}

static void
list_files(struct recover *r)
{
	int folder = r->phase == PHASE_NEW ? r->store->new : r->store->cur;

	if (r->phase == PHASE_NEW && r->dir == NULL)
		r->cur_time = cur_time(r->store);
	if (r->dir == NULL) {
		int fd =
		    openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		r->dir = fd < 0 ? NULL : fdopendir(fd);
	}
	if (r->dir == NULL) {
		r->job.rc =
		    why_sys(&r->job.why, RC_TEMP, "4.3.0", "queue folder");
		return;
	}
	while (r->n < SLICE && !read_name(r))
		;
	if (r->phase == PHASE_CUR && r->dir == NULL)
		r->cur_changed = cur_has_changed(r);
	memcpy(r->known, r->found, sizeof(r->known));
	if (r->job.rc == RC_OK)
		r->job.rc =
		    index_get(r->job.index, r->known, r->n, &r->job.why);
}

static void
list_records(struct recover *r)
{
	struct index_slice s = {r->known, SLICE};

	r->job.rc = index_after(
	    r->job.index, span_of(r->after), false, &s, &r->job.why);
	r->n = s.n;
	for (size_t i = 0; i < r->n; i++)
		r->wrong[i] = store_gone(
		    r->known[i].in_cur ? r->store->cur : r->store->new,
		    r->known[i].file);
}

static void
work(void *arg)
{
	struct recover *r = arg;

	r->n = 0;
	if (r->phase == PHASE_RECORDS)
		list_records(r);
	else
		list_files(r);
}

static void
on_file(
    struct recover *r, const struct record *found, const struct record *known)
{
	struct qmgr *q = r->q;
	struct record add = *found;

	if (found->name[0] == '\0') {
		LOG(QUEUE_DAMAGED, log_str(found->file),
		    log_str("not a name of a queue file"));
		return;
	}
	r->files++;
	if (strcmp(known->file, found->file) == 0 &&
	    known->in_cur == found->in_cur)
		return;
	/* what is in memory, what has ended since, or stands twice */
	if (message_find(q, span_of(found->name)) != NULL ||
	    nameset_has(&q->ended, span_of(found->name)))
		return;
	/* A crash may have come between a child and the words in the message
	 * that it is of. That message is to be looked at first, and meet it: a
	 * child that was delivered and is gone would be made a second time */
	add.due_ms =
	    idle_now(q) + (child_is(span_of(found->name)) ? CHILD_MS : 0);
	idle_add(q, &add);
	r->added += known->file[0] == '\0';
}

static void
on_record(struct recover *r, const struct record *known, bool gone)
{
	if (message_find(r->q, span_of(known->name)) != NULL)
		return;
	if (gone) {
		idle_drop(r->q, known->name);
		/* unless it has another name, under which it was not seen */
		if (!nameset_has(&r->q->ended, span_of(known->name)))
			idle_relist(r->q);
	} else if (known->line == RECORD_DUE && known->due_ms > r->late_ms)
		/* the host's clock was ahead when that was written */
		idle_first(r->q, known->name);
}

static void
end(struct recover *r)
{
	if (r->dir != NULL)
		(void)closedir(r->dir); /* only read from */
	r->q->recover = NULL;
	nameset_fini(&r->q->ended);
	free(r);
}

static void
done(void *arg)
{
	struct recover *r = arg;
	bool whole = r->n < SLICE;

	if (r->job.rc != RC_OK && !r->q->w->draining) {
		/* without its list some of the queue would sleep */
		LOG(QUEUE_INDEX, log_str(r->job.why.text));
		idle_relist(r->q);
	}
	if (r->job.rc != RC_OK || r->q->w->draining) {
		end(r);
		return;
	}
	for (size_t i = 0; i < r->n && r->phase == PHASE_RECORDS; i++)
		on_record(r, &r->known[i], r->wrong[i]);
	for (size_t i = 0; i < r->n && r->phase != PHASE_RECORDS; i++)
		on_file(r, &r->found[i], &r->known[i]);
	if (r->phase == PHASE_RECORDS && r->n > 0)
		(void)span_copy(span_of(r->known[r->n - 1].name), r->after,
		    sizeof(r->after)); /* as long */
	if (r->phase != PHASE_RECORDS)
		whole = r->dir == NULL;
	if (whole)
		r->phase++;
	if (r->phase != PHASE_END) {
		idle_submit(r->q, &r->job, work, done);
		return;
	}
	if (r->cur_changed)
		idle_relist(r->q);
	LOG(QUEUE_RECOVERED, log_num(r->files), log_num(r->added),
	    log_num(clock_mono_ms() - r->start_ms));
	end(r);
}

void
recover_start(struct qmgr *q)
{
	struct recover *r = mem_alloc(sizeof(*r));

	r->q = q;
	r->store = &q->store;
	r->start_ms = clock_mono_ms();
	r->late_ms = idle_now(q) + 2 * q->w->conf->queue.retry_max;
	q->recover = r;
	nameset_init(&q->ended, ENDED_MAX);
	idle_submit(q, &r->job, work, done);
}

void
recover_status(const struct qmgr *q, struct buf *b)
{
	const struct recover *r = q->recover;

	if (r == NULL)
		(void)buf_puts(b, " recovering=no");
	else
		(void)buf_putf(b,
		    " recovering=yes recovered_files=%llu recovered_new=%llu",
		    (unsigned long long)r->files, (unsigned long long)r->added);
}

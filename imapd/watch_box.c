/*
 * What is watched: see watch.h. Owns the mailboxes and the inotify instance.
 * Folders are opened by threads, from the folder of all mail down and never
 * through a link, and named to inotify by their descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "imapd/watch.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/maildir/list.h"
#include "lib/maildir/place.h"
#include "lib/base/banned.h"

#define EVENTS \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR)
#define READ_MAX      65536
#define LIMIT_TOLD_MS 60000
#define READ_TURN     16 /* reads in one turn of the loop */

static const char *const parts[2] = {"new", "cur"};

static struct watch_bucket *
bucket(struct watch *w, int wd)
{
	return &w->buckets[(unsigned)wd % WATCH_BUCKETS];
}

static bool
is_marked(struct watch *w, int wd)
{
	const struct watch_mark *m;

	LIST_FOREACH (m, bucket(w, wd), next)
		if (m->wd == wd)
			return true;
	return false;
}

static struct watch_box *
find(struct watch *w, const char *account, struct span name)
{
	struct watch_box *box;

	TAILQ_FOREACH (box, &w->boxes, next)
		if (span_eq(span_of(box->account), span_of(account)) &&
		    span_eq(span_of(box->name), name))
			return box;
	return NULL;
}

static unsigned
count_of(const struct watch *w, const char *account)
{
	const struct watch_box *box;
	unsigned n = 0;

	TAILQ_FOREACH (box, &w->boxes, next)
		n += span_eq(span_of(box->account), span_of(account));
	return n;
}

/* ---- in a thread ------------------------------------------------------- */

static int
open_folder(int above, const char *name)
{
	return openat(
	    above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int
watch_folder(struct watch_box *box, int above, const char *name)
{
	char path[32];
	int fd = open_folder(above, name), wd;

	if (fd < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd); /* fits */
	wd = inotify_add_watch(box->w->inotify, path, EVENTS);
	if (wd < 0)
		box->limit = errno;
	io_close(&fd);
	return wd;
}

/* False: there is none, or not yet. */
static bool
open_maildir(const struct watch_box *box, struct maildir_folders *f)
{
	struct maildir_place place;
	struct why why;

	if (box->w->maildir != NULL)
		return maildir_list_folders(box->w->maildir, f, &why) == RC_OK;
	return maildir_place_of(span_of(box->account), &place, &why) == RC_OK &&
	       maildir_place_open(box->w->mail, &place, false, f, &why) ==
		   RC_OK;
}

static void
work_add(void *job)
{
	struct watch_box *box = job;
	struct maildir_folders f;
	int top = -1;

	box->wd[0] = box->wd[1] = -1;
	box->limit = 0;
	/* what is not there is not watched; whoever makes it adds it again */
	if (!open_maildir(box, &f))
		return;
	if (box->name[0] == '\0')
		top = dup(f.top);
	else
		top = open_folder(f.top, box->name);
	for (size_t i = 0; top >= 0 && i < 2; i++)
		box->wd[i] = watch_folder(box, top, parts[i]);
	io_close(&top);
	maildir_place_close(&f);
}

/* ---- in the loop ------------------------------------------------------- */

/* What a thread has found may be known here already, or be nobody's. */
static void
drop_wd(struct watch *w, int wd)
{
	if (wd >= 0 && !is_marked(w, wd))
		(void)inotify_rm_watch(w->inotify, wd); /* may be gone */
}

static void
unmark(struct watch_mark *m)
{
	int wd = m->wd;

	if (wd < 0)
		return;
	LIST_REMOVE(m, next);
	m->wd = -1;
	drop_wd(m->box->w, wd);
}

static void
free_if_idle(struct watch_box *box)
{
	struct watch *w = box->w;

	if (box->adding || !TAILQ_EMPTY(&box->subs))
		return;
	unmark(&box->marks[0]);
	unmark(&box->marks[1]);
	TAILQ_REMOVE(&w->boxes, box, next);
	w->n_boxes--;
	free(box->account);
	free(box->name);
	free(box);
}

/* fs.inotify.max_user_watches: an administrator's to raise; once in a while */
static void
tell_limit(const struct watch_box *box)
{
	struct watch *w = box->w;
	uint64_t now = clock_mono_ms();
	struct why why;

	if (w->limit_told != 0 && now - w->limit_told < LIMIT_TOLD_MS)
		return;
	w->limit_told = now;
	errno = box->limit;
	why_sys(&why, RC_TEMP, "4.3.0", "inotify");
	LOG(WATCH_LIMIT, log_str(box->account), log_num(w->n_boxes),
	    log_str(why.text));
}

static void
done_add(void *job)
{
	struct watch_box *box = job;
	struct watch *w = box->w;

	box->adding = false;
	for (size_t i = 0; i < 2; i++) {
		struct watch_mark *m = &box->marks[i];

		if (m->wd == box->wd[i])
			continue;
		unmark(m);
		m->wd = box->wd[i];
		if (m->wd >= 0)
			LIST_INSERT_HEAD(bucket(w, m->wd), m, next);
	}
	if (box->limit != 0)
		tell_limit(box);
	/* what came between the session's look and the watch */
	watch_mark_dirty(box);
	free_if_idle(box);
}

static void
start(struct watch_box *box)
{
	if (box->adding || (box->marks[0].wd >= 0 && box->marks[1].wd >= 0))
		return;
	box->adding = true;
	pool_submit(box->w->pool, work_add, done_add, box);
}

static struct watch_box *
box_new(struct watch *w, const char *account, struct span name)
{
	struct watch_box *box;

	if (w->n_boxes >= WATCH_BOXES_MAX ||
	    count_of(w, account) >= WATCH_OF_ACCOUNT_MAX)
		return NULL;
	box = mem_alloc(sizeof(*box));
	box->w = w;
	box->account = mem_dup(account);
	box->name = span_dup(name);
	TAILQ_INIT(&box->subs);
	for (size_t i = 0; i < 2; i++)
		box->marks[i] = (struct watch_mark){.box = box, .wd = -1};
	TAILQ_INSERT_TAIL(&w->boxes, box, next);
	w->n_boxes++;
	return box;
}

static struct watch_sub *
find_sub(const struct watch_client *c, struct span name)
{
	struct watch_sub *s;

	TAILQ_FOREACH (s, &c->subs, in_client)
		if (span_eq(span_of(s->box->name), name))
			return s;
	return NULL;
}

bool
watch_box_add(struct watch_client *c, struct span name)
{
	struct watch_sub *s = find_sub(c, name);
	struct watch_box *box;

	if (s != NULL) {
		/* it may have been gone, and be there again */
		start(s->box);
		return true;
	}
	if (c->n_subs >= WATCH_SUBS_MAX)
		return false;
	box = find(c->w, c->account, name);
	if (box == NULL)
		box = box_new(c->w, c->account, name);
	if (box == NULL)
		return false;
	s = mem_alloc(sizeof(*s));
	s->box = box;
	s->client = c;
	TAILQ_INSERT_TAIL(&box->subs, s, in_box);
	TAILQ_INSERT_TAIL(&c->subs, s, in_client);
	c->n_subs++;
	start(box);
	if (!box->adding)
		watch_mark_dirty(box);
	return true;
}

static void
sub_free(struct watch_sub *s)
{
	struct watch_box *box = s->box;

	if (s->dirty)
		TAILQ_REMOVE(&box->w->dirty, s, in_dirty);
	TAILQ_REMOVE(&box->subs, s, in_box);
	TAILQ_REMOVE(&s->client->subs, s, in_client);
	s->client->n_subs--;
	free(s);
	free_if_idle(box);
}

void
watch_box_remove(struct watch_client *c, struct span name)
{
	struct watch_sub *s = find_sub(c, name);

	if (s != NULL)
		sub_free(s);
}

void
watch_box_leave(struct watch_client *c)
{
	struct watch_sub *s;

	while ((s = TAILQ_FIRST(&c->subs)) != NULL)
		sub_free(s);
}

static void
on_event(struct watch *w, const struct inotify_event *e)
{
	struct watch_mark *m, *after;
	struct watch_box *box;

	if ((e->mask & IN_Q_OVERFLOW) != 0) {
		/* something was lost: everybody looks */
		LOG(WATCH_OVERFLOW, log_num(w->n_boxes));
		TAILQ_FOREACH (box, &w->boxes, next)
			watch_mark_dirty(box);
		return;
	}
	for (m = LIST_FIRST(bucket(w, e->wd)); m != NULL; m = after) {
		after = LIST_NEXT(m, next);
		if (m->wd != e->wd)
			continue;
		watch_mark_dirty(m->box);
		if ((e->mask & IN_IGNORED) == 0)
			continue;
		/* the folder is gone, and the watch with it */
		LIST_REMOVE(m, next);
		m->wd = -1;
	}
}

void
watch_box_read(struct watch *w)
{
	static _Alignas(struct inotify_event) char room[READ_MAX];
	const struct inotify_event *e;

	for (int i = 0; i < READ_TURN; i++) {
		ssize_t n = read(w->inotify, room, sizeof(room));

		if (n <= 0)
			return;
		/* the kernel writes whole events only */
		for (const char *p = room; p < room + n;
		     p += sizeof(*e) + e->len) {
			e = (const void *)p;
			on_event(w, e);
		}
	}
}

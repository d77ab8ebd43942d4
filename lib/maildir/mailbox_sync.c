/*
 * Reading new/ and cur/ while other programs change them: see mailbox.h.
 *
 * Files move from new/ to cur/, so the folders are read in that order. A file
 * that is renamed within cur/ while it is read may be missed: what seems to be
 * gone counts as gone only when the folders' times were the same before and
 * after, and old enough before that a change would have given them others.
 * UIDs are given under the mailbox's lock.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/maildir/file.h"
#include "lib/maildir/mailbox.h"
#include "lib/maildir/mailbox_lock.h"
#include "lib/base/banned.h"

#define PASSES 5
/* a folder's time is that of a clock tick, of up to 10 ms; twice that */
#define TICK_MS    20
#define COARSE_MS  2000 /* where times are whole seconds, or every other */
#define OWED_MS    1000
#define FLAGS_ROOM 52U /* letters, each once */

/* A file that is no message of ours yet. */
struct stranger {
	char *name;
	bool in_new;
	uint32_t uid; /* given by this mailbox; 0: it needs one */
	uint64_t size;
	int64_t time_ns;
};

struct scan {
	struct maildir_mailbox *m;
	bool known_only; /* cur/ alone, and nobody who is not in v */
	bool stable;     /* the folders' times were the same before and after */
	bool sure;       /* and a change would have given them others */
	bool cur_stable; /* the same of cur/, where all of v is */
	bool cur_sure;
	struct stranger *v;
	size_t n;
	size_t cap;
	int64_t new_ns;
	int64_t cur_ns;
};

static void
scan_clear(struct scan *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i].name);
	s->n = 0;
}

static enum rc
time_of(int folder, int64_t *ns, struct why *why)
{
	struct stat st;

	if (fstat(folder, &st) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "the mailbox");
	*ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return RC_OK;
}

static enum rc
times(const struct maildir_mailbox *m, int64_t *new_ns, int64_t *cur_ns,
    struct why *why)
{
	enum rc rc = time_of(m->folders.new, new_ns, why);

	return rc == RC_OK ? time_of(m->folders.cur, cur_ns, why) : rc;
}

static void
add_stranger(struct scan *s, const char *name, bool in_new, uint32_t uid)
{
	if (s->known_only)
		return;
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 64 : s->cap * 2;
		s->v = mem_grow(s->v, s->cap * sizeof(*s->v));
	}
	s->v[s->n++] = (struct stranger){
	    .name = mem_dup(name), .in_new = in_new, .uid = uid};
}

/* One of ours, under this name now. */
static void
seen(struct maildir_mailbox *m, struct maildir_message *msg, const char *name,
    const struct maildir_name *n)
{
	uint32_t flags = maildir_flags_parse(n->flags);

	msg->pass = m->pass;
	if (span_eq(span_of(msg->name), span_of(name)))
		return;
	free(msg->name);
	msg->name = mem_dup(name);
	if (msg->flags != flags) {
		msg->flags = flags;
		msg->changed = ++m->generation;
	}
}

static void
look_at(struct scan *s, const char *name, bool in_new)
{
	struct maildir_mailbox *m = s->m;
	struct maildir_message *msg;
	struct maildir_name n;

	maildir_name_parse(span_of(name), &n);
	if (n.uid == 0 || !span_eq(n.tag, span_of(m->state.tag)) || in_new) {
		add_stranger(s, name, in_new, 0);
		return;
	}
	msg = maildir_mailbox_find(m, n.uid);
	if (msg == NULL) {
		add_stranger(s, name, false, n.uid);
		return;
	}
	if (span_eq(maildir_name_base(span_of(msg->name)), n.base))
		seen(m, msg, name, &n);
	else
		/* a copy of another file under a UID that is taken */
		add_stranger(s, name, false, 0);
}

static enum rc
read_folder(struct scan *s, bool in_new, struct why *why)
{
	int folder = in_new ? s->m->folders.new : s->m->folders.cur;
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	enum rc rc = RC_OK;
	struct dirent *e;

	if (dir == NULL) {
		why_sys(why, RC_TEMP, "4.3.0", "read the mailbox");
		io_close(&fd);
		return RC_TEMP;
	}
	for (errno = 0; (e = readdir(dir)) != NULL; errno = 0)
		if (e->d_name[0] != '.' &&
		    (e->d_type == DT_REG || e->d_type == DT_UNKNOWN))
			look_at(s, e->d_name, in_new);
	if (errno != 0)
		rc = why_sys(why, RC_TEMP, "4.3.0", "read the mailbox");
	(void)closedir(dir); /* read only */
	return rc;
}

/*
 * Would a change from now on give the folder another time than it has? Not in
 * the tick of the clock in which it got this one. How long ago that was the
 * host's clock tells; a file server has another, of which only is known that
 * it goes on.
 */
static bool
is_old(const struct maildir_mailbox *m, int64_t ns, struct maildir_met *met)
{
	int64_t now_ns = (int64_t)clock_real_us() * 1000;
	uint64_t now_ms = clock_mono_ms();
	uint64_t tick_ms = ns % 1000000000 == 0 ? COARSE_MS : TICK_MS;

	if (ns != met->ns)
		*met = (struct maildir_met){.ns = ns, .since_ms = now_ms};
	return now_ms - met->since_ms > tick_ms ||
	       (m->durable.by_name &&
		   now_ns - ns >= (int64_t)tick_ms * 1000000);
}

static enum rc
pass(struct scan *s, struct why *why)
{
	struct maildir_mailbox *m = s->m;
	int64_t new_ns = 0, cur_ns = 0;
	bool new_old = false, cur_old = false;
	enum rc rc;

	scan_clear(s);
	m->pass++;
	rc = times(m, &s->new_ns, &s->cur_ns, why);
	if (rc == RC_OK) {
		new_old = is_old(m, s->new_ns, &m->met_new);
		cur_old = is_old(m, s->cur_ns, &m->met_cur);
	}
	if (rc == RC_OK && !s->known_only)
		rc = read_folder(s, true, why);
	if (rc == RC_OK)
		rc = read_folder(s, false, why);
	if (rc == RC_OK)
		rc = times(m, &new_ns, &cur_ns, why);
	s->cur_stable = rc == RC_OK && cur_ns == s->cur_ns;
	s->cur_sure = s->cur_stable && cur_old;
	s->stable = s->cur_stable && new_ns == s->new_ns;
	s->sure = s->stable && s->cur_sure && new_old;
	return rc;
}

static bool
is_missing(const struct maildir_mailbox *m, const struct maildir_message *msg)
{
	return msg->pass != m->pass && !msg->gone;
}

static bool
any_missing(const struct maildir_mailbox *m)
{
	size_t i = 0;

	while (i < m->n && !is_missing(m, &m->v[i]))
		i++;
	return i < m->n;
}

static void
take_out_missing(struct maildir_mailbox *m)
{
	for (size_t i = 0; i < m->n; i++) {
		if (!is_missing(m, &m->v[i]))
			continue;
		m->v[i].gone = true;
		m->n_gone++;
		m->generation++;
	}
}

/*
 * Until all are seen, or those that are not are gone for certain: after a
 * change that is a tick later, when one more would show. Where changes do not
 * cease, what is missing is left for another time.
 */
static enum rc
passes(struct scan *s, struct why *why)
{
	const struct timespec tick = {.tv_nsec = (TICK_MS + 1) * 1000000L};
	bool done = false;
	enum rc rc = RC_OK;

	for (int i = 0; i < PASSES && rc == RC_OK && !done; i++) {
		bool all;

		rc = pass(s, why);
		all = !any_missing(s->m);
		/* those that were seen have the names they have */
		done = s->known_only ? all || s->cur_sure
				     : s->stable && (all || s->cur_sure);
		if (s->cur_stable && !s->cur_sure && !all)
			(void)nanosleep(&tick, NULL); /* or a little less */
	}
	if (s->cur_sure)
		take_out_missing(s->m);
	return rc;
}

static bool
measure_one(struct maildir_mailbox *m, struct stranger *st)
{
	int folder = st->in_new ? m->folders.new : m->folders.cur;
	struct stat sb;

	if (fstatat(folder, st->name, &sb, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(sb.st_mode))
		return false;
	st->size = (uint64_t)sb.st_size;
	st->time_ns =
	    (int64_t)sb.st_mtim.tv_sec * 1000000000 + sb.st_mtim.tv_nsec;
	if (!maildir_file_torn(st->name, st->in_new, &sb))
		return true;
	maildir_file_aside(&m->folders, folder, st->name);
	m->torn++;
	return false;
}

/* Size and time of those that need a UID; what is no message is left out. */
static void
measure(struct scan *s)
{
	struct maildir_mailbox *m = s->m;
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct stranger *st = &s->v[i];
		bool good = true;

		if (st->uid == 0)
			good = measure_one(m, st);
		if (good)
			s->v[kept++] = *st;
		else
			free(st->name);
	}
	s->n = kept;
}

/* Those that have a UID first, by it; then by age, then by name. */
static int
compare(const void *va, const void *vb)
{
	const struct stranger *a = va, *b = vb;

	if ((a->uid == 0) != (b->uid == 0))
		return a->uid == 0 ? 1 : -1;
	if (a->uid != b->uid)
		return a->uid < b->uid ? -1 : 1;
	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return span_cmp(span_of(a->name), span_of(b->name));
}

/* Those that need a UID: the others' may be a lie, or have come back. */
static size_t
choose(struct scan *s)
{
	struct maildir_mailbox *m = s->m;
	uint32_t last = m->n > 0 ? m->v[m->n - 1].uid : 0;
	size_t fresh = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct stranger *st = &s->v[i];

		if (st->uid > last && st->uid < m->next)
			last = st->uid;
		else
			st->uid = 0;
		fresh += st->uid == 0;
	}
	return fresh;
}

void
maildir_mailbox_sync_append(struct maildir_mailbox *m, char *name, bool recent)
{
	struct maildir_name n;

	if (m->n == m->cap) {
		m->cap = m->cap == 0 ? 64 : m->cap * 2;
		m->v = mem_grow(m->v, m->cap * sizeof(*m->v));
	}
	maildir_name_parse(span_of(name), &n);
	m->known_next = n.uid + 1;
	m->v[m->n++] = (struct maildir_message){.uid = n.uid,
	    .flags = maildir_flags_parse(n.flags),
	    .size = n.size,
	    /* never less than on disk, never more than a CR for each byte */
	    .wire = n.has_size && n.has_wire && n.wire >= n.size &&
			    n.wire - n.size <= n.size
			? n.wire
			: 0,
	    .changed = ++m->generation,
	    .date = INT64_MIN,
	    .recent = recent,
	    .pass = m->pass,
	    .name = name};
}

/*
 * Append the name. It shall have room for all flags; where another program's
 * name leaves none, a base name of our own takes its place, and its fields and
 * doubled flags go: the file could never be renamed, so never be shown.
 */
static void
put_name(struct buf *to, const struct maildir_name *n)
{
	size_t flags = n->flags.n > FLAGS_ROOM ? n->flags.n : FLAGS_ROOM;
	struct maildir_name own = *n;
	struct buf base, letters;
	struct id id;

	maildir_name_put(to, n);
	if (to->n - n->flags.n + flags <= NAME_MAX)
		return;
	id = id_new();
	buf_init(&base, 64);
	buf_init(&letters, FLAGS_ROOM + 1);
	/* ".L": no delivery's name (maildir_name_ours) */
	buf_putf(&base, "%s.L", id.text);
	maildir_flags_put(&letters, maildir_flags_parse(n->flags), n->flags);
	own.base = buf_span(&base);
	own.fields = SPAN_NONE;
	own.flags = buf_span(&letters);
	buf_clear(to);
	maildir_name_put(to, &own);
	buf_fini(&base);
	buf_fini(&letters);
}

static int
rename_into_cur(const struct maildir_mailbox *m, const struct stranger *st,
    const char *name)
{
	int from = st->in_new ? m->folders.new : m->folders.cur;
	int r =
	    renameat2(from, st->name, m->folders.cur, name, RENAME_NOREPLACE);

	/* not known to that file system */
	if (r < 0 && errno == EINVAL)
		r = renameat(from, st->name, m->folders.cur, name);
	return r;
}

/* Its UID becomes part of its name. False: it is gone, or will not. */
static bool
adopt(struct maildir_mailbox *m, struct stranger *st)
{
	struct maildir_name n;
	struct buf to;
	bool ok;

	buf_init(&to, 1024);
	maildir_name_parse(span_of(st->name), &n);
	/* what a size in a name is worth nobody knows, but here it is seen */
	n.has_wire = n.has_wire && n.has_size && n.size == st->size;
	n.has_size = true;
	n.size = st->size;
	n.uid = m->next;
	n.tag = span_of(m->state.tag);
	put_name(&to, &n);
	ok = rename_into_cur(m, st, buf_cstr(&to)) == 0;
	if (ok) {
		m->next++;
		maildir_mailbox_sync_append(
		    m, span_dup(buf_span(&to)), st->in_new);
	}
	buf_fini(&to);
	return ok;
}

/* Give them UIDs. One that is gone again, or will not have one, stays out. */
static enum rc
adopt_all(struct scan *s, size_t fresh, struct why *why)
{
	enum rc rc = maildir_mailbox_lock_room(s->m, fresh, why);

	for (size_t i = 0; rc == RC_OK && i < s->n; i++)
		if (s->v[i].uid == 0 && s->v[i].name != NULL)
			(void)adopt(s->m, &s->v[i]);
	return rc;
}

static enum rc
take_in(struct scan *s, struct why *why)
{
	struct maildir_mailbox *m = s->m;
	size_t fresh;

	if (s->n == 0)
		return RC_OK;
	qsort(s->v, s->n, sizeof(*s->v), compare);
	fresh = choose(s);
	measure(s);
	qsort(s->v, s->n, sizeof(*s->v), compare);
	for (size_t i = 0; i < s->n; i++) {
		if (s->v[i].uid == 0)
			continue;
		maildir_mailbox_sync_append(m, s->v[i].name, false);
		s->v[i].name = NULL;
	}
	/* what is known can be read where nothing can be written */
	if (fresh == 0 || maildir_state_read_only(m->lock))
		return RC_OK;
	return adopt_all(s, fresh, why);
}

/* What the folders say now is known; our own renames were part of it. */
static void
remember(struct scan *s)
{
	struct maildir_mailbox *m = s->m;
	bool all = s->stable && !any_missing(m);

	m->new_ns = s->new_ns;
	m->cur_ns = s->cur_ns;
	m->scanned = true;
	m->settled = all && s->sure;
	m->owed = all && !s->sure;
	m->scanned_ms = clock_mono_ms();
	m->known_next = all ? m->next : 0;
}

static enum rc
scan_all(struct scan *s, struct why *why)
{
	enum rc rc;

	maildir_mailbox_settle(s->m);
	rc = passes(s, why);
	if (rc != RC_OK)
		return rc;
	rc = take_in(s, why);
	remember(s);
	return rc;
}

bool
maildir_mailbox_sync_names(struct maildir_mailbox *m)
{
	struct scan s = {.m = m, .known_only = true};
	struct why why;
	enum rc rc = passes(&s, &why);

	if (rc == RC_OK && any_missing(m))
		errno = EAGAIN;
	return rc == RC_OK;
}

/* If the times are the same: is all the same, or near enough for now? */
static bool
is_known(const struct maildir_mailbox *m)
{
	return m->settled ||
	       (m->owed && clock_mono_ms() - m->scanned_ms < OWED_MS);
}

enum rc
maildir_mailbox_sync(struct maildir_mailbox *m, struct why *why)
{
	struct scan s = {.m = m};
	int64_t new_ns = 0, cur_ns = 0;
	enum rc rc = times(m, &new_ns, &cur_ns, why);

	if (rc != RC_OK)
		return rc;
	if (m->scanned && is_known(m) && new_ns == m->new_ns &&
	    cur_ns == m->cur_ns) {
		maildir_mailbox_settle(m);
		return RC_OK;
	}
	rc = maildir_mailbox_lock(m, why);
	if (rc == RC_OK)
		rc = scan_all(&s, why);
	maildir_mailbox_lock_end(m);
	maildir_mailbox_settle(m);
	scan_clear(&s);
	free(s.v);
	return rc;
}

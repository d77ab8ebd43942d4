/*
 * The queue's index: see index.h. What a transaction does may be run again from
 * its beginning, so each of these starts by resetting what it gives back.
 */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "qmgr/index.h"
#include "lib/base/banned.h"

#define NAME      "queue.1"
#define FORMAT    "queue.1"
#define MAP_FIRST ((size_t)64 << 20)
#define SLICE     256

struct index {
	struct db *db;
	uint64_t count;
};

/* What a transaction is about. */
struct work {
	struct index *index;
	const struct index_change *changes;
	struct record *r;
	size_t room;
	size_t n;
	uint64_t now_ms;
	uint64_t next_ms;
	struct span after;
	bool held;
};

static struct span
span_key(const struct record_key *k)
{
	return span_make(k->p, k->n);
}

static bool
get(struct db_txn *t, struct span name, struct record *r)
{
	struct record_key k;
	struct span value;

	if (name.n == 0 || name.n > STORE_NAME_MAX)
		return false;
	record_key(&k, name);
	return db_get(t, span_key(&k), &value) && record_get(name, value, r);
}

static void
del(struct db_txn *t, struct span name)
{
	struct record_key k;
	struct record old;

	if (get(t, name, &old)) {
		record_line_key(&k, &old);
		(void)db_del(t, span_key(&k)); /* so it is gone */
	}
	record_key(&k, name);
	(void)db_del(t, span_key(&k)); /* likewise */
}

static void
put(struct db_txn *t, const struct record *r)
{
	struct record_key k;
	struct buf value;

	del(t, span_of(r->name));
	buf_init(&value, RECORD_VALUE_MAX);
	record_put(&value, r);
	record_key(&k, span_of(r->name));
	db_put(t, span_key(&k), buf_span(&value));
	buf_fini(&value);
	record_line_key(&k, r);
	db_put(t, span_key(&k), SPAN_LIT("."));
}

/* One that is out, or held, is not touched by what concerns its time. */
static void
set_due(struct db_txn *t, struct span name, uint64_t due_ms)
{
	struct record r;

	if (!get(t, name, &r) || r.line != RECORD_DUE)
		return;
	r.due_ms = due_ms;
	put(t, &r);
}

static void
add(struct db_txn *t, const struct record *r)
{
	struct record old;

	if (!get(t, span_of(r->name), &old)) {
		put(t, r);
	} else if (strcmp(old.file, r->file) != 0 || old.in_cur != r->in_cur) {
		/* another program has moved it, as it may */
		(void)span_copy(span_of(r->file), old.file,
		    sizeof(old.file)); /* as large */
		old.in_cur = r->in_cur;
		put(t, &old);
	}
}

static enum rc
work_write(struct db_txn *t, void *arg, struct why *why)
{
	struct work *w = arg;

	(void)why;
	for (size_t i = 0; i < w->room; i++) {
		const struct index_change *c = &w->changes[i];

		switch (c->act) {
		case INDEX_PUT:
			put(t, &c->r);
			break;
		case INDEX_ADD:
			add(t, &c->r);
			break;
		case INDEX_DEL:
			del(t, span_of(c->r.name));
			break;
		case INDEX_FIRST:
			set_due(t, span_of(c->r.name), 0);
			break;
		}
	}
	/* each has two keys */
	w->n = (size_t)(db_count(t) / 2);
	return RC_OK;
}

enum rc
index_write(struct index *index, const struct index_change *c, size_t n,
    struct why *why)
{
	struct work w = {.index = index, .changes = c, .room = n};
	enum rc rc = db_update(index->db, work_write, &w, why);

	if (rc == RC_OK)
		index->count = w.n;
	return rc;
}

/*
 * Records of that line, from the key `from` on, up to w->room; with `until`
 * those due by then only. The next one's key, borrowed; empty: none.
 */
static struct span
collect(struct db_txn *t, struct work *w, const struct record_key *from,
    uint64_t until_ms)
{
	struct span key, value;
	bool ok = db_seek(t, span_key(from), &key, &value);

	w->n = 0;
	while (ok && span_at(key, 0) == from->p[0]) {
		if (w->n == w->room || (from->p[0] == RECORD_DUE &&
					   record_key_due(key) > until_ms))
			return key;
		/* a place without a record is nobody's: put() made both */
		if (get(t, record_key_name(key), &w->r[w->n]))
			w->n++;
		ok = db_next(t, &key, &value);
	}
	return SPAN_NONE;
}

static enum rc
work_take(struct db_txn *t, void *arg, struct why *why)
{
	struct work *w = arg;
	struct record_key from;
	struct span next;

	(void)why;
	record_line_from(&from, RECORD_DUE, 0);
	next = collect(t, w, &from, w->now_ms);
	w->next_ms = next.n > 0 ? record_key_due(next) : UINT64_MAX;
	for (size_t i = 0; i < w->n; i++) {
		w->r[i].line = RECORD_OUT;
		put(t, &w->r[i]);
	}
	return RC_OK;
}

enum rc
index_take(struct index *index, uint64_t now_ms, struct index_slice *s,
    uint64_t *next_ms, struct why *why)
{
	struct work w = {
	    .index = index, .now_ms = now_ms, .r = s->r, .room = s->n};
	enum rc rc = db_update(index->db, work_take, &w, why);

	s->n = rc == RC_OK ? w.n : 0;
	*next_ms = w.next_ms;
	return rc;
}

static enum rc
work_hurry(struct db_txn *t, void *arg, struct why *why)
{
	struct work *w = arg;
	struct record_key from;

	(void)why;
	record_line_from(&from, RECORD_DUE, w->now_ms + 1);
	(void)collect(t, w, &from, UINT64_MAX); /* the next: another time */
	for (size_t i = 0; i < w->n; i++)
		set_due(t, span_of(w->r[i].name), w->now_ms);
	return RC_OK;
}

enum rc
index_hurry(struct index *index, uint64_t now_ms, size_t *n, struct why *why)
{
	struct work w = {.index = index, .now_ms = now_ms, .room = *n};
	enum rc rc;

	w.r = mem_array(*n, sizeof(*w.r));
	rc = db_update(index->db, work_hurry, &w, why);
	*n = rc == RC_OK ? w.n : 0;
	free(w.r);
	return rc;
}

static enum rc
work_after(struct db_txn *t, void *arg, struct why *why)
{
	struct work *w = arg;
	struct record_key from;
	struct span key, value;
	bool ok;

	(void)why;
	record_key(&from, w->after);
	if (w->held)
		from.p[0] = RECORD_HELD;
	w->n = 0;
	ok = db_seek(t, span_key(&from), &key, &value);
	if (ok && span_eq(key, span_key(&from)))
		ok = db_next(t, &key, &value);
	for (; ok && w->n < w->room && span_at(key, 0) == from.p[0];
	     ok = db_next(t, &key, &value))
		if (get(t, record_key_name(key), &w->r[w->n]))
			w->n++;
	return RC_OK;
}

enum rc
index_after(struct index *index, struct span after, bool held,
    struct index_slice *s, struct why *why)
{
	struct work w = {.index = index,
	    .after = after,
	    .held = held,
	    .r = s->r,
	    .room = s->n};
	enum rc rc = db_view(index->db, work_after, &w, why);

	s->n = rc == RC_OK ? w.n : 0;
	return rc;
}

static enum rc
work_get(struct db_txn *t, void *arg, struct why *why)
{
	struct work *w = arg;

	(void)why;
	for (size_t i = 0; i < w->room; i++) {
		struct record found;

		w->r[i].file[0] = '\0';
		if (get(t, span_of(w->r[i].name), &found))
			w->r[i] = found;
	}
	return RC_OK;
}

enum rc
index_get(struct index *index, struct record *r, size_t n, struct why *why)
{
	struct work w = {.index = index, .r = r, .room = n};

	return db_view(index->db, work_get, &w, why);
}

/* What was in its last user's memory waits again. */
static enum rc
work_back(struct db_txn *t, void *arg, struct why *why)
{
	struct work *w = arg;
	struct record_key from;

	(void)why;
	record_line_from(&from, RECORD_OUT, 0);
	(void)collect(t, w, &from, 0); /* the next: another time */
	for (size_t i = 0; i < w->n; i++) {
		w->r[i].line = RECORD_DUE;
		w->r[i].due_ms = 0;
		put(t, &w->r[i]);
	}
	return RC_OK;
}

static enum rc
take_back(struct index *index, struct why *why)
{
	struct record *r = mem_array(SLICE, sizeof(*r));
	struct work w = {.index = index, .r = r, .room = SLICE};
	enum rc rc;

	do
		rc = db_update(index->db, work_back, &w, why);
	while (rc == RC_OK && w.n > 0);
	free(r);
	return rc;
}

enum rc
index_open(int dir, const struct db_boot *boot, struct index **out, bool *fresh,
    struct why *why)
{
	const struct db_place place = {.dir = dir,
	    .name = NAME,
	    .format = FORMAT,
	    .boot = *boot,
	    .map_first = MAP_FIRST};
	struct index *index = mem_alloc(sizeof(*index));
	enum rc rc = db_open(&place, &index->db, fresh, why);

	if (rc == RC_OK && !*fresh)
		rc = take_back(index, why);
	/* and the count */
	if (rc == RC_OK)
		rc = index_write(index, NULL, 0, why);
	if (rc != RC_OK)
		index_close(&index);
	*out = index;
	return rc;
}

void
index_close(struct index **index)
{
	if (*index == NULL)
		return;
	db_close(&(*index)->db, true);
	free(*index);
	*index = NULL;
}

bool
index_usable(const struct index *index)
{
	return db_usable(index->db);
}

uint64_t
index_count(const struct index *index)
{
	return index->count;
}

/*
 * The history's index: see history_index.h. Its records:
 *
 *   d DAY            how far the day's file has been taken in
 *   i DAY ID 0 AT    a line of that story
 *   a DAY SUM ID     a story of that address
 *   m DAY SUM ID     a story with that Message-ID
 *   c DAY SUM ID     a story of that client
 *
 * DAY (4 bytes) and AT (8) are big-endian, so that all is in the order of time.
 * What a transaction does may be run again from its beginning.
 */
#include <openssl/sha.h>
#include <stdlib.h>

#include "lib/base/id.h"
#include "lib/base/mem.h"
#include "qmgr/history_file.h"
#include "qmgr/history_index.h"
#include "qmgr/history_line.h"
#include "lib/base/banned.h"

#define NAME       "history.2"
#define FORMAT     "history.2"
#define BEFORE     "history.1" /* had no clients */
#define MAP_FIRST  ((size_t)64 << 20)
#define FORGET_MAX 2000 /* records in one transaction */
#define LOOKS_MAX  4096 /* likewise, of those that are only looked at */
#define SLACK_US   ((uint64_t)2 * 86400 * 1000000)
#define KEY_MAX    (1 + 4 + HISTORY_INDEX_SUM + STORE_NAME_MAX + 1 + 8)

struct history_index {
	struct db *db;
	uint32_t *days;
	size_t n_days;
	size_t room;
};

struct key {
	char p[KEY_MAX];
	size_t n;
};

static void
put_number(struct key *k, uint64_t number, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0;)
		k->p[k->n++] = (char)(number >> (8 * i));
}

static uint64_t
get_number(struct span s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n = n << 8 | (uint64_t)span_at(s, i);
	return n;
}

static void
put_bytes(struct key *k, struct span s)
{
	if (s.n > 0)
		memcpy(k->p + k->n, s.p, s.n);
	k->n += s.n;
}

static struct key
key_of(char kind, uint32_t day)
{
	struct key k = {.n = 0};

	k.p[k.n++] = kind;
	put_number(&k, day, 4);
	return k;
}

/* What all stories of it on that day begin with. */
static struct key
key_of_stories(const struct history_index_key *about, uint32_t day)
{
	struct key k = key_of(about->kind, day);

	put_bytes(&k, span_make(about->sum, HISTORY_INDEX_SUM));
	return k;
}

static struct key
key_of_lines(struct span id, uint32_t day)
{
	struct key k = key_of('i', day);

	put_bytes(&k, id);
	put_number(&k, 0, 1);
	return k;
}

static struct span
span_key(const struct key *k)
{
	return span_make(k->p, k->n);
}

static struct history_index_key
sum_of(char kind, struct span text)
{
	unsigned char digest[SHA256_DIGEST_LENGTH] = {0};
	struct history_index_key k = {.kind = kind};

	(void)SHA256((const void *)text.p, text.n, digest); /* cannot fail */
	memcpy(k.sum, digest, sizeof(k.sum));
	return k;
}

/* Of a text in the form in which such are compared. */
static struct history_index_key
key_by(char kind, void (*form)(struct span text, struct buf *out),
    struct span text)
{
	struct history_index_key k;
	struct buf b;

	buf_init(&b, HISTORY_VALUE_MAX);
	form(text, &b);
	k = sum_of(kind, buf_span(&b));
	buf_fini(&b);
	return k;
}

struct history_index_key
history_index_address(struct span address)
{
	return key_by('a', history_line_address, address);
}

struct history_index_key
history_index_message_id(struct span id)
{
	return key_by('m', history_line_message_id, id);
}

struct history_index_key
history_index_client(struct span client)
{
	return key_by('c', history_line_client, client);
}

/* ---- days ---- */

const uint32_t *
history_index_days(const struct history_index *x, size_t *n)
{
	*n = x->n_days;
	return x->days;
}

static void
know_day(struct history_index *x, uint32_t day)
{
	size_t at = x->n_days;

	while (at > 0 && x->days[at - 1] > day)
		at--;
	if (at > 0 && x->days[at - 1] == day)
		return;
	if (x->n_days == x->room) {
		x->room = x->room == 0 ? 64 : x->room * 2;
		x->days = mem_grow(x->days, x->room * sizeof(*x->days));
	}
	memmove(x->days + at + 1, x->days + at,
	    (x->n_days - at) * sizeof(*x->days));
	x->days[at] = day;
	x->n_days++;
}

static void
forget_day(struct history_index *x, uint32_t day)
{
	size_t n = 0;

	for (size_t i = 0; i < x->n_days; i++)
		if (x->days[i] != day)
			x->days[n++] = x->days[i];
	x->n_days = n;
}

static enum rc
work_days(struct db_txn *t, void *arg, struct why *why)
{
	struct history_index *x = arg;
	struct key from = key_of('d', 0);
	struct span key, value;
	bool ok = db_seek(t, span_key(&from), &key, &value);

	(void)why;
	x->n_days = 0;
	for (; ok && span_at(key, 0) == 'd' && key.n == 5;
	     ok = db_next(t, &key, &value))
		know_day(x, (uint32_t)get_number(span_from(key, 1)));
	return RC_OK;
}

/* ---- taking in ---- */

struct taking {
	uint32_t day;
	uint64_t at;
	struct span lines;
	uint64_t upto; /* result of work_upto */
};

static void
put_once(struct db_txn *t, const struct key *k)
{
	struct span value;

	/* the same address stands in many lines of a story */
	if (!db_get(t, span_key(k), &value))
		db_put(t, span_key(k), SPAN_LIT("."));
}

/* What a story is found by. */
static void
put_story(struct db_txn *t, const struct history_index_key *about, uint32_t day,
    struct span id)
{
	struct key k = key_of_stories(about, day);

	put_bytes(&k, id);
	put_once(t, &k);
}

static void
put_field(struct db_txn *t, const struct history_field *f, uint32_t day,
    struct span id)
{
	static const char *const addresses[] = {
	    "from", "to", "account", "login"};
	struct history_index_key about;
	struct buf value;

	buf_init(&value, HISTORY_LINE_MAX);
	history_line_value(f, &value);
	if (value.n > 0 && span_eq(f->key, SPAN_LIT("msgid"))) {
		about = history_index_message_id(buf_span(&value));
		put_story(t, &about, day, id);
	}
	if (value.n > 0 && span_eq(f->key, SPAN_LIT("client"))) {
		about = history_index_client(buf_span(&value));
		put_story(t, &about, day, id);
	}
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		if (value.n > 0 && span_eq(f->key, span_of(addresses[i]))) {
			about = history_index_address(buf_span(&value));
			put_story(t, &about, day, id);
		}
	buf_fini(&value);
}

static void
put_line(struct db_txn *t, struct span line, uint32_t day, uint64_t at)
{
	struct history_line l;
	struct buf id;
	struct key k;

	buf_init(&id, STORE_NAME_MAX);
	if (history_line_parse(line, &l) && history_line_id(&l, &id)) {
		k = key_of_lines(buf_span(&id), day);
		put_number(&k, at, 8);
		db_put(t, span_key(&k), SPAN_LIT("."));
		/* gaps and counts are of nobody */
		for (size_t i = 0; i < l.n && history_line_has(&l, "id"); i++)
			put_field(t, &l.fields[i], day, buf_span(&id));
	}
	buf_fini(&id);
}

static enum rc
work_add(struct db_txn *t, void *arg, struct why *why)
{
	const struct taking *w = arg;
	struct key mark = key_of('d', w->day);
	uint64_t upto = w->at + w->lines.n;
	struct span rest = w->lines;
	uint64_t at = w->at;

	(void)why;
	while (rest.n > 0) {
		struct span line = span_cut(&rest, '\n');

		put_line(t, line, w->day, at);
		at += line.n + 1;
	}
	db_put(t, span_key(&mark), span_make(&upto, sizeof(upto)));
	return RC_OK;
}

enum rc
history_index_add(struct history_index *x, uint32_t day, uint64_t at,
    struct span lines, struct why *why)
{
	struct taking w = {.day = day, .at = at, .lines = lines};
	enum rc rc = db_update(x->db, work_add, &w, why);

	if (rc == RC_OK)
		know_day(x, day);
	return rc;
}

static enum rc
work_upto(struct db_txn *t, void *arg, struct why *why)
{
	struct taking *w = arg;
	struct key mark = key_of('d', w->day);
	struct span value;

	(void)why;
	w->upto = 0;
	if (db_get(t, span_key(&mark), &value) && value.n == sizeof(w->upto))
		memcpy(&w->upto, value.p, sizeof(w->upto));
	return RC_OK;
}

uint64_t
history_index_upto(const struct history_index *x, uint32_t day)
{
	struct taking w = {.day = day};

	return db_view(x->db, work_upto, &w, NULL) == RC_OK ? w.upto : 0;
}

struct forgetting {
	uint32_t day;
	size_t n;
};

static enum rc
work_forget(struct db_txn *t, void *arg, struct why *why)
{
	static const char kinds[] = "iamd"; /* the mark goes last */
	struct forgetting *w = arg;
	struct span key, value;

	(void)why;
	w->n = 0;
	for (size_t i = 0; kinds[i] != '\0' && w->n < FORGET_MAX; i++) {
		struct key from = key_of(kinds[i], w->day);

		while (w->n < FORGET_MAX &&
		       db_seek(t, span_key(&from), &key, &value) &&
		       span_starts(key, span_key(&from))) {
			struct key k = {.n = 0};

			/* what is borrowed ends with the change */
			put_bytes(&k, span_head(key, KEY_MAX));
			(void)db_del(t, span_key(&k)); /* it is there */
			w->n++;
		}
	}
	return RC_OK;
}

enum rc
history_index_forget(
    struct history_index *x, uint32_t day, bool *more, struct why *why)
{
	struct forgetting w = {.day = day};
	enum rc rc = db_update(x->db, work_forget, &w, why);

	*more = rc == RC_OK && w.n == FORGET_MAX;
	if (rc == RC_OK && !*more)
		forget_day(x, day);
	return rc;
}

/* ---- asking ---- */

struct asking {
	const struct history_index *x;
	const struct history_index_ask *ask;
	struct history_index_at at;
	bool ended;
	size_t looks; /* records that may still be looked at */
	struct history_index_at *out;
	size_t room;
	size_t n;
};

/*
 * Nothing is told of an ID before the day of its time; but the clock may have
 * been set back since, by an hour or by years.
 */
static uint32_t
day_of_id(const struct history_index *x, struct span id)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	uint64_t us = 0;
	uint32_t day;

	if (!id_valid(span_head(id, ID_LEN)))
		return 0;
	for (size_t i = 0; i < ID_LEN - 4; i++)
		us = us << 5 | (uint64_t)(strchr(digits, id.p[i]) - digits);
	day = history_file_day(us > SLACK_US ? us - SLACK_US : 0);
	return x->n_days > 0 && day <= x->days[x->n_days - 1] ? day : 0;
}

/* Has it been told of on an earlier day? */
static bool
is_told(struct db_txn *t, const struct asking *w, uint32_t day, struct span id)
{
	uint32_t first = day_of_id(w->x, id);
	struct span value;

	if (first < w->ask->since)
		first = w->ask->since;
	for (size_t i = 0; i < w->x->n_days && w->x->days[i] < day; i++) {
		struct key k = key_of_stories(&w->ask->key, w->x->days[i]);

		put_bytes(&k, id);
		if (w->x->days[i] >= first && db_get(t, span_key(&k), &value))
			return true;
	}
	return false;
}

/* The record behind w->at, which is of that day. */
static bool
first_of_day(struct db_txn *t, const struct asking *w, struct span *key)
{
	struct key k = key_of_stories(&w->ask->key, w->at.day);
	struct span value;
	bool ok;

	put_bytes(&k, span_of(w->at.id));
	if (!w->ask->forward) {
		if (w->at.id[0] == '\0')
			put_number(&k, 0xff, 1); /* behind all ids */
		return db_seek_before(t, span_key(&k), key, &value);
	}
	ok = db_seek(t, span_key(&k), key, &value);
	if (ok && span_eq(*key, span_key(&k)))
		ok = db_next(t, key, &value);
	return ok;
}

/* What is left of one day; false: there may be more of it. */
static bool
collect(struct db_txn *t, struct asking *w)
{
	struct key head = key_of_stories(&w->ask->key, w->at.day);
	struct span key, value;
	bool ok = first_of_day(t, w, &key);

	for (; ok && span_starts(key, span_key(&head));
	     ok = w->ask->forward ? db_next(t, &key, &value)
				  : db_prev(t, &key, &value)) {
		struct span id = span_from(key, head.n);

		if (w->n == w->room || w->looks == 0)
			return false;
		w->looks--;
		if (!span_copy(id, w->at.id, sizeof(w->at.id)))
			continue; /* none of ours is as long */
		/* db_get() leaves the cursor where it is */
		if (!is_told(t, w, w->at.day, id))
			w->out[w->n++] = w->at;
	}
	return true;
}

static enum rc
work_stories(struct db_txn *t, void *arg, struct why *why)
{
	struct asking *w = arg;
	const struct history_index *x = w->x;
	bool forward = w->ask->forward;

	(void)why;
	w->n = 0;
	w->looks = LOOKS_MAX;
	w->at = w->ask->at;
	w->ended = false;
	for (size_t i = 0; i < x->n_days; i++) {
		uint32_t day = x->days[forward ? i : x->n_days - 1 - i];

		if (day < w->ask->since ||
		    (forward ? day < w->at.day : day > w->at.day))
			continue;
		if (day != w->at.day)
			w->at = (struct history_index_at){.day = day};
		if (!collect(t, w))
			return RC_OK;
	}
	w->ended = true;
	return RC_OK;
}

enum rc
history_index_stories(struct history_index *x, struct history_index_ask *ask,
    struct history_index_at *out, size_t *n, struct why *why)
{
	struct asking w = {.x = x, .ask = ask, .out = out, .room = *n};
	enum rc rc = db_view(x->db, work_stories, &w, why);

	*n = rc == RC_OK ? w.n : 0;
	if (rc == RC_OK) {
		ask->at = w.at;
		ask->ended = w.ended;
	}
	return rc;
}

struct tracing {
	const struct history_index *x;
	struct span id;
	struct history_index_line from;
	struct history_index_line *out;
	size_t room;
	size_t n;
};

static void
collect_lines(struct db_txn *t, struct tracing *w, uint32_t day)
{
	struct key head = key_of_lines(w->id, day), k = head;
	struct span key, value;
	bool ok;

	put_number(&k, day == w->from.day ? w->from.at : 0, 8);
	ok = db_seek(t, span_key(&k), &key, &value);
	for (; ok && w->n < w->room && key.n == k.n &&
	       span_starts(key, span_key(&head));
	     ok = db_next(t, &key, &value))
		w->out[w->n++] = (struct history_index_line){
		    day, get_number(span_from(key, head.n))};
}

static enum rc
work_lines(struct db_txn *t, void *arg, struct why *why)
{
	struct tracing *w = arg;
	uint32_t first = day_of_id(w->x, w->id);

	(void)why;
	if (first < w->from.day)
		first = w->from.day;
	w->n = 0;
	for (size_t i = 0; i < w->x->n_days && w->n < w->room; i++)
		if (w->x->days[i] >= first)
			collect_lines(t, w, w->x->days[i]);
	return RC_OK;
}

enum rc
history_index_lines(struct history_index *x, struct span id,
    struct history_index_slice *s, struct why *why)
{
	struct tracing w = {.x = x,
	    .id = span_head(id, STORE_NAME_MAX),
	    .from = s->from,
	    .out = s->out,
	    .room = s->n};
	enum rc rc = db_view(x->db, work_lines, &w, why);

	s->n = rc == RC_OK ? w.n : 0;
	return rc;
}

/* ---- opening ---- */

enum rc
history_index_open(int dir, const struct db_boot *boot,
    struct history_index **out, bool *fresh, struct why *why)
{
	const struct db_place place = {.dir = dir,
	    .name = NAME,
	    .format = FORMAT,
	    .boot = *boot,
	    .map_first = MAP_FIRST};
	struct history_index *x = mem_alloc(sizeof(*x));
	enum rc rc;

	/* what nobody opens any more would lie there for ever */
	(void)db_drop(dir, BEFORE, why);
	rc = db_open(&place, &x->db, fresh, why);
	if (rc == RC_OK)
		rc = db_view(x->db, work_days, x, why);
	if (rc != RC_OK)
		history_index_close(&x);
	*out = x;
	return rc;
}

void
history_index_close(struct history_index **xp)
{
	struct history_index *x = *xp;

	*xp = NULL;
	if (x == NULL)
		return;
	db_close(&x->db, true);
	free(x->days);
	free(x);
}

bool
history_index_usable(const struct history_index *x)
{
	return db_usable(x->db);
}

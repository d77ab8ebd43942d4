/*
 * The account's index: see cache.h. A record's value is
 *
 *   check (8 bytes: CRC-32C of the base name, size), wire (8),
 *   length of envelope and of structure (4 each), envelope, structure, header
 *
 * in the host's byte order: it never leaves the host. Its key is the mailbox's
 * tag, UIDVALIDITY and UID, big-endian, so that a mailbox's records stand
 * together in the order of UIDs.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "imapd/cache.h"
#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/base/banned.h"

#define CACHE_NAME   "imap.2"
#define CACHE_FORMAT "imap.2"
#define PENDING_MAX  ((size_t)1 << 20) /* bytes written in one transaction */
#define PREFIX       (MAILDIR_TAG_LEN + 4)
#define KEY          (PREFIX + 4)
#define HEAD         24
#define RETRY_MS     30000

const struct span cache_fields[] = {
    SPAN_LIT("From"),
    SPAN_LIT("To"),
    SPAN_LIT("Cc"),
    SPAN_LIT("Bcc"),
    SPAN_LIT("Subject"),
    SPAN_LIT("Date"),
    SPAN_LIT("Message-ID"),
    SPAN_LIT("In-Reply-To"),
    SPAN_LIT("References"),
    SPAN_LIT("Reply-To"),
    SPAN_LIT("Sender"),
    SPAN_LIT("Content-Type"),
    SPAN_LIT("Priority"),
    SPAN_LIT("X-Priority"),
    SPAN_LIT("Importance"),
    SPAN_LIT("Newsgroups"),
    SPAN_LIT("List-Id"),
    SPAN_LIT("List-Post"),
    SPAN_LIT("List-Unsubscribe"),
    SPAN_LIT("Delivered-To"),
    SPAN_LIT("Disposition-Notification-To"),
    /* mutt, K-9 */
    SPAN_LIT("Content-Description"),
    SPAN_LIT("Lines"),
    SPAN_LIT("List-Subscribe"),
    SPAN_LIT("X-Label"),
    SPAN_LIT("X-Original-To"),
    SPAN_LIT("X-K9mail-Identity"),
    SPAN_LIT("X-Chat-Version"),
};
const size_t cache_fields_n = sizeof(cache_fields) / sizeof(cache_fields[0]);

/* Records that are to be written: keys and values, one behind the other. */
struct change {
	char key[KEY];
	size_t at;
	size_t n; /* of the value in `values`; 0: delete it */
};

struct cache {
	int dir;
	struct db_boot boot;
	struct db *db;     /* NULL: there is none to be used */
	uint64_t retry_ms; /* when to try again */
	struct change *v;
	size_t n;
	size_t cap;
	struct buf values;
};

static void
open_db(struct cache *c)
{
	const struct db_place place = {.dir = c->dir,
	    .name = CACHE_NAME,
	    .format = CACHE_FORMAT,
	    .boot = c->boot,
	    .map_first = (size_t)16 << 20};
	struct why why;
	bool fresh;

	c->retry_ms = clock_mono_ms() + RETRY_MS;
	if (c->dir < 0)
		return;
	if (db_open(&place, &c->db, &fresh, &why) != RC_OK)
		LOG(IMAP_INDEX, log_str(why.text));
}

struct cache *
cache_new(const char *folder, const struct db_boot *boot)
{
	struct cache *c = mem_alloc(sizeof(*c));

	c->dir =
	    folder == NULL
		? -1
		: open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	c->boot = *boot;
	buf_init(&c->values, PENDING_MAX + CACHE_RECORD_MAX + HEAD);
	open_db(c);
	return c;
}

void
cache_free(struct cache **cache)
{
	struct cache *c = *cache;

	*cache = NULL;
	if (c == NULL)
		return;
	cache_flush(c);
	db_close(&c->db, false);
	io_close(&c->dir);
	buf_fini(&c->values);
	free(c->v);
	free(c);
}

/* One that was damaged or dropped is begun anew. */
static bool
usable(struct cache *c)
{
	if (c->db != NULL && !db_usable(c->db)) {
		db_close(&c->db, false);
		open_db(c);
	}
	/* an older process of this account had it, perhaps */
	if (c->db == NULL && c->dir >= 0 && clock_mono_ms() >= c->retry_ms)
		open_db(c);
	return c->db != NULL;
}

static void
put_be32(char *to, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		to[i] = (char)(n >> (24 - 8 * i));
}

static uint32_t
get_be32(const char *from)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++)
		n = n << 8 | (unsigned char)from[i];
	return n;
}

static void
make_key(const struct maildir_mailbox *m, uint32_t uid, char *key)
{
	memcpy(key, m->state.tag, MAILDIR_TAG_LEN);
	put_be32(key + MAILDIR_TAG_LEN, m->state.uidvalidity);
	put_be32(key + PREFIX, uid);
}

static uint64_t
check_of(const struct maildir_message *msg)
{
	struct span base = maildir_name_base(span_of(msg->name));

	return (uint64_t)enc_crc32c(0, base.p, base.n) << 32 ^ msg->size;
}

struct get {
	char key[KEY];
	uint64_t check;
	struct buf *room;
	bool found;
};

static enum rc
work_get(struct db_txn *txn, void *arg, struct why *why)
{
	struct get *g = arg;
	struct span value;
	uint64_t check;

	(void)why;
	if (!db_get(txn, span_make(g->key, KEY), &value) || value.n < HEAD)
		return RC_OK;
	memcpy(&check, value.p, sizeof(check));
	g->found = check == g->check && buf_put_span(g->room, value);
	return RC_OK;
}

/* Take the value apart; false when its lengths are wrong. */
static bool
unpack(struct span value, struct cache_record *r)
{
	uint32_t lengths[2];

	memcpy(&r->wire, value.p + 8, sizeof(r->wire));
	memcpy(lengths, value.p + 16, sizeof(lengths));
	value = span_from(value, HEAD);
	if (lengths[0] > value.n || lengths[1] > value.n - lengths[0])
		return false;
	r->envelope = span_head(value, lengths[0]);
	value = span_from(value, lengths[0]);
	r->structure = span_head(value, lengths[1]);
	r->header = span_from(value, lengths[1]);
	return true;
}

bool
cache_get(struct cache *c, const struct maildir_mailbox *m,
    const struct maildir_message *msg, struct buf *room, struct cache_record *r)
{
	struct get g = {.check = check_of(msg), .room = room};
	struct why why;

	buf_clear(room);
	if (!usable(c))
		return false;
	make_key(m, msg->uid, g.key);
	/* what cannot be read is made from the file */
	if (db_view(c->db, work_get, &g, &why) != RC_OK || !g.found)
		return false;
	return unpack(buf_span(room), r);
}

static struct change *
add_change(struct cache *c, const struct maildir_mailbox *m, uint32_t uid)
{
	struct change *change;

	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 64 : c->cap * 2;
		c->v = mem_grow(c->v, c->cap * sizeof(*c->v));
	}
	change = &c->v[c->n++];
	*change = (struct change){.at = c->values.n};
	make_key(m, uid, change->key);
	return change;
}

void
cache_put(struct cache *c, const struct maildir_mailbox *m,
    const struct maildir_message *msg, const struct cache_record *r)
{
	uint32_t lengths[2] = {
	    (uint32_t)r->envelope.n, (uint32_t)r->structure.n};
	uint64_t check = check_of(msg);
	struct change *change;

	if (c->db == NULL ||
	    r->envelope.n + r->structure.n + r->header.n > CACHE_RECORD_MAX)
		return;
	change = add_change(c, m, msg->uid);
	buf_put(&c->values, &check, sizeof(check));
	buf_put(&c->values, &r->wire, sizeof(r->wire));
	buf_put(&c->values, lengths, sizeof(lengths));
	buf_put_span(&c->values, r->envelope);
	buf_put_span(&c->values, r->structure);
	buf_put_span(&c->values, r->header);
	change->n = c->values.n - change->at;
	if (c->values.n > PENDING_MAX)
		cache_flush(c);
}

void
cache_forget(struct cache *c, const struct maildir_mailbox *m, uint32_t uid)
{
	if (c->db != NULL)
		(void)add_change(c, m, uid);
}

static enum rc
work_flush(struct db_txn *txn, void *arg, struct why *why)
{
	const struct cache *c = arg;

	(void)why;
	for (size_t i = 0; i < c->n; i++) {
		const struct change *change = &c->v[i];
		struct span key = span_make(change->key, KEY);

		if (change->n == 0)
			(void)db_del(txn, key); /* was perhaps never there */
		else
			db_put(txn, key,
			    span_make(c->values.p + change->at, change->n));
	}
	return RC_OK;
}

void
cache_flush(struct cache *c)
{
	struct why why;

	if (c->n > 0 && usable(c) &&
	    db_update(c->db, work_flush, c, &why) != RC_OK)
		LOG(IMAP_INDEX, log_str(why.text));
	c->n = 0;
	buf_clear(&c->values);
}

struct sweep {
	struct cache *c;
	const struct maildir_mailbox *m;
};

static enum rc
work_sweep(struct db_txn *txn, void *arg, struct why *why)
{
	struct sweep *w = arg;
	char first[KEY];
	struct span key, value;
	bool more;

	(void)why;
	make_key(w->m, 0, first);
	more = db_seek(txn, span_make(first, KEY), &key, &value);
	while (more && key.n == KEY && memcmp(key.p, first, PREFIX) == 0) {
		uint32_t uid = get_be32(key.p + PREFIX);

		if (maildir_mailbox_find(w->m, uid) == NULL)
			cache_forget(w->c, w->m, uid);
		more = db_next(txn, &key, &value);
	}
	return RC_OK;
}

void
cache_sweep(struct cache *c, const struct maildir_mailbox *m)
{
	struct sweep w = {c, m};
	struct why why;

	if (!usable(c))
		return;
	if (db_view(c->db, work_sweep, &w, &why) != RC_OK)
		LOG(IMAP_INDEX, log_str(why.text));
	cache_flush(c);
}

/*
 * A cache in LMDB: see db.h. LMDB's own lock file is not used: it is shared
 * memory, which a full disk turns into a SIGBUS. One process is held to by a
 * lock on the mark, one transaction at a time by a mutex.
 */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/db/db.h"
#include "lib/db/file.h"
#include "lib/base/banned.h"

#define FILE_NAME "index.mdb"
#define MARK_NAME "mark"
#define OLD       ".dropped"
#define MAP_MAX   ((size_t)1 << 36)
#define TRIES     4
#define ROOM_MIN  (1U << 20)

struct db {
	pthread_mutex_t mutex; /* held through a transaction */
	int parent;
	char *name;
	char *format;
	struct db_boot boot;
	int folder;
	int mark; /* locked */
	int file; /* the same that LMDB has open */
	MDB_env *env;
	MDB_dbi dbi;
	size_t map, map_max;
	bool bad;
};

struct db_txn {
	struct db *db;
	MDB_txn *txn;
	MDB_cursor *cursor;
	int e; /* the first that went wrong */
};

/* ---- the folder ---- */

static bool
same_file(int a, int dir, const char *name)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 &&
	       fstatat(dir, name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	       sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static int
open_folder(int dir, const char *name)
{
	return openat(
	    dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* What db_drop has put aside. */
static void
remove_old(int dir, const char *old)
{
	int fd = open_folder(dir, old);

	if (fd < 0)
		return;
	/* whatever stays is tried again by the next drop, or open */
	(void)unlinkat(fd, FILE_NAME, 0);
	(void)unlinkat(fd, MARK_NAME, 0);
	(void)unlinkat(dir, old, AT_REMOVEDIR);
	io_close(&fd);
}

static void
put_old_name(struct buf *b, const char *name)
{
	buf_init(b, 4096);
	buf_puts(b, name);
	buf_puts(b, OLD);
}

enum rc
db_drop(int dir, const char *name, struct why *why)
{
	enum rc rc = RC_OK;
	struct buf old;
	int e = 0;

	put_old_name(&old, name);
	for (unsigned i = 0; i < TRIES; i++) {
		remove_old(dir, buf_cstr(&old));
		if (renameat(dir, name, dir, buf_cstr(&old)) == 0 ||
		    errno == ENOENT)
			goto out;
		/* somebody else drops, too */
		e = errno;
		if (e != ENOTEMPTY && e != EEXIST)
			break;
	}
	errno = e;
	rc = why_sys(why, RC_TEMP, "4.3.0", "drop of cache %s", name);
out:
	remove_old(dir, buf_cstr(&old));
	buf_fini(&old);
	return rc;
}

/* The folder and its locked mark. RC_WAIT: it was dropped meanwhile. */
static enum rc
lock_folder(struct db *db, struct why *why)
{
	if (mkdirat(db->parent, db->name, 0700) < 0 && errno != EEXIST)
		return why_sys(why, RC_TEMP, "4.3.0", "mkdir %s", db->name);
	db->folder = open_folder(db->parent, db->name);
	if (db->folder < 0)
		return errno == ENOENT ? RC_WAIT
				       : why_sys(why, RC_TEMP, "4.3.0",
					     "open %s", db->name);
	db->mark = openat(db->folder, MARK_NAME,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (db->mark < 0)
		return errno == ENOENT ? RC_WAIT
				       : why_sys(why, RC_TEMP, "4.3.0", "%s/%s",
					     db->name, MARK_NAME);
	if (flock(db->mark, LOCK_EX | LOCK_NB) < 0)
		return why_set(why, RC_TEMP, "4.3.0",
		    "another process has cache %s", db->name);
	return same_file(db->folder, db->parent, db->name) &&
		       same_file(db->mark, db->folder, MARK_NAME)
		   ? RC_OK
		   : RC_WAIT;
}

static enum rc
take_folder(struct db *db, struct why *why)
{
	enum rc rc = RC_WAIT;

	for (unsigned i = 0; rc == RC_WAIT && i < TRIES; i++) {
		io_close(&db->mark);
		io_close(&db->folder);
		rc = lock_folder(db, why);
	}
	if (rc == RC_WAIT)
		rc = why_set(why, RC_TEMP, "4.3.0",
		    "cache %s is dropped again and again", db->name);
	return rc;
}

/* ---- opening ---- */

static enum rc
open_file(struct db *db, struct why *why)
{
	struct stat st;

	db->file = openat(db->folder, FILE_NAME,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (db->file < 0 || fstat(db->file, &st) < 0)
		return why_sys(
		    why, RC_TEMP, "4.3.0", "%s/%s", db->name, FILE_NAME);
	if (!S_ISREG(st.st_mode))
		return why_set(why, RC_TEMP, "4.3.0", "%s/%s is not a file",
		    db->name, FILE_NAME);
	return RC_OK;
}

static enum rc
delete_file(struct db *db, struct why *why)
{
	io_close(&db->file);
	if (unlinkat(db->folder, FILE_NAME, 0) < 0 && errno != ENOENT)
		return why_sys(
		    why, RC_TEMP, "4.3.0", "%s/%s", db->name, FILE_NAME);
	return RC_OK;
}

/* May LMDB open it as it is? */
static bool
file_ok(const struct db *db)
{
	uint64_t used, size;

	return db_file_head(db->file, &used, &size) && size >= used;
}

/*
 * The mark's change from clean must be on disk before anything else is: else
 * a power cut could leave "clean" beside a half-written file.
 */
static enum rc
mark_open(struct db *db, enum db_mark was, struct why *why)
{
	enum rc rc =
	    db_mark_write(db->mark, db->format, &db->boot, DB_MARK_OPEN, why);

	if (rc != RC_OK || was == DB_MARK_OPEN || was == DB_MARK_CLOSED)
		return rc;
	if (fdatasync(db->mark) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "mark of a cache");
	return RC_OK;
}

static int
open_env(struct db *db)
{
	MDB_envinfo info;
	MDB_txn *txn = NULL;
	struct buf path;
	int e;

	buf_init(&path, 128);
	buf_putf(&path, "/proc/self/fd/%d/" FILE_NAME, db->folder);
	e = mdb_env_create(&db->env);
	if (e == 0)
		e = mdb_env_set_mapsize(db->env, db->map);
	if (e == 0)
		e = mdb_env_open(db->env, buf_cstr(&path),
		    MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOLOCK | MDB_NOTLS |
			MDB_NORDAHEAD,
		    0600);
	buf_fini(&path);
	if (e == 0)
		e = mdb_env_info(db->env, &info);
	if (e == 0) {
		db->map = info.me_mapsize;
		e = mdb_txn_begin(db->env, NULL, 0, &txn);
	}
	if (e != 0)
		return e;
	e = mdb_dbi_open(txn, NULL, 0, &db->dbi);
	if (e == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return e;
}

static void
close_env(struct db *db)
{
	if (db->env != NULL)
		mdb_env_close(db->env);
	db->env = NULL;
}

static enum rc
why_lmdb(struct why *why, const struct db *db, int e)
{
	return why_set(why, RC_TEMP,
	    e == ENOSPC || e == EDQUOT || e == MDB_MAP_FULL ? "4.3.1" : "4.3.0",
	    "cache %s: %s", db->name, mdb_strerror(e));
}

/* With the folder held. */
static enum rc
open_held(struct db *db, bool *fresh, struct why *why)
{
	enum db_mark was = db_mark_read(db->mark, db->format, &db->boot);
	enum rc rc = mark_open(db, was, why);
	int e = 0;

	*fresh = true;
	if (rc == RC_OK)
		rc = open_file(db, why);
	if (rc == RC_OK && (was == DB_MARK_CLOSED || was == DB_MARK_CLEAN) &&
	    file_ok(db)) {
		e = open_env(db);
		*fresh = e != 0;
	}
	if (rc != RC_OK || !*fresh)
		return rc;
	close_env(db);
	rc = delete_file(db, why);
	if (rc == RC_OK)
		rc = open_file(db, why);
	if (rc == RC_OK) {
		e = open_env(db);
		rc = e == 0 ? RC_OK : why_lmdb(why, db, e);
	}
	return rc;
}

static void
free_db(struct db **dbp)
{
	struct db *db = *dbp;

	*dbp = NULL;
	close_env(db);
	io_close(&db->file);
	io_close(&db->mark); /* and its lock */
	io_close(&db->folder);
	io_close(&db->parent);
	(void)pthread_mutex_destroy(&db->mutex); /* nobody holds it */
	free(db->name);
	free(db->format);
	free(db);
}

enum rc
db_open(
    const struct db_place *place, struct db **out, bool *fresh, struct why *why)
{
	struct db *db = mem_alloc(sizeof(*db));
	struct buf old;
	enum rc rc;

	*out = NULL;
	if (pthread_mutex_init(&db->mutex, NULL) != 0)
		bug("pthread_mutex_init");
	db->name = mem_dup(place->name);
	db->format = mem_dup(place->format);
	db->boot = place->boot;
	db->map = place->map_first;
	db->map_max = place->map_max == 0 ? MAP_MAX : place->map_max;
	db->folder = db->mark = db->file = -1;
	db->parent = fcntl(place->dir, F_DUPFD_CLOEXEC, 0);
	if (db->parent < 0) {
		rc = why_sys(why, RC_TEMP, "4.3.0", "cache %s", db->name);
		goto out;
	}
	put_old_name(&old, db->name);
	remove_old(db->parent, buf_cstr(&old));
	buf_fini(&old);
	rc = take_folder(db, why);
	if (rc == RC_OK)
		rc = open_held(db, fresh, why);
out:
	if (rc == RC_OK)
		*out = db;
	else
		free_db(&db);
	return rc;
}

/* LMDB need not have written the last pages it took: the next user's check
 * of the length wants them. */
static bool
fill_up(const struct db *db)
{
	uint64_t used, size;

	return db_file_head(db->file, &used, &size) &&
	       (size >= used || ftruncate(db->file, (off_t)used) == 0);
}

void
db_close(struct db **dbp, bool flush)
{
	struct db *db = *dbp;
	struct why why;

	if (db == NULL)
		return;
	close_env(db);
	/* in all other cases the mark still says open, which is as good as none
	 */
	if (!db->bad && fill_up(db) && (!flush || fdatasync(db->file) == 0))
		(void)db_mark_write(db->mark, db->format, &db->boot,
		    flush ? DB_MARK_CLEAN : DB_MARK_CLOSED, &why);
	free_db(dbp);
}

bool
db_usable(const struct db *db)
{
	return !db->bad;
}

/* ---- transactions ---- */

/* Is the cache as good as before, when LMDB has said that? */
static bool
harmless(int e)
{
	return e == 0 || e == MDB_MAP_FULL || e == MDB_TXN_FULL ||
	       e == MDB_BAD_VALSIZE || e == ENOSPC || e == EDQUOT ||
	       e == ENOMEM;
}

static bool
grow(struct db *db)
{
	size_t map = db->map * 2;

	if (map > db->map_max || mdb_env_set_mapsize(db->env, map) != 0)
		return false;
	db->map = map;
	return true;
}

/* LMDB calls it EIO, too, when the last of the room took half of a write. */
static int
reason(const struct db *db, int e)
{
	struct statvfs fs;

	return e == EIO && fstatvfs(db->file, &fs) == 0 &&
		       fs.f_bavail * fs.f_frsize < ROOM_MIN
		   ? ENOSPC
		   : e;
}

/* One try: the work's result, or what LMDB says in t->e. */
static enum rc
try(struct db_txn *t, unsigned flags, db_work *work, void *arg, struct why *why)
{
	enum rc rc;

	t->e = mdb_txn_begin(t->db->env, NULL, flags, &t->txn);
	if (t->e != 0)
		return RC_OK;
	rc = work(t, arg, why);
	if (t->cursor != NULL)
		mdb_cursor_close(t->cursor);
	t->cursor = NULL;
	if (t->e != 0 || rc != RC_OK || flags == MDB_RDONLY)
		mdb_txn_abort(t->txn);
	else
		t->e = mdb_txn_commit(t->txn);
	return t->e != 0 ? RC_OK : rc;
}

static enum rc
run(struct db_txn *t, unsigned flags, db_work *work, void *arg, struct why *why)
{
	struct db *db = t->db;
	enum rc rc;

	if (flags == 0 && !db->bad)
		db->bad = !same_file(db->folder, db->parent, db->name) ||
			  !same_file(db->file, db->folder, FILE_NAME);
	if (db->bad)
		return why_set(why, RC_TEMP, "4.3.0",
		    "cache %s is damaged, or was dropped", db->name);
	do
		rc = try(t, flags, work, arg, why);
	while (t->e == MDB_MAP_FULL && grow(db));
	if (t->e == 0)
		return rc;
	t->e = reason(db, t->e);
	db->bad = !harmless(t->e);
	return why_lmdb(why, db, t->e);
}

static enum rc
transact(
    struct db *db, unsigned flags, db_work *work, void *arg, struct why *why)
{
	struct db_txn t = {.db = db};
	enum rc rc;

	if (pthread_mutex_lock(&db->mutex) != 0)
		bug("pthread_mutex_lock");
	rc = run(&t, flags, work, arg, why);
	if (pthread_mutex_unlock(&db->mutex) != 0)
		bug("pthread_mutex_unlock");
	return rc;
}

enum rc
db_update(struct db *db, db_work *work, void *arg, struct why *why)
{
	return transact(db, 0, work, arg, why);
}

enum rc
db_view(struct db *db, db_work *work, void *arg, struct why *why)
{
	return transact(db, MDB_RDONLY, work, arg, why);
}

/* ---- records ---- */

/* No const in LMDB's value, and it does not write through it. */
static MDB_val
val(struct span s)
{
	return (MDB_val){s.n, (void *)(uintptr_t)s.p};
}

static struct span
span_val(MDB_val v)
{
	return span_make(v.mv_data, v.mv_size);
}

static bool
key_ok(struct span key)
{
	return key.n > 0 && key.n <= DB_KEY_MAX;
}

/* Found; else why not is remembered. */
static bool
found(struct db_txn *t, int e)
{
	if (e != 0 && e != MDB_NOTFOUND)
		t->e = e;
	return e == 0;
}

bool
db_get(struct db_txn *t, struct span key, struct span *value)
{
	MDB_val k = val(key), v;

	if (t->e != 0 || !key_ok(key) ||
	    !found(t, mdb_get(t->txn, t->db->dbi, &k, &v)))
		return false;
	*value = span_val(v);
	return true;
}

/* LMDB's own keeping up of cursors is not leant on. */
static void
forget_cursor(struct db_txn *t)
{
	if (t->cursor != NULL)
		mdb_cursor_close(t->cursor);
	t->cursor = NULL;
}

void
db_put(struct db_txn *t, struct span key, struct span value)
{
	MDB_val k = val(key), v = val(value);

	if (t->e != 0)
		return;
	forget_cursor(t);
	t->e = key_ok(key) ? mdb_put(t->txn, t->db->dbi, &k, &v, 0)
			   : MDB_BAD_VALSIZE;
}

bool
db_del(struct db_txn *t, struct span key)
{
	MDB_val k = val(key);

	if (t->e != 0 || !key_ok(key))
		return false;
	forget_cursor(t);
	return found(t, mdb_del(t->txn, t->db->dbi, &k, NULL));
}

uint64_t
db_count(struct db_txn *t)
{
	MDB_stat st;

	if (t->e != 0 || !found(t, mdb_stat(t->txn, t->db->dbi, &st)))
		return 0;
	return st.ms_entries;
}

static bool
move(struct db_txn *t, MDB_cursor_op op, MDB_val k, struct span out[2])
{
	MDB_val v;

	if (t->e != 0)
		return false;
	if (t->cursor == NULL)
		t->e = mdb_cursor_open(t->txn, t->db->dbi, &t->cursor);
	if (t->e != 0 || !found(t, mdb_cursor_get(t->cursor, &k, &v, op)))
		return false;
	out[0] = span_val(k);
	out[1] = span_val(v);
	return true;
}

static bool
give(bool ok, const struct span out[2], struct span *key, struct span *value)
{
	if (!ok)
		return false;
	*key = out[0];
	*value = out[1];
	return true;
}

bool
db_seek(
    struct db_txn *t, struct span from, struct span *key, struct span *value)
{
	struct span out[2];

	/* LMDB compares no more than a key can have */
	from = span_head(from, DB_KEY_MAX);
	return give(
	    move(t, from.n == 0 ? MDB_FIRST : MDB_SET_RANGE, val(from), out),
	    out, key, value);
}

bool
db_seek_before(
    struct db_txn *t, struct span before, struct span *key, struct span *value)
{
	struct span out[2];
	bool ok;

	before = span_head(before, DB_KEY_MAX);
	if (before.n > 0 && move(t, MDB_SET_RANGE, val(before), out))
		ok = move(t, MDB_PREV, val(SPAN_NONE), out);
	else
		ok = move(t, MDB_LAST, val(SPAN_NONE), out);
	return give(ok, out, key, value);
}

bool
db_next(struct db_txn *t, struct span *key, struct span *value)
{
	struct span out[2];

	return t->cursor != NULL &&
	       give(move(t, MDB_NEXT, val(SPAN_NONE), out), out, key, value);
}

bool
db_prev(struct db_txn *t, struct span *key, struct span *value)
{
	struct span out[2];

	return t->cursor != NULL &&
	       give(move(t, MDB_PREV, val(SPAN_NONE), out), out, key, value);
}

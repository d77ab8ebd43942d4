/*
 * A cache in LMDB: records in the order of their keys, in a folder of its own
 * that one process uses at a time. Whatever is in it can be made anew from
 * plain files: it is never flushed while in use, may be dropped at any moment,
 * and is not opened again once its user died with it. Who opens it trusts who
 * could write it: a damaged file may end its reader by a signal.
 *
 * All functions block (disk). Threads may share a cache: each transaction has
 * it alone, so a long scan is done in slices. No fork while one is open.
 */
#ifndef LIB_DB_DB_H
#define LIB_DB_DB_H

#include "lib/db/mark.h"

#define DB_KEY_MAX 511 /* bytes; a key has at least one */

struct db;
struct db_txn;

struct db_place {
	int dir;          /* folder in which the cache's folder is; borrowed */
	const char *name; /* of that one, made where it is missing */
	/* what the records are, with a version: letters, digits, '-', '.';
	 * less than DB_FORMAT_MAX */
	const char *format;
	struct db_boot boot;
	size_t map_first; /* bytes mapped at first; grows as needed */
	size_t map_max;   /* more than this is RC_TEMP; 0: 64 GB */
};

/*
 * Open, or make. *fresh: there is nothing in it, whatever was: the caller fills
 * it. What is not fresh is as a cleanly ended user left it, which may be
 * long ago. RC_TEMP: another process has it, no room, no right; nothing
 * is open then. *out is the caller's to close. Needs /proc.
 */
enum rc db_open(const struct db_place *place, struct db **out, bool *fresh,
    struct why *why);

/*
 * Close; takes NULL. `flush`: keep it over the next boot also, for the price of
 * a flush of its file. One that is damaged or dropped is left to be deleted by
 * the next open.
 */
void db_close(struct db **db, bool flush);

/*
 * Drop what is at that place, in use or not: its user finds out at its next
 * db_update(). RC_TEMP: it may still be there.
 */
enum rc db_drop(int dir, const char *name, struct why *why);

/* False: damaged, or dropped; close it and open it again. */
bool db_usable(const struct db *db);

/*
 * What is done in one transaction. It may be run again from its beginning (when
 * the file had to grow), so it changes nothing but the cache and what it
 * resets itself. What it returns beside RC_OK undoes the transaction and
 * becomes the result.
 */
typedef enum rc db_work(struct db_txn *txn, void *arg, struct why *why);

/*
 * Run `work` in a transaction that may change records: RC_OK when they are
 * changed, for any process but not for any power cut. RC_TEMP: nothing was
 * changed; 4.3.1 when there is no room, else see db_usable().
 */
enum rc db_update(struct db *db, db_work *work, void *arg, struct why *why);
/* The same, for reading only. */
enum rc db_view(struct db *db, db_work *work, void *arg, struct why *why);

/*
 * In a transaction. What LMDB refuses is remembered, makes all that follows
 * find nothing, and fails the transaction in the end: so no result here needs
 * a check for that. Values are borrowed until the next change or the
 * transaction's end, and are not aligned. A key that is empty or too long is
 * in no record, and fails the transaction when put.
 */
bool db_get(struct db_txn *txn, struct span key, struct span *value);
/* Add or replace. */
void db_put(struct db_txn *txn, struct span key, struct span value);
/* True: it was there. */
bool db_del(struct db_txn *txn, struct span key);
/* How many records there are. */
uint64_t db_count(struct db_txn *txn);

/*
 * The transaction's one cursor: the first record whose key is not less than
 * `from` (SPAN_NONE: of all), the last one whose key is less than `before`
 * (SPAN_NONE: of all), then those next to it. False: none. db_put() and
 * db_del() leave it nowhere: seek again.
 */
bool db_seek(
    struct db_txn *txn, struct span from, struct span *key, struct span *value);
bool db_seek_before(struct db_txn *txn, struct span before, struct span *key,
    struct span *value);
bool db_next(struct db_txn *txn, struct span *key, struct span *value);
bool db_prev(struct db_txn *txn, struct span *key, struct span *value);

#endif

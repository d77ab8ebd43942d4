/*
 * The queue's index: a record (record.h) for each message that is not in
 * memory, and for some that are. It is a cache: files without a record are
 * added, records without a file removed, and nothing in it says that a message
 * is done. All functions block and run in threads, one at a time (idle.h).
 */
#ifndef QMGR_INDEX_H
#define QMGR_INDEX_H

#include "lib/db/db.h"
#include "qmgr/record.h"

struct index;

/*
 * Open or make it in the folder `dir` (borrowed). *fresh: there is nothing in
 * it. Records that were out when its last user ended are due at once. RC_TEMP:
 * nothing is open. *out is the caller's to close.
 */
enum rc index_open(int dir, const struct db_boot *boot, struct index **out,
    bool *fresh, struct why *why);
/* Takes NULL. What is changed is flushed: it outlives a boot. */
void index_close(struct index **index);
/* False: damaged, or dropped: close it and open it again. */
bool index_usable(const struct index *index);
/* How many records there are; by the last transaction. */
uint64_t index_count(const struct index *index);

enum index_act {
	INDEX_PUT,   /* add or replace */
	INDEX_ADD,   /* add; one that is there learns the file's name only */
	INDEX_DEL,   /* remove */
	INDEX_FIRST, /* if it waits for its time: before all others */
};

struct index_change {
	enum index_act act;
	struct record r;
	uint64_t seq; /* the caller's */
};

/* All n changes in one transaction. RC_TEMP: none of them was made. */
enum rc index_write(struct index *index, const struct index_change *c, size_t n,
    struct why *why);

/* Room for n records, the caller's; n becomes how many there are. */
struct index_slice {
	struct record *r;
	size_t n;
};

/*
 * Up to s->n of those that are due, the longest due first, each OUT from then
 * on. *next_ms: when the next one is due, UINT64_MAX: none
 * waits.
 */
enum rc index_take(struct index *index, uint64_t now_ms, struct index_slice *s,
    uint64_t *next_ms, struct why *why);

/* Up to *n of those that wait for a later time are due then; *n: how many. */
enum rc index_hurry(
    struct index *index, uint64_t now_ms, size_t *n, struct why *why);

/*
 * The first s->n records whose ID comes after `after`, in the order of their
 * IDs; fewer than asked for at the end. `held`: only those that are held.
 */
enum rc index_after(struct index *index, struct span after, bool held,
    struct index_slice *s, struct why *why);

/* Fill in those whose r->name is known; of the others r->file is "". */
enum rc index_get(
    struct index *index, struct record *r, size_t n, struct why *why);

#endif

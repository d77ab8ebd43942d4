/*
 * Where in the history's files something is told of. The index is made from
 * their text and from nothing else, a piece at a time, and knows how far it has
 * come in each: so it may be deleted, and goes on where it was. All functions
 * block and run in threads, one at a time.
 *
 * A story is all lines with one id. The index has, by day: the lines of each
 * story, and the stories of each address, Message-ID and client (of which it
 * keeps a sum only: who reads the lines sees whether they are meant).
 */
#ifndef QMGR_HISTORY_INDEX_H
#define QMGR_HISTORY_INDEX_H

#include "lib/db/db.h"
#include "qmgr/store.h"

struct history_index;

/* As index_open() of index.h. *out is the caller's to close. */
enum rc history_index_open(int dir, const struct db_boot *boot,
    struct history_index **out, bool *fresh, struct why *why);
/* Takes NULL. */
void history_index_close(struct history_index **x);
/* False: damaged, or dropped: close it and open it again. */
bool history_index_usable(const struct history_index *x);

/* The days of which something is in it, in their order; borrowed. */
const uint32_t *history_index_days(const struct history_index *x, size_t *n);
/* How much of that day's file it has. */
uint64_t history_index_upto(const struct history_index *x, uint32_t day);
/*
 * Take in what stands at `at` (which it has come to) of that day's file: whole
 * lines. What is no line of ours is passed over. RC_TEMP: nothing was.
 */
enum rc history_index_add(struct history_index *x, uint32_t day, uint64_t at,
    struct span lines, struct why *why);
/* Forget some of that day; *more: there is more of it. */
enum rc history_index_forget(
    struct history_index *x, uint32_t day, bool *more, struct why *why);

/* ---- asking ---- */

#define HISTORY_INDEX_SUM 12

/* What stories are looked for by. */
struct history_index_key {
	char kind;
	char sum[HISTORY_INDEX_SUM];
};
/* In the forms of history_line.h, or not yet. */
struct history_index_key history_index_address(struct span address);
struct history_index_key history_index_message_id(struct span id);
struct history_index_key history_index_client(struct span client);

/* A place among the stories of a key: by day, then by id. */
struct history_index_at {
	uint32_t day;
	char id[STORE_NAME_MAX + 1];
};

/* Which stories are asked for, and how far that has come. */
struct history_index_ask {
	struct history_index_key key;
	bool forward;
	uint32_t since; /* day; each is told of on its first from then on */
	/* begins as (0, ""), or backwards as (UINT32_MAX, "") */
	struct history_index_at at;
	bool ended; /* result: there are none behind it */
};

/*
 * The next stories, *n at most; *n: how many. There may be fewer, or none,
 * although it has not ended.
 */
enum rc history_index_stories(struct history_index *x,
    struct history_index_ask *ask, struct history_index_at *out, size_t *n,
    struct why *why);

/* A line's place. */
struct history_index_line {
	uint32_t day;
	uint64_t at;
};

/* Some lines of a story. */
struct history_index_slice {
	struct history_index_line from; /* those at it, or behind it */
	struct history_index_line *out; /* room for n */
	size_t n;                       /* result: how many there are */
};

/* Fewer than there is room for: there are no more. */
enum rc history_index_lines(struct history_index *x, struct span id,
    struct history_index_slice *s, struct why *why);

#endif

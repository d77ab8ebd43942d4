/*
 * What the index keeps of a message that is not in memory, and its keys. Each
 * record has two: its own, and its place in one of three lines:
 *
 *   m ID        the record
 *   d DUE ID    it waits for its time (DUE: 8 bytes, big-endian)
 *   h ID        its file says that it is held
 *   o ID        it was taken out, and is in qmgr's memory
 *
 * A value is in the host's byte order: it never leaves the host. Pure.
 */
#ifndef QMGR_RECORD_H
#define QMGR_RECORD_H

#include "qmgr/store.h"

#define RECORD_REASON_MAX 200
#define RECORD_KEY_MAX    (1 + 8 + STORE_NAME_MAX)

enum record_line {
	RECORD_DUE = 'd',
	RECORD_HELD = 'h',
	RECORD_OUT = 'o',
};

struct record {
	char name[STORE_NAME_MAX + 1];
	char file[STORE_FILE_MAX + 1]; /* as it is called on disk */
	bool in_cur;
	enum record_line line;
	uint64_t due_ms; /* since 1970; 0: before all others */
	uint32_t rounds;
	uint32_t steps;                     /* back, since the last round */
	char reason[RECORD_REASON_MAX + 1]; /* of the last failure; "" */
};

/* The key of its own, and that of its line. */
struct record_key {
	char p[RECORD_KEY_MAX];
	size_t n;
};
void record_key(struct record_key *k, struct span name);
void record_line_key(struct record_key *k, const struct record *r);
/* What stands before all of that line (DUE: that is due then, or later). */
void record_line_from(
    struct record_key *k, enum record_line line, uint64_t due_ms);
/* The ID in a key of either kind; empty: it is none. */
struct span record_key_name(struct span key);
/* Of a key in the line of those that wait. */
uint64_t record_key_due(struct span key);

/* Append the value; it always fits in RECORD_VALUE_MAX. */
#define RECORD_VALUE_MAX 512
void record_put(struct buf *b, const struct record *r);
/* False: it is not what record_put() makes. */
bool record_get(struct span name, struct span value, struct record *r);

#endif

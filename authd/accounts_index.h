/*
 * The index of the accounts' file, sorted by key; its hashes and places point
 * into the text it was filled from. For accounts.c alone.
 */
#ifndef AUTHD_ACCOUNTS_INDEX_H
#define AUTHD_ACCOUNTS_INDEX_H

#include "authd/accounts.h"

struct accounts_index {
	size_t n, cap;
	struct accounts_entry *v;
	size_t told, told_bad; /* of the last reading */
};

/* From the file's text, which outlives it. Broken lines are logged, by number
 * and without what stands in them; of two of one login the first counts. */
void accounts_index_fill(struct accounts_index *x, struct span text);
void accounts_index_clear(struct accounts_index *x);
void accounts_index_fini(struct accounts_index *x);

/* As accounts_find and so on. */
const struct accounts_entry *accounts_index_find(
    const struct accounts_index *x, struct span login);
const struct accounts_entry *accounts_index_after(
    const struct accounts_index *x, struct span key);
struct span accounts_index_decoy(const struct accounts_index *x, uint64_t n);

#endif

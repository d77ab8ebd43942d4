/*
 * What goes into a snapshot (see format.h), gathered in memory and sorted.
 * Private to lib/directory.
 */
#ifndef LIB_DIRECTORY_RECORDS_H
#define LIB_DIRECTORY_RECORDS_H

#include "lib/base/buf.h"

/* offsets into the text of all records, which moves while it grows */
struct record {
	size_t key, n_key;
	size_t value, n_value;
	unsigned line; /* of its file; 0: of none */
	bool out;      /* not to be written, and not to be found */
};

struct records {
	struct buf text;
	struct record *v;
	size_t n, cap;
};

void records_init(struct records *r);
void records_fini(struct records *r);

/* One more; the local part of an address is put into lower case. */
void records_add(struct records *r, char kind, struct span key,
    struct span value, unsigned line);
/* By key, and by line where they are equal. */
void records_sort(struct records *r);
/* Both borrowed until the next change. The key with its kind in front. */
struct span records_key(const struct records *r, const struct record *at);
struct span records_value(const struct records *r, const struct record *at);
/* When sorted: the record of that kind and key, or NULL. */
const struct record *records_find(
    const struct records *r, char kind, struct span key);

#endif

/* A folder with one cache in it, for the tests of lib/db. */
#ifndef TESTS_UNIT_LIB_DB_PLACE_H
#define TESTS_UNIT_LIB_DB_PLACE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/db/db.h"

#define BOOT_1 "11111111-2222-3333-4444-555555555555"

static char top[64];
static struct db_place place;

static void
place_make(void)
{
	(void)snprintf(top, sizeof(top), "/var/tmp/db.XXXXXX");
	assert_non_null(mkdtemp(top));
	place = (struct db_place){.dir = -1,
	    .name = "cache-1",
	    .format = "test-1",
	    .boot = {BOOT_1},
	    .map_first = 1 << 16};
	place.dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place.dir >= 0);
}

static void
place_path(char *path, size_t n, const char *name)
{
	(void)snprintf(path, n, "%s/cache-1/%s", top, name);
}

/* Fails when anything else is left. */
static void
place_remove(void)
{
	char path[128];

	place_path(path, sizeof(path), "index.mdb");
	(void)unlink(path);
	place_path(path, sizeof(path), "mark");
	(void)unlink(path);
	place_path(path, sizeof(path), "");
	(void)rmdir(path);
	io_close(&place.dir);
	assert_int_equal(rmdir(top), 0);
}

/* Records "000000".. with `size` bytes each. */
struct fill {
	unsigned first, n;
	size_t size;
};

static inline enum rc
work_fill(struct db_txn *txn, void *arg, struct why *why)
{
	const struct fill *f = arg;
	char *value = calloc(1, f->size + 1);
	char key[16];

	(void)why;
	for (unsigned i = f->first; i < f->first + f->n; i++) {
		(void)snprintf(key, sizeof(key), "%06u", i);
		memset(value, (int)('a' + i % 26), f->size);
		db_put(txn, span_of(key), span_make(value, f->size));
	}
	free(value);
	return RC_OK;
}

struct seen {
	uint64_t count;    /* as LMDB counts */
	uint64_t read;     /* as a cursor finds */
	uint64_t n_values; /* bytes */
};

static inline enum rc
work_see(struct db_txn *txn, void *arg, struct why *why)
{
	struct seen *seen = arg;
	struct span key, value;

	(void)why;
	*seen = (struct seen){.count = db_count(txn)};
	for (bool ok = db_seek(txn, SPAN_NONE, &key, &value); ok;
	     ok = db_next(txn, &key, &value)) {
		seen->read++;
		for (size_t i = 0; i < value.n; i++)
			seen->n_values += value.p[i] != '\0';
	}
	return RC_OK;
}

#endif

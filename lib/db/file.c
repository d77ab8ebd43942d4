/*
 * An LMDB file seen from outside: see file.h.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/db/file.h"
#include "lib/base/banned.h"

/* LMDB 0.9: a meta page on a 64-bit host, without the names we do not need */
struct meta {
	uint64_t page_no;
	uint16_t pad, flags;
	uint32_t bounds;
	uint32_t magic, version;
	uint64_t address, map_size;
	uint32_t page_size;
	uint32_t rest[23];
	uint64_t last_page, txn;
};

#define META_MAGIC   0xbeefc0deU
#define META_VERSION 1
#define META_FLAG    8

_Static_assert(sizeof(struct meta) == 152, "as in LMDB's mdb.c");

static bool
meta_ok(const struct meta *m, uint64_t page_no, uint64_t page_size)
{
	return m->page_no == page_no && m->magic == META_MAGIC &&
	       m->version == META_VERSION && (m->flags & META_FLAG) != 0 &&
	       m->page_size == page_size && m->last_page >= 1 &&
	       m->last_page < UINT64_MAX / page_size - 1;
}

bool
db_file_head(int fd, uint64_t *used, uint64_t *size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct meta m[2];
	struct stat st;
	size_t got;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)(2 * page))
		return false;
	for (unsigned i = 0; i < 2; i++)
		if (!io_pread_all(
			fd, &m[i], sizeof(m[i]), (off_t)(i * page), &got) ||
		    got < sizeof(m[i]) || !meta_ok(&m[i], i, page))
			return false;
	*used = (m[m[1].txn > m[0].txn].last_page + 1) * page;
	*size = (uint64_t)st.st_size;
	return true;
}

/*
 * One message's file: see file.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/id.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/maildir/file.h"
#include "lib/maildir/name.h"
#include "lib/base/banned.h"

#define CHUNK 65536

bool
maildir_file_wire(int fd, uint64_t *octets)
{
	char *chunk = mem_alloc(CHUNK);
	char last = '\0';
	size_t got = CHUNK;
	off_t at = 0;
	bool ok = true;

	*octets = 0;
	while (ok && got == CHUNK) {
		ok = io_pread_all(fd, chunk, CHUNK, at, &got);
		/* LFs without a CR before them, and the bytes there are */
		for (size_t i = 0; ok && i < got; i++) {
			*octets += chunk[i] == '\n' && last != '\r' ? 2 : 1;
			last = chunk[i];
		}
		at += (off_t)got;
	}
	free(chunk);
	return ok;
}

static bool
changed_later(struct span base, const struct stat *st)
{
	int64_t named = (int64_t)id_time_us(span_head(base, ID_LEN));
	int64_t seconds = st->st_mtim.tv_sec; /* of any size */

	return seconds > named / 1000000 ||
	       (seconds == named / 1000000 &&
		   st->st_mtim.tv_nsec / 1000 > named % 1000000);
}

bool
maildir_file_torn(const char *name, bool in_new, const struct stat *st)
{
	struct maildir_name n;
	uint64_t size = (uint64_t)st->st_size;

	maildir_name_parse(span_of(name), &n);
	if (!maildir_name_ours(n.base) || !n.has_size || n.size == size)
		return false;
	return in_new || (n.size > size && !changed_later(n.base, st));
}

void
maildir_file_aside(const struct maildir_folders *f, int from, const char *name)
{
	char to[300];

	(void)snprintf(to, sizeof(to), "torn.%s", name);
	(void)renameat(from, name, f->tmp, to);
}

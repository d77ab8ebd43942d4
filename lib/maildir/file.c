/*
 * One message's file: see file.h.
 */
#include <stdio.h>
#include <stdlib.h>

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

bool
maildir_file_torn(const char *name, uint64_t size)
{
	struct maildir_name n;

	maildir_name_parse(span_of(name), &n);
	return maildir_name_ours(n.base) && n.has_size && n.size != size;
}

void
maildir_file_aside(const struct maildir_folders *f, const char *name)
{
	char to[300];

	(void)snprintf(to, sizeof(to), "torn.%s", name);
	(void)renameat(f->new, name, f->tmp, to);
}

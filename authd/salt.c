/*
 * See salt.h. Losing the file gives nothing away but which logins exist, to
 * who has asked before and after: it is not flushed.
 */
#include <fcntl.h>
#include <unistd.h>

#include "authd/salt.h"
#include "lib/base/io.h"
#include "lib/base/banned.h"

#define FILE_NAME "salt.key"

static bool
get(int dirfd, struct digest_key *key)
{
	int fd = io_open_read(dirfd, FILE_NAME);
	bool ok = fd >= 0 && read(fd, key->bytes, sizeof(key->bytes)) ==
				 (ssize_t)sizeof(key->bytes);

	io_close(&fd);
	return ok;
}

void
salt_key_get(int dirfd, struct digest_key *key)
{
	int fd;

	if (get(dirfd, key))
		return;
	digest_key_new(key);
	/* over one that was cut; to truncate it we have no right */
	fd = openat(dirfd, FILE_NAME,
	    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		/* without it this key lasts as long as we do */
		(void)io_write_all(fd, key->bytes, sizeof(key->bytes));
	io_close(&fd);
}

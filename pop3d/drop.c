/*
 * The maildrop: see drop.h. The lock is flock(2) on a file beside new/ and
 * cur/. It belongs to this opening of the file, so it keeps out the other
 * connections of this process as well as other processes, and it ends with
 * the process, however that ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <sys/file.h>

#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "pop3d/drop.h"
#include "lib/base/banned.h"

#define LOCK_NAME   "mailstead-pop3.lock"
#define DIGEST_USED 20 /* bytes: enough that no two names meet */

void
drop_init(struct drop *d)
{
	*d = (struct drop){.lock = -1, .folders = {-1, -1, -1, -1}};
}

static enum rc
lock(struct drop *d, bool *in_use, struct why *why)
{
	d->lock = openat(d->folders.top, LOCK_NAME,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (d->lock < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "the mailbox's lock");
	if (flock(d->lock, LOCK_EX | LOCK_NB) == 0)
		return RC_OK;
	*in_use = errno == EWOULDBLOCK;
	return why_sys(why, RC_TEMP, "4.2.0", "lock the mailbox");
}

static void
measure(struct drop *d)
{
	d->n = d->left = d->list.n;
	d->v = mem_array(d->n, sizeof(*d->v));
	for (size_t i = 0; i < d->n; i++) {
		struct maildir_entry *e = &d->list.v[i];

		/* one that cannot be read must not keep the rest away */
		if (maildir_list_wire(&d->folders, e, &d->v[i].octets, NULL) !=
		    RC_OK)
			d->v[i].octets = e->size;
		d->octets_left += d->v[i].octets;
	}
}

enum rc
drop_open(struct drop *d, const char *maildir, bool *in_use, struct why *why)
{
	enum rc rc;

	drop_init(d);
	*in_use = false;
	rc = maildir_list_folders(maildir, &d->folders, why);
	if (rc == RC_OK)
		rc = lock(d, in_use, why);
	if (rc == RC_OK)
		rc = maildir_list_scan(&d->folders, &d->list, why);
	if (rc == RC_OK)
		measure(d);
	else
		drop_close(d);
	return rc;
}

void
drop_close(struct drop *d)
{
	io_close(&d->lock);
	maildir_place_close(&d->folders);
	maildir_list_free(&d->list);
	free(d->v);
	drop_init(d);
}

void
drop_delete(struct drop *d, size_t i)
{
	if (d->v[i].deleted)
		return;
	d->v[i].deleted = true;
	d->left--;
	d->octets_left -= d->v[i].octets;
}

void
drop_reset(struct drop *d)
{
	d->left = d->n;
	d->octets_left = 0;
	for (size_t i = 0; i < d->n; i++) {
		d->v[i].deleted = false;
		d->octets_left += d->v[i].octets;
	}
}

int
drop_file(struct drop *d, size_t i)
{
	return maildir_list_open(&d->folders, &d->list.v[i]);
}

enum rc
drop_update(struct drop *d, struct why *why)
{
	enum rc rc = RC_OK;

	for (size_t i = 0; i < d->n; i++) {
		struct why one;

		if (!d->v[i].deleted)
			continue;
		if (maildir_list_remove(&d->folders, &d->list.v[i], &one) ==
			RC_OK ||
		    rc != RC_OK)
			continue;
		rc = RC_TEMP;
		*why = one;
	}
	return rc;
}

static bool
fits(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	return s.n > 0 && s.n <= DROP_UIDL_MAX;
}

void
drop_uidl(const struct drop *d, size_t i, struct buf *b)
{
	struct span base = maildir_name_base(span_of(d->list.v[i].name));
	unsigned char digest[SHA256_DIGEST_LENGTH];

	if (fits(base)) {
		buf_put_span(b, base);
		return;
	}
	if (SHA256((const void *)base.p, base.n, digest) == NULL)
		bug("no SHA-256");
	enc_hex(b, span_make(digest, DIGEST_USED));
}

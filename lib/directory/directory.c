/*
 * Lookups in a snapshot: see directory.h. The file is checked before LMDB maps
 * it, because LMDB reads what is not there with a SIGBUS. One read transaction
 * is kept, and reset after each call: it holds nothing in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/addr/beyond.h"
#include "lib/addr/detail.h"
#include "lib/addr/path.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/db/file.h"
#include "lib/directory/action.h"
#include "lib/directory/directory.h"
#include "lib/directory/format.h"
#include "lib/directory/links.h"
#include "lib/base/banned.h"

struct directory {
	const struct records *records; /* not a file yet: these; else NULL */
	MDB_env *env;
	MDB_txn *txn; /* reset */
	MDB_dbi dbi;
	char delimiters[DIRECTORY_DELIMITERS_MAX + 1];
};

/* One lookup: all its reads in one transaction. */
struct look {
	const struct directory *d;
	struct span local, domain;
	struct span home; /* the domain that `domain` stands for, or is */
	bool broken;
};

static bool
check_file(const char *path, uint64_t *size, struct why *why)
{
	int fd = io_open_read(AT_FDCWD, path);
	bool ok = false;
	uint64_t used;

	if (fd < 0)
		(void)why_sys(why, RC_TEMP, "4.3.0", "%s", path);
	else if (!db_file_head(fd, &used, size) || *size != used)
		(void)why_set(why, RC_TEMP, "4.3.0",
		    "%s: no directory, or not all of it", path);
	else
		ok = true;
	io_close(&fd);
	return ok;
}

static bool
get(struct look *l, char kind, struct span rest, struct span *value)
{
	char text[DIRECTORY_KEY_MAX];
	MDB_val key = {rest.n + 1, text}, data;
	const struct record *r;
	int e;

	if (l->d->records != NULL) {
		r = records_find(l->d->records, kind, rest);
		if (r != NULL)
			*value = records_value(l->d->records, r);
		return r != NULL;
	}
	if (rest.n >= sizeof(text))
		return false;
	text[0] = kind;
	if (rest.n > 0)
		memcpy(text + 1, rest.p, rest.n);
	e = mdb_get(l->d->txn, l->d->dbi, &key, &data);
	if (e != 0) {
		l->broken = l->broken || e != MDB_NOTFOUND;
		return false;
	}
	*value = span_make(data.mv_data, data.mv_size);
	return true;
}

static int
open_env(struct directory *d, const char *path, uint64_t size)
{
	int e = mdb_env_create(&d->env);

	if (e == 0)
		e = mdb_env_set_mapsize(d->env, size);
	if (e == 0)
		e = mdb_env_open(d->env, path,
		    MDB_RDONLY | MDB_NOLOCK | MDB_NOSUBDIR | MDB_NOTLS |
			MDB_NORDAHEAD,
		    0);
	if (e == 0)
		e = mdb_txn_begin(d->env, NULL, MDB_RDONLY, &d->txn);
	if (e == 0)
		e = mdb_dbi_open(d->txn, NULL, 0, &d->dbi);
	return e;
}

enum rc
directory_open(const char *path, struct directory **out, struct why *why)
{
	struct directory *d = mem_alloc(sizeof(*d));
	struct look l = {.d = d};
	struct span version, delimiters;
	enum rc rc = RC_TEMP;
	uint64_t size;
	int e;

	*out = NULL;
	if (!check_file(path, &size, why))
		goto out;
	e = open_env(d, path, size);
	if (e != 0) {
		(void)why_set(
		    why, RC_TEMP, "4.3.0", "%s: %s", path, mdb_strerror(e));
		goto out;
	}
	if (!get(&l, 'v', SPAN_NONE, &version) ||
	    !span_eq(version, SPAN_LIT(DIRECTORY_VERSION)) ||
	    !get(&l, 's', SPAN_NONE, &delimiters) ||
	    !span_copy(delimiters, d->delimiters, sizeof(d->delimiters))) {
		(void)why_set(why, RC_TEMP, "4.3.0",
		    "%s: no directory of this version", path);
		goto out;
	}
	mdb_txn_reset(d->txn);
	*out = d;
	return RC_OK;
out:
	directory_close(&d);
	return rc;
}

struct directory *
directory_of(const struct records *records, const char *delimiters)
{
	struct directory *d = mem_alloc(sizeof(*d));

	d->records = records;
	if (!span_copy(
		span_of(delimiters), d->delimiters, sizeof(d->delimiters)))
		bug("delimiters");
	return d;
}

void
directory_close(struct directory **d)
{
	if (*d == NULL)
		return;
	if ((*d)->txn != NULL)
		mdb_txn_abort((*d)->txn);
	if ((*d)->env != NULL)
		mdb_env_close((*d)->env);
	free(*d);
	*d = NULL;
}

/* Targets of a "b" record: those without '@' are at the domain asked for. */
static void
put_bare(struct buf *out, struct span targets, struct span at)
{
	struct span local, domain;

	while (targets.p != NULL) {
		struct span target = span_cut(&targets, '\n');

		(void)buf_put_span(out, target);
		if (!action_is(target) &&
		    !addr_split(target, &local, &domain)) {
			(void)buf_putc(out, '@');
			(void)buf_put_span(out, at);
		}
		if (targets.p != NULL)
			(void)buf_putc(out, '\n');
	}
}

const char *
directory_delimiters(const struct directory *d)
{
	return d->delimiters;
}

/* Is it a domain of this host? Then its home is known. */
static bool
at_home(struct look *l)
{
	if (!get(l, 'd', l->domain, &l->home))
		return false;
	if (l->home.n == 0)
		l->home = l->domain;
	return true;
}

/* `local` in lower case. */
static enum directory_kind
find_system(struct look *l, struct span local, struct buf *out)
{
	struct span value, nothing;

	if (!get(l, 'u', local, &value) || !get(l, 'h', l->home, &nothing))
		return DIRECTORY_UNKNOWN;
	(void)buf_put_span(out, value); /* over is seen in the end */
	return DIRECTORY_ACCOUNT;
}

/* What is listed by its whole address. */
static enum directory_kind
find_address(
    struct look *l, struct span local, struct span domain, struct buf *out)
{
	enum directory_kind kind = DIRECTORY_UNKNOWN;
	struct span value = SPAN_NONE;
	struct buf key;

	buf_init(&key, DIRECTORY_KEY_MAX - 1);
	(void)buf_put_span(&key, local);
	(void)buf_putc(&key, '@');
	(void)buf_put_span(&key, domain);
	if (!key.over && get(l, 'a', buf_span(&key), &value))
		kind = DIRECTORY_ACCOUNT;
	else if (!key.over && get(l, 'l', buf_span(&key), &value))
		kind = DIRECTORY_ALIAS;
	if (kind != DIRECTORY_UNKNOWN && value.n == 0)
		kind = DIRECTORY_BROKEN;
	(void)buf_put_span(out, value); /* over is seen in the end */
	buf_fini(&key);
	return kind;
}

static enum directory_kind
find_local(struct look *l, struct span mixed, struct buf *out)
{
	enum directory_kind kind = DIRECTORY_UNKNOWN;
	struct span value, local;
	struct buf lower;

	buf_init(&lower, DIRECTORY_KEY_MAX - 1);
	/* over: no such key; here and below */
	(void)addr_beyond_fold(mixed, &lower);
	local = buf_span(&lower);
	if (!lower.over)
		kind = find_address(l, local, l->domain, out);
	if (!lower.over && kind == DIRECTORY_UNKNOWN &&
	    l->home.p != l->domain.p)
		kind = find_address(l, local, l->home, out);
	if (!lower.over && kind == DIRECTORY_UNKNOWN) {
		if (get(l, 'b', local, &value)) {
			kind = value.n > 0 ? DIRECTORY_ALIAS : DIRECTORY_BROKEN;
			if (value.n > 0)
				put_bare(out, value, l->home);
		} else {
			kind = find_system(l, local, out);
		}
	}
	buf_fini(&lower);
	return kind;
}

/* user+detail is user; of several bases the longest that there is */
static enum directory_kind
find_base(struct look *l, struct buf *out)
{
	enum directory_kind kind = DIRECTORY_UNKNOWN;
	size_t at = SIZE_MAX;
	struct buf base;

	buf_init(&base, DIRECTORY_KEY_MAX - 1);
	while (kind == DIRECTORY_UNKNOWN &&
	       addr_detail_base(l->local, l->d->delimiters, &at, &base))
		kind = find_local(l, buf_span(&base), out);
	buf_fini(&base);
	return kind;
}

static enum directory_kind
find_catchall(struct look *l, struct buf *out)
{
	struct span value;

	if (!get(l, 'c', l->domain, &value) && !get(l, 'c', l->home, &value))
		return DIRECTORY_UNKNOWN;
	(void)buf_put_span(out, value);
	return value.n > 0 ? DIRECTORY_ALIAS : DIRECTORY_BROKEN;
}

static enum directory_kind
find_user(struct look *l, struct buf *out)
{
	enum directory_kind kind = find_local(l, l->local, out);

	return kind != DIRECTORY_UNKNOWN ? kind : find_base(l, out);
}

/* RFC 5321 4.5.1; an address that leads nowhere is not used */
static enum directory_kind
find_postmaster(struct look *l, struct buf *out)
{
	enum directory_kind kind = DIRECTORY_UNKNOWN;
	struct look to = {.d = l->d};
	struct span address;
	struct buf ignored;

	if (!span_eq_ci(l->local, SPAN_LIT("postmaster")) ||
	    !get(l, 'p', SPAN_NONE, &address) ||
	    !addr_split(address, &to.local, &to.domain))
		return kind;
	if (span_eq_ci(to.local, l->local) && span_eq(to.domain, l->home))
		return kind;
	buf_init(&ignored, 0);
	if (!at_home(&to) || find_user(&to, &ignored) != DIRECTORY_UNKNOWN ||
	    find_catchall(&to, &ignored) != DIRECTORY_UNKNOWN) {
		kind = DIRECTORY_ALIAS;
		(void)buf_put_span(out, address);
	}
	l->broken = l->broken || to.broken;
	buf_fini(&ignored);
	return kind;
}

/* Its detail is the other host's to understand: with or without is listed. */
static enum directory_kind
find_relay(struct look *l)
{
	size_t at = SIZE_MAX;
	struct buf key, base;
	struct span value;
	bool found;

	if (!get(l, 'r', l->domain, &value))
		return DIRECTORY_ELSEWHERE;
	if (value.n > 0 || get(l, 'w', l->domain, &value) ||
	    span_eq_ci(l->local, SPAN_LIT("postmaster")))
		return DIRECTORY_RELAY;
	buf_init(&key, DIRECTORY_KEY_MAX - 1);
	buf_init(&base, DIRECTORY_KEY_MAX - 1);
	(void)buf_put_span(&base, l->local); /* over: no such key */
	do {
		buf_clear(&key);
		(void)addr_beyond_fold(buf_span(&base), &key);
		(void)buf_putc(&key, '@');
		(void)buf_put_span(&key, l->domain);
		found = !key.over && get(l, 'm', buf_span(&key), &value);
	} while (
	    !found && addr_detail_base(l->local, l->d->delimiters, &at, &base));
	buf_fini(&key);
	buf_fini(&base);
	if (found)
		return DIRECTORY_RELAY;
	return get(l, 'y', SPAN_NONE, &value) ? DIRECTORY_BROKEN
					      : DIRECTORY_UNKNOWN;
}

/*
 * Nobody has been named who reads it: a mailbox is there all the same, and
 * whoever opens an account of that name finds what has come.
 */
static enum directory_kind
find_last_postmaster(struct look *l, struct buf *out)
{
	struct span first;

	if (!span_eq_ci(l->local, SPAN_LIT("postmaster")) ||
	    !get(l, 'f', SPAN_NONE, &first))
		return DIRECTORY_UNKNOWN;
	(void)buf_puts(out, "postmaster@"); /* over is seen in the end */
	(void)buf_put_span(out, first);
	return DIRECTORY_ACCOUNT;
}

static enum directory_kind
find(struct look *l, struct span mailbox, struct buf *out)
{
	enum directory_kind kind;
	struct span nothing;

	if (span_eq_ci(mailbox, SPAN_LIT("postmaster"))) {
		l->local = mailbox;
		if (!get(l, 'f', SPAN_NONE, &l->domain))
			return DIRECTORY_UNKNOWN;
	} else if (!addr_split(mailbox, &l->local, &l->domain)) {
		return DIRECTORY_UNKNOWN;
	}
	if (!at_home(l))
		return find_relay(l);
	kind = find_user(l, out);
	if (kind == DIRECTORY_UNKNOWN)
		kind = find_postmaster(l, out);
	if (kind == DIRECTORY_UNKNOWN && get(l, 'x', SPAN_NONE, &nothing))
		kind = DIRECTORY_BROKEN;
	if (kind == DIRECTORY_UNKNOWN)
		kind = find_catchall(l, out);
	if (kind == DIRECTORY_UNKNOWN)
		kind = find_last_postmaster(l, out);
	return kind;
}

/* Targets of a "g" record, if there is one. */
static void
put_grants(struct look *l, struct span key, struct buf *out)
{
	struct span targets, at = l->home;

	if (!get(l, 'g', key, &targets) || targets.n == 0)
		return;
	if (at.n == 0)
		(void)get(l, 'f', SPAN_NONE, &at);
	put_bare(out, targets, at);
	(void)buf_putc(out, '\n'); /* over is seen in the end */
}

/* By the address, by the local part in our domains, without its detail. */
static void
put_local_grants(struct look *l, struct span mixed, struct buf *out)
{
	bool ours = l->home.n > 0;
	struct buf key;
	size_t n;

	buf_init(&key, DIRECTORY_KEY_MAX - 1);
	(void)addr_beyond_fold(mixed, &key);
	n = key.n;
	if (ours && !key.over)
		put_grants(l, buf_span(&key), out);
	(void)buf_putc(&key, '@');
	(void)buf_put_span(&key, l->domain);
	if (!key.over)
		put_grants(l, buf_span(&key), out);
	key.n = n;
	(void)buf_putc(&key, '@');
	(void)buf_put_span(&key, l->home);
	if (ours && !key.over && l->home.p != l->domain.p)
		put_grants(l, buf_span(&key), out);
	buf_fini(&key);
}

static void
put_domain_grants(struct look *l, struct span domain, struct buf *out)
{
	struct buf key;

	buf_init(&key, DIRECTORY_KEY_MAX - 1);
	(void)buf_putc(&key, '@');
	(void)buf_put_span(&key, domain);
	if (!key.over)
		put_grants(l, buf_span(&key), out);
	buf_fini(&key);
}

static enum directory_kind
find_grants(struct look *l, struct span mailbox, struct buf *out)
{
	size_t before = out->n, at = SIZE_MAX;
	struct buf base;
	bool ours;

	if (!addr_split(mailbox, &l->local, &l->domain))
		return DIRECTORY_UNKNOWN;
	ours = at_home(l);
	if (!ours)
		l->home = SPAN_NONE;
	buf_init(&base, DIRECTORY_KEY_MAX - 1);
	put_local_grants(l, l->local, out);
	while (addr_detail_base(l->local, l->d->delimiters, &at, &base))
		put_local_grants(l, buf_span(&base), out);
	buf_fini(&base);
	put_domain_grants(l, l->domain, out);
	if (ours && l->home.p != l->domain.p)
		put_domain_grants(l, l->home, out);
	put_grants(l, SPAN_LIT("*"), out);
	return out->n > before ? DIRECTORY_ALIAS : DIRECTORY_UNKNOWN;
}

typedef enum directory_kind finder(
    struct look *l, struct span mailbox, struct buf *out);

/* One look into the snapshot, whole or not at all. */
static enum directory_kind
look(const struct directory *d, finder *f, struct span mailbox,
    struct buf *target)
{
	struct look l = {.d = d};
	enum directory_kind kind;
	struct buf none = {.max = 0};
	struct buf *out = target == NULL ? &none : target;
	size_t before;
	bool was_over;

	if (d == NULL || (d->records == NULL && mdb_txn_renew(d->txn) != 0))
		return DIRECTORY_ERROR;
	before = out->n;
	was_over = out->over;
	out->over = false;
	kind = f(&l, mailbox, out);
	if (d->records == NULL)
		mdb_txn_reset(d->txn);
	if (l.broken || (target != NULL && out->over)) {
		out->n = before;
		kind = DIRECTORY_ERROR;
	}
	out->over = was_over;
	buf_fini(&none);
	return kind;
}

enum directory_kind
directory_find(
    const struct directory *d, struct span mailbox, struct buf *target)
{
	return look(d, find, mailbox, target);
}

static enum directory_kind
find_system_mailbox(struct look *l, struct span mailbox, struct buf *out)
{
	enum directory_kind kind = DIRECTORY_UNKNOWN;
	struct buf local;

	if (!addr_split(mailbox, &l->local, &l->domain) || !at_home(l))
		return kind;
	buf_init(&local, DIRECTORY_KEY_MAX - 1);
	(void)addr_beyond_fold(l->local, &local);
	if (!local.over)
		kind = find_system(l, buf_span(&local), out);
	buf_fini(&local);
	return kind;
}

enum directory_kind
directory_find_user(
    const struct directory *d, struct span mailbox, struct buf *target)
{
	return look(d, find_system_mailbox, mailbox, target);
}

static enum directory_kind
find_action(struct look *l, struct span action, struct buf *out)
{
	struct span nothing;

	(void)out;
	return get(l, 'k', action, &nothing) ? DIRECTORY_ALIAS
					     : DIRECTORY_UNKNOWN;
}

enum directory_kind
directory_find_action(const struct directory *d, struct span action)
{
	return look(d, find_action, action, NULL);
}

enum directory_kind
directory_find_grants(
    const struct directory *d, struct span mailbox, struct buf *out)
{
	return look(d, find_grants, mailbox, out);
}

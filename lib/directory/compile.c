/*
 * Text files into a snapshot: see compile.h. All records are gathered and
 * sorted first, so that a mistake is found before anything is written and the
 * pages are written in order, full. Hashes are passed over, and the text that
 * held them is wiped.
 */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/addr/path.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/directory/account.h"
#include "lib/directory/alias.h"
#include "lib/directory/compile.h"
#include "lib/directory/format.h"
#include "lib/base/banned.h"

#define SOURCE_MAX (512U << 20)
#define TEXT_MAX   (SIZE_MAX / 4)
#define MAP_FIRST  ((size_t)1 << 18)
#define MAP_MAX    ((size_t)1 << 36)

/* offsets into the text of all records, which moves while it grows */
struct record {
	size_t key, n_key;
	size_t value, n_value;
	unsigned line;
	bool out; /* its domain is not local: not written */
};

struct compile {
	struct buf text;
	struct record *records;
	size_t n, cap;
	struct why *why;
};

static struct span
key_of(const struct compile *c, const struct record *r)
{
	return span_make(c->text.p + r->key, r->n_key);
}

static void
add(struct compile *c, char kind, struct span key, struct span value,
    unsigned line)
{
	struct record *r;
	size_t n_local = 0;
	struct span local, domain;

	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 1024 : c->cap * 2;
		c->records = mem_grow(c->records, c->cap * sizeof(*r));
	}
	r = &c->records[c->n++];
	*r = (struct record){.key = c->text.n, .n_key = key.n + 1};
	r->line = line;
	(void)buf_putc(&c->text, kind);
	(void)buf_put_span(&c->text, key);
	if (addr_split(key, &local, &domain))
		n_local = local.n;
	else if (kind == 'b')
		n_local = key.n;
	for (size_t i = r->key + 1; i <= r->key + n_local; i++)
		if (c->text.p[i] >= 'A' && c->text.p[i] <= 'Z')
			c->text.p[i] = (char)(c->text.p[i] + ('a' - 'A'));
	r->value = c->text.n;
	r->n_value = value.n;
	(void)buf_put_span(&c->text, value);
}

/* All of a source, in memory that did not move while it was read. */
static enum rc
read_source(int fd, const char *name, struct buf *b, struct why *why)
{
	struct why inner;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "%s", name);
	if (st.st_size >= (off_t)SOURCE_MAX)
		return why_set(
		    why, RC_PERM, "5.3.5", "%s: file too large", name);
	(void)buf_reserve(b, (size_t)st.st_size + 65536);
	if (io_read_file(fd, b, &inner) != RC_OK)
		return why_set(
		    why, RC_TEMP, "4.3.0", "%s: %s", name, inner.text);
	return RC_OK;
}

static enum rc
add_accounts(struct compile *c, int fd)
{
	struct account account;
	unsigned line_no = 0;
	struct span rest;
	struct why inner;
	struct buf text;
	enum rc rc;

	account_init(&account);
	buf_init(&text, (size_t)SOURCE_MAX + 131072);
	rc = read_source(fd, "accounts", &text, c->why);
	rest = buf_span(&text);
	while (rc == RC_OK && rest.n > 0) {
		struct span line = span_cut(&rest, '\n');

		line_no++;
		if (account_is_comment(line))
			continue;
		if (account_parse(line, &account, &inner) == RC_OK)
			add(c, 'a', buf_span(&account.login),
			    buf_span(&account.login), line_no);
		else
			rc = why_set(c->why, RC_PERM, "5.3.5",
			    "accounts:%u: %s", line_no, inner.text);
	}
	if (text.p != NULL)
		secret_wipe(text.p, text.n);
	buf_fini(&text);
	account_fini(&account);
	return rc;
}

static enum rc
add_aliases(struct compile *c, int fd)
{
	static const char kinds[] = {
	    [ALIAS_ADDRESS] = 'l', [ALIAS_LOCAL] = 'b', [ALIAS_DOMAIN] = 'c'};
	struct alias_input in = {.rc = RC_OK};
	struct alias alias;
	struct why inner;
	struct buf text;

	alias_init(&alias);
	buf_init(&text, (size_t)SOURCE_MAX + 131072);
	in.rc = read_source(fd, "aliases", &text, c->why);
	in.rest = buf_span(&text);
	if (in.rc == RC_OK) {
		while (alias_next(&in, &alias, &inner))
			add(c, kinds[alias.kind], buf_span(&alias.name),
			    buf_span(&alias.targets), alias.line);
		if (in.rc != RC_OK)
			(void)why_set(c->why, in.rc, inner.status, "aliases:%s",
			    inner.text);
	}
	buf_fini(&text);
	alias_fini(&alias);
	return in.rc;
}

static enum rc
add_conf(struct compile *c, const struct directory_source *source)
{
	struct span postmaster = span_of(source->postmaster);
	struct span first = SPAN_NONE;
	struct why inner;
	struct buf box;
	enum rc rc = RC_OK;

	add(c, 'v', SPAN_NONE, SPAN_LIT(DIRECTORY_VERSION), 0);
	add(c, 's', SPAN_NONE, span_of(source->delimiters), 0);
	for (size_t i = 0;
	     source->alias_domains != NULL && i < source->alias_domains->n;
	     i++) {
		struct span target = span_of(source->alias_domains->v[i]);
		struct span alias = span_cut(&target, '=');

		add(c, 'd', alias, target, 0);
	}
	for (size_t i = 0; i < source->domains->n; i++) {
		struct span domain = span_of(source->domains->v[i]);

		add(c, 'd', domain, SPAN_NONE, 0);
		if (i == 0)
			first = domain;
	}
	if (first.n == 0)
		return RC_OK;
	add(c, 'f', SPAN_NONE, first, 0);
	buf_init(&box, 1024);
	if (postmaster.n == 0)
		(void)buf_putf(&box, "postmaster@" SPAN_FMT, SPAN_ARG(first));
	else if (addr_mailbox(postmaster, &box, &inner) != RC_OK)
		rc = why_set(
		    c->why, RC_PERM, "5.3.5", "postmaster: %s", inner.text);
	add(c, 'p', SPAN_NONE, buf_span(&box), 0);
	buf_fini(&box);
	return rc;
}

/* Line 0: listed twice is nobody's mistake. */
static void
add_users(struct compile *c, const struct directory_source *source)
{
	struct span rest = source->users;

	if (source->user_domains == NULL)
		return;
	for (size_t i = 0; i < source->user_domains->n; i++)
		add(c, 'h', span_of(source->user_domains->v[i]), SPAN_NONE, 0);
	while (rest.n > 0) {
		struct span name = span_cut(&rest, '\n');

		add(c, 'u', name, name, 0);
	}
}

static int
by_key(const void *va, const void *vb, void *arg)
{
	const struct record *a = va, *b = vb;
	int d = span_cmp(key_of(arg, a), key_of(arg, b));

	if (d != 0)
		return d;
	return a->line < b->line ? -1 : a->line > b->line;
}

static bool
is_domain(struct compile *c, struct span domain)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct span key = key_of(c, &c->records[mid]);
		int d = key.p[0] < 'd'   ? -1
			: key.p[0] > 'd' ? 1
					 : span_cmp(span_from(key, 1), domain);

		if (d == 0)
			return true;
		if (d < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* Sorted by key, nothing twice; what is in no local domain is left out. */
static enum rc
arrange(struct compile *c)
{
	const struct record *twice = NULL;

	qsort_r(c->records, c->n, sizeof(*c->records), by_key, c);
	for (size_t i = 0; i < c->n; i++) {
		struct record *r = &c->records[i];
		struct span key = key_of(c, r), local, domain;

		if (i > 0 && span_eq(key, key_of(c, r - 1))) {
			r->out = true; /* a domain may be listed twice */
			if (r->line > 0 &&
			    (twice == NULL || r->line < twice->line))
				twice = r;
			continue;
		}
		domain = span_from(key, 1);
		if (key.p[0] == 'c' || key.p[0] == 'h' ||
		    addr_split(domain, &local, &domain))
			r->out = key.p[0] != 'b' && !is_domain(c, domain);
	}
	if (twice == NULL)
		return RC_OK;
	return why_set(c->why, RC_PERM, "5.3.5",
	    "%s:%u: " SPAN_FMT " is given twice, first on line %u",
	    c->text.p[twice->key] == 'a' ? "accounts" : "aliases", twice->line,
	    SPAN_ARG(span_from(key_of(c, twice), 1)), (twice - 1)->line);
}

static int
put_records(const struct compile *c, MDB_env *env)
{
	MDB_txn *txn = NULL;
	MDB_dbi dbi;
	int e = mdb_txn_begin(env, NULL, 0, &txn);

	if (e != 0)
		return e;
	e = mdb_dbi_open(txn, NULL, 0, &dbi);
	for (size_t i = 0; e == 0 && i < c->n; i++) {
		const struct record *r = &c->records[i];
		MDB_val key = {r->n_key, c->text.p + r->key};
		MDB_val value = {r->n_value, c->text.p + r->value};

		if (!r->out)
			e = mdb_put(txn, dbi, &key, &value, MDB_APPEND);
	}
	if (e == 0)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return e;
}

/* Exactly the pages that are in use, for the reader's check; LMDB need not
 * have written a last page that it took and gave back. */
static int
finish(MDB_env *env)
{
	MDB_envinfo info;
	MDB_stat st;
	int fd, e;

	e = mdb_env_info(env, &info);
	if (e == 0)
		e = mdb_env_stat(env, &st);
	if (e == 0)
		e = mdb_env_get_fd(env, &fd);
	if (e != 0)
		return e;
	if (ftruncate(fd, (off_t)(info.me_last_pgno + 1) * st.ms_psize) < 0 ||
	    fchmod(fd, 0644) < 0)
		return errno;
	return 0;
}

static int
write_file(const struct compile *c, const char *tmp, size_t map)
{
	MDB_env *env = NULL;
	int e;

	/* a left-over, or one that was too small */
	if (unlink(tmp) < 0 && errno != ENOENT)
		return errno;
	e = mdb_env_create(&env);
	if (e != 0)
		return e;
	e = mdb_env_set_mapsize(env, map);
	if (e == 0)
		e = mdb_env_open(env, tmp,
		    MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOLOCK | MDB_NOTLS, 0644);
	if (e == 0)
		e = put_records(c, env);
	if (e == 0)
		e = finish(env);
	mdb_env_close(env);
	return e;
}

static enum rc
write_snapshot(const struct compile *c, const char *path)
{
	int e = MDB_MAP_FULL;
	enum rc rc = RC_OK;
	struct stat st;
	struct buf tmp;

	buf_init(&tmp, 4096);
	if (!buf_putf(&tmp, "%s.tmp", path))
		return why_set(c->why, RC_TEMP, "4.3.0", "path too long");
	for (size_t map = MAP_FIRST; e == MDB_MAP_FULL && map <= MAP_MAX;
	     map *= 2)
		e = write_file(c, buf_cstr(&tmp), map);
	/* one process only writes here, so that nobody comes in between */
	if (e == 0 && lstat(path, &st) == 0)
		e = EEXIST;
	if (e == 0 && rename(buf_cstr(&tmp), path) < 0)
		e = errno;
	if (e != 0) {
		rc = why_set(
		    c->why, RC_TEMP, "4.3.0", "%s: %s", path, mdb_strerror(e));
		(void)unlink(buf_cstr(&tmp)); /* the next one does it again */
	}
	buf_fini(&tmp);
	return rc;
}

enum rc
directory_compile(
    const struct directory_source *source, const char *path, struct why *why)
{
	struct compile c = {.why = why};
	enum rc rc;

	buf_init(&c.text, TEXT_MAX);
	rc = add_conf(&c, source);
	add_users(&c, source);
	if (rc == RC_OK && source->accounts >= 0)
		rc = add_accounts(&c, source->accounts);
	if (rc == RC_OK && source->aliases >= 0)
		rc = add_aliases(&c, source->aliases);
	if (rc == RC_OK)
		rc = arrange(&c);
	if (rc == RC_OK)
		rc = write_snapshot(&c, path);
	buf_fini(&c.text);
	free(c.records);
	return rc;
}

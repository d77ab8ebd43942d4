/*
 * Text files into a snapshot: see compile.h. All records are gathered and
 * sorted first, so that mistakes are found before anything is written and the
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
#include "lib/base/secret.h"
#include "lib/directory/account.h"
#include "lib/directory/action.h"
#include "lib/directory/alias.h"
#include "lib/directory/compile.h"
#include "lib/directory/format.h"
#include "lib/directory/include.h"
#include "lib/directory/links.h"
#include "lib/directory/records.h"
#include "lib/base/banned.h"

#define SOURCE_MAX (512U << 20)
#define MAP_FIRST  ((size_t)1 << 18)
#define MAP_MAX    ((size_t)1 << 36)

struct compile {
	struct records r;
	const char *file; /* of aliases' form, that is being read */
	bool actions;     /* it may lead to programs and files */
	bool incomplete;  /* somebody's name cannot be read */
	struct directory_report *report;
	struct why *why;
};

static void
add(struct compile *c, char kind, struct span key, struct span value,
    unsigned line)
{
	records_add(&c->r, kind, key, value, line);
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

/* A wrong line's mail waits: it may have been meant for somebody else than who
 * would get it without that line. */
static void
add_account(struct compile *c, struct span line, unsigned line_no)
{
	struct account account;
	struct why inner;

	account_init(&account);
	if (account_parse(line, &account, &inner) == RC_OK) {
		add(c, 'a', buf_span(&account.login), buf_span(&account.login),
		    line_no);
	} else {
		directory_report_add(
		    c->report, "accounts:%u: %s", line_no, inner.text);
		if (account.login.n > 0)
			add(c, 'a', buf_span(&account.login), SPAN_NONE,
			    line_no);
		else
			c->incomplete = true;
	}
	account_fini(&account);
}

static enum rc
add_accounts(struct compile *c, int fd)
{
	unsigned line_no = 0;
	struct span rest;
	struct buf text;
	enum rc rc;

	buf_init(&text, (size_t)SOURCE_MAX + 131072);
	rc = read_source(fd, "accounts", &text, c->why);
	rest = buf_span(&text);
	while (rc == RC_OK && rest.n > 0) {
		struct span line = span_cut(&rest, '\n');

		line_no++;
		if (!account_is_comment(line))
			add_account(c, line, line_no);
	}
	if (text.p != NULL)
		secret_wipe(text.p, text.n);
	buf_fini(&text);
	return rc;
}

/* The files that an alias includes, into its targets. */
static enum rc
include(struct compile *c, struct alias *a)
{
	struct span rest = buf_span(&a->includes);
	struct why inner = {.rc = RC_OK};
	enum rc rc = RC_OK;
	struct buf text;

	buf_init(&text, INCLUDE_MAX);
	while (rest.n > 0 && rc == RC_OK && !a->bad) {
		struct span path = span_cut(&rest, '\n');
		struct span place = span_cut(&path, ' ');

		buf_clear(&text);
		rc = include_read(path, &text, &inner);
		if (rc == RC_PERM) {
			a->bad = true;
			directory_report_add(c->report, "%s:" SPAN_FMT ": %s",
			    c->file, SPAN_ARG(place), inner.text);
		} else if (rc == RC_OK) {
			alias_include(a, buf_span(&text), &inner);
			if (a->bad)
				directory_report_add(c->report, SPAN_FMT ":%s",
				    SPAN_ARG(path), inner.text);
		}
	}
	buf_fini(&text);
	/* the old snapshot serves on, until it can be read */
	if (rc == RC_TEMP)
		return why_set(c->why, rc, inner.status, "%s", inner.text);
	if (!a->bad && a->targets.n == 0) {
		a->bad = true;
		directory_report_add(c->report, "%s:%u: nobody is in the file",
		    c->file, a->line);
	}
	return RC_OK;
}

/* Several may lead to one. */
static void
add_actions(struct compile *c, struct span targets)
{
	while (targets.n > 0) {
		struct span target = span_cut(&targets, '\n');

		if (action_is(target))
			add(c, 'k', target, SPAN_NONE, 0);
	}
}

static void
add_alias(struct compile *c, const struct alias *alias)
{
	static const char kinds[] = {
	    [ALIAS_ADDRESS] = 'l', [ALIAS_LOCAL] = 'b', [ALIAS_DOMAIN] = 'c'};

	if (alias->name.n == 0)
		c->incomplete = true;
	else
		add(c, kinds[alias->kind], buf_span(&alias->name),
		    alias->bad ? SPAN_NONE : buf_span(&alias->targets),
		    alias->line);
	if (!alias->bad)
		add_actions(c, buf_span(&alias->targets));
}

/* A wrong line gives nobody anything. */
static void
add_grant(struct compile *c, const struct alias *alias)
{
	struct buf key;

	if (alias->bad)
		return;
	buf_init(&key, alias->name.n + 1);
	if (alias->kind == ALIAS_DOMAIN)
		(void)buf_putc(&key, '@');
	(void)buf_put_span(&key, buf_span(&alias->name)); /* there is room */
	add(c, 'g', buf_span(&key), buf_span(&alias->targets), alias->line);
	buf_fini(&key);
}

/* All entries of a file of aliases' form. */
static enum rc
add_entries(struct compile *c, int fd, const char *file,
    void (*take)(struct compile *c, const struct alias *alias))
{
	struct alias_input in = {.line = 0};
	struct alias alias;
	struct why inner;
	struct buf text;
	enum rc rc;

	alias_init(&alias);
	alias.actions = c->actions;
	buf_init(&text, (size_t)SOURCE_MAX + 131072);
	c->file = file;
	rc = read_source(fd, file, &text, c->why);
	in.rest = buf_span(&text);
	while (rc == RC_OK && alias_next(&in, &alias, &inner)) {
		if (alias.bad)
			directory_report_add(
			    c->report, "%s:%s", file, inner.text);
		else if (alias.includes.n > 0)
			rc = include(c, &alias);
		take(c, &alias);
	}
	buf_fini(&text);
	alias_fini(&alias);
	return rc;
}

static void
add_relay_recipient(struct compile *c, struct span text, unsigned line)
{
	struct span local = SPAN_NONE, domain = SPAN_NONE;
	bool all = span_at(text, 0) == '@';
	struct why inner;
	struct buf raw, box;

	buf_init(&raw, 1024);
	buf_init(&box, 1024);
	if (all)
		(void)buf_putc(&raw, 'x');
	(void)buf_put_span(&raw, text); /* over: no mailbox */
	if (addr_mailbox(buf_span(&raw), &box, &inner) != RC_OK) {
		directory_report_add(
		    c->report, "recipients:%u: %s", line, inner.text);
		add(c, 'y', SPAN_NONE, SPAN_NONE, 0);
	} else if (all && addr_split(buf_span(&box), &local, &domain)) {
		add(c, 'w', domain, SPAN_NONE, line);
	} else {
		add(c, 'm', buf_span(&box), SPAN_NONE, line);
	}
	buf_fini(&raw);
	buf_fini(&box);
}

static enum rc
add_relay(struct compile *c, const struct directory_source *source)
{
	bool listed = source->relay_recipients >= 0;
	unsigned line_no = 0;
	enum rc rc = RC_OK;
	struct span rest;
	struct buf text;

	if (source->relay_domains == NULL || source->relay_domains->n == 0)
		return RC_OK;
	for (size_t i = 0; i < source->relay_domains->n; i++) {
		struct span host = span_of(source->relay_domains->v[i]);

		add(c, 'r', span_cut(&host, '='),
		    listed ? SPAN_NONE : SPAN_LIT("*"), 0);
	}
	buf_init(&text, (size_t)SOURCE_MAX + 131072);
	if (listed)
		rc = read_source(
		    source->relay_recipients, "recipients", &text, c->why);
	rest = buf_span(&text);
	while (rc == RC_OK && rest.n > 0) {
		struct span line = span_cut(&rest, '\n');

		line_no++;
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		line = span_trim(line);
		if (line.n > 0 && line.p[0] != '#')
			add_relay_recipient(c, line, line_no);
	}
	buf_fini(&text);
	return rc;
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

/* It may be meant so, while a domain moves: it holds up nobody. */
static void
note_elsewhere(const struct compile *c, const struct record *at,
    struct span key, struct span domain)
{
	bool relay = strchr("mw", key.p[0]) != NULL;

	directory_report_note(c->report,
	    "%s:%u: no mail comes here for %s" SPAN_FMT ": " SPAN_FMT
	    " is not in %s",
	    relay             ? "recipients"
	    : key.p[0] == 'a' ? "accounts"
			      : "aliases",
	    at->line, strchr("cw", key.p[0]) != NULL ? "@" : "",
	    SPAN_ARG(span_from(key, 1)), SPAN_ARG(domain),
	    relay ? "relay.domains" : "domains");
}

/* Sorted by key; of several with one key the first counts; what is in no local
 * domain is left out. */
static void
arrange(struct compile *c)
{
	if (c->incomplete)
		add(c, 'x', SPAN_NONE, SPAN_NONE, 0);
	records_sort(&c->r);
	for (size_t i = 0; i < c->r.n; i++) {
		struct record *at = &c->r.v[i];
		struct span key = records_key(&c->r, at), local, domain;
		struct span before =
		    i == 0 ? SPAN_NONE : records_key(&c->r, at - 1);

		if (i > 0 && span_eq(key, before)) {
			at->out = true; /* a domain may be listed twice */
			if (at->line > 0 && strchr("mw", key.p[0]) == NULL)
				directory_report_add(c->report,
				    "%s:%u: " SPAN_FMT
				    " is given twice, the first counts",
				    key.p[0] == 'a'   ? "accounts"
				    : key.p[0] == 'g' ? "senders"
						      : "aliases",
				    at->line, SPAN_ARG(span_from(key, 1)));
			continue;
		}
		domain = span_from(key, 1);
		if (strchr("chw", key.p[0]) == NULL &&
		    (strchr("alm", key.p[0]) == NULL ||
			!addr_split(domain, &local, &domain)))
			continue;
		at->out = records_find(&c->r,
			      strchr("mw", key.p[0]) != NULL ? 'r' : 'd',
			      domain) == NULL;
		if (at->out && at->line > 0)
			note_elsewhere(c, at, key, domain);
	}
}

/* RFC 5321 4.5.1: there is a mailbox in any case, but somebody should read it.
 */
static void
note_postmaster(struct compile *c, const struct directory_source *source)
{
	struct directory *d;
	struct buf login;

	if (source->domains->n == 0)
		return;
	d = directory_of(&c->r, source->delimiters);
	buf_init(&login, 1024);
	if (directory_find(d, SPAN_LIT("postmaster"), &login) ==
		DIRECTORY_ACCOUNT &&
	    records_find(&c->r, 'a', buf_span(&login)) == NULL &&
	    span_find(buf_span(&login), '@') < login.n)
		directory_report_note(c->report,
		    "postmaster: nobody reads it: give it an alias, or a "
		    "password (steadctl account add " SPAN_FMT ")",
		    SPAN_ARG(buf_span(&login)));
	buf_fini(&login);
	directory_close(&d);
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
	for (size_t i = 0; e == 0 && i < c->r.n; i++) {
		const struct record *r = &c->r.v[i];
		MDB_val key = {r->n_key, c->r.text.p + r->key};
		MDB_val value = {r->n_value, c->r.text.p + r->value};

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

static enum rc
gather(struct compile *c, const struct directory_source *source)
{
	enum rc rc = add_conf(c, source);

	add_users(c, source);
	if (rc == RC_OK)
		rc = add_relay(c, source);
	if (rc == RC_OK && source->accounts >= 0)
		rc = add_accounts(c, source->accounts);
	c->actions = source->actions;
	if (rc == RC_OK && source->aliases >= 0)
		rc = add_entries(c, source->aliases, "aliases", add_alias);
	c->actions = false;
	if (rc == RC_OK && source->senders >= 0)
		rc = add_entries(c, source->senders, "senders", add_grant);
	if (rc != RC_OK)
		return rc;
	arrange(c);
	if (!source->partly) {
		links_follow(&c->r, source->delimiters, c->report);
		note_postmaster(c, source);
	}
	return RC_OK;
}

enum rc
directory_compile(const struct directory_source *source, const char *path,
    struct directory_report *report, struct why *why)
{
	struct compile c = {.report = report, .why = why};
	enum rc rc;

	records_init(&c.r);
	rc = gather(&c, source);
	if (rc == RC_OK && path != NULL)
		rc = write_snapshot(&c, path);
	records_fini(&c.r);
	return rc;
}

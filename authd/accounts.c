/*
 * The file of accounts: see accounts.h. Owns its text and the index of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authd/accounts.h"
#include "authd/accounts_index.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/directory/account.h"
#include "lib/base/banned.h"

#define FILE_NAME "accounts"
#define FILE_TEMP "accounts.new"
#define FILE_MAX  ((size_t)64 << 20)
#define LINE_MAX  8192
#define STATUS    "4.7.0"
/* a file so young may change again without getting another time */
#define YOUNG_US 50000

struct accounts {
	int dirfd;
	bool there;   /* a file has been read */
	bool settled; /* `seen` tells this file from a later one */
	struct stat seen;
	struct buf text;
	struct accounts_index index;
};

struct accounts *
accounts_new(int dirfd)
{
	struct accounts *a = mem_alloc(sizeof(*a));

	a->dirfd = dirfd;
	buf_init(&a->text, FILE_MAX);
	return a;
}

static void
forget(struct accounts *a)
{
	accounts_index_clear(&a->index);
	secret_wipe(a->text.p, a->text.n);
	buf_clear(&a->text);
}

void
accounts_free(struct accounts **accounts)
{
	struct accounts *a = *accounts;

	*accounts = NULL;
	if (a == NULL)
		return;
	forget(a);
	buf_fini(&a->text);
	accounts_index_fini(&a->index);
	io_close(&a->dirfd);
	free(a);
}

static bool
same_file(const struct stat *x, const struct stat *y)
{
	return x->st_ino == y->st_ino && x->st_dev == y->st_dev &&
	       x->st_size == y->st_size &&
	       x->st_mtim.tv_sec == y->st_mtim.tv_sec &&
	       x->st_mtim.tv_nsec == y->st_mtim.tv_nsec;
}

static bool
is_young(const struct stat *st)
{
	uint64_t us = (uint64_t)st->st_mtim.tv_sec * 1000000 +
		      (uint64_t)st->st_mtim.tv_nsec / 1000;

	uint64_t now = clock_real_us();

	/* a time to come would be young for ever */
	return us + YOUNG_US > now && us < now + YOUNG_US;
}

static enum rc
load(struct accounts *a, struct why *why)
{
	int fd = io_open_read(a->dirfd, FILE_NAME);
	struct stat st;
	enum rc rc;

	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = why_sys(why, RC_TEMP, STATUS, "file of accounts");
	} else {
		forget(a);
		a->there = true;
		a->settled = !is_young(&st);
		a->seen = st;
		rc = io_read_file(fd, &a->text, why);
	}
	io_close(&fd);
	if (rc == RC_OK)
		accounts_index_fill(&a->index, buf_span(&a->text));
	else
		a->settled = false; /* is tried again */
	return rc;
}

enum rc
accounts_refresh(struct accounts *a, struct why *why)
{
	struct stat st;

	if (fstatat(a->dirfd, FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT && !a->there)
			return RC_OK; /* nobody was added yet */
		/* an editor puts a new one there in a moment */
		return why_sys(why, RC_TEMP, STATUS, "file of accounts");
	}
	if (a->there && a->settled && same_file(&a->seen, &st))
		return RC_OK;
	return load(a, why);
}

const struct accounts_entry *
accounts_find(const struct accounts *a, struct span login)
{
	return accounts_index_find(&a->index, login);
}

const struct accounts_entry *
accounts_after(const struct accounts *a, struct span key)
{
	return accounts_index_after(&a->index, key);
}

struct span
accounts_decoy(const struct accounts *a, uint64_t n)
{
	return accounts_index_decoy(&a->index, n);
}

size_t
accounts_count(const struct accounts *a)
{
	return a->index.n;
}

/* As house rule 10 has it: by the folder's descriptor, no link followed. */
static enum rc
replace(struct accounts *a, const struct buf *text, struct why *why)
{
	enum rc rc = RC_OK;
	int fd;

	(void)unlinkat(a->dirfd, FILE_TEMP, 0); /* left by one that died */
	fd = openat(a->dirfd, FILE_TEMP,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return why_sys(why, RC_TEMP, STATUS, "make " FILE_TEMP);
	if (!io_write_all(fd, text->p, text->n) || fsync(fd) < 0 ||
	    renameat(a->dirfd, FILE_TEMP, a->dirfd, FILE_NAME) < 0) {
		rc = why_sys(why, RC_TEMP, STATUS, "write " FILE_TEMP);
		(void)unlinkat(a->dirfd, FILE_TEMP, 0); /* the next one does */
	} else if (fsync(a->dirfd) < 0) {
		rc = why_sys(why, RC_TEMP, STATUS,
		    "changed, but it may not outlive a power cut");
	}
	io_close(&fd);
	return rc;
}

/* Put `line` (with its line end, or nothing) where n bytes are from `at` on. */
static enum rc
put_in(
    struct accounts *a, size_t at, size_t n, struct span line, struct why *why)
{
	struct span text = buf_span(&a->text);
	struct buf b;
	enum rc rc;

	buf_init(&b, FILE_MAX);
	buf_put_span(&b, span_head(text, at));
	if (b.n > 0 && b.p[b.n - 1] != '\n')
		buf_putc(&b, '\n');
	buf_put_span(&b, line);
	/* its own line end goes with it */
	buf_put_span(&b, span_from(text, at + n + (n > 0)));
	if (b.over)
		rc = why_set(
		    why, RC_TEMP, STATUS, "the file of accounts is full");
	else
		rc = replace(a, &b, why);
	secret_wipe(b.p, b.n);
	buf_fini(&b);
	a->settled = false;
	return rc == RC_OK ? accounts_refresh(a, why) : rc;
}

static enum rc
put_line(struct accounts *a, const struct accounts_entry *old,
    const struct account *account, struct why *why)
{
	struct buf line;
	enum rc rc;

	buf_init(&line, LINE_MAX);
	if (!account_format(&line, account) || !buf_putc(&line, '\n'))
		rc = why_set(why, RC_PERM, "5.3.5", "the line is too long");
	else
		rc = put_in(a, old == NULL ? a->text.n : old->at,
		    old == NULL ? 0 : old->n, buf_span(&line), why);
	secret_wipe(line.p, line.n);
	buf_fini(&line);
	return rc;
}

static void
set_secret(struct account *account, const struct accounts_secret *secret)
{
	account->hash = secret->hash;
	account->n_scram = secret->n_scram;
	memcpy(account->scram, secret->scram, sizeof(account->scram));
}

enum rc
accounts_add(struct accounts *a, struct span login,
    const struct accounts_secret *secret, struct span name, struct why *why)
{
	struct account account;
	enum rc rc = accounts_refresh(a, why);

	if (rc != RC_OK)
		return rc;
	if (accounts_find(a, login) != NULL)
		return why_set(
		    why, RC_PERM, "5.3.5", SPAN_FMT " exists", SPAN_ARG(login));
	account_init(&account);
	set_secret(&account, secret);
	if (!buf_put_span(&account.login, login) ||
	    !buf_put_span(&account.name, name))
		rc = why_set(
		    why, RC_PERM, "5.3.5", "address or name is too long");
	else
		rc = put_line(a, NULL, &account, why);
	account_fini(&account);
	return rc;
}

/* The account, from a file that is up to date; NULL: `why` is filled. */
static const struct accounts_entry *
fresh(struct accounts *a, struct span login, struct why *why)
{
	const struct accounts_entry *e;

	if (accounts_refresh(a, why) != RC_OK)
		return NULL;
	e = accounts_find(a, login);
	if (e == NULL)
		why_set(why, RC_PERM, "5.3.5", "there is no account " SPAN_FMT,
		    SPAN_ARG(login));
	return e;
}

enum rc
accounts_set_secret(struct accounts *a, struct span login,
    const struct accounts_secret *secret, struct why *why)
{
	const struct accounts_entry *e = fresh(a, login, why);
	struct account account;
	enum rc rc;

	if (e == NULL)
		return why->rc;
	account_init(&account);
	rc = account_parse(span_make(a->text.p + e->at, e->n), &account, why);
	set_secret(&account, secret);
	if (rc == RC_OK)
		rc = put_line(a, e, &account, why);
	account_fini(&account);
	return rc;
}

enum rc
accounts_remove(struct accounts *a, struct span login, struct why *why)
{
	const struct accounts_entry *e = fresh(a, login, why);

	return e == NULL ? why->rc : put_in(a, e->at, e->n, SPAN_NONE, why);
}

bool
accounts_app(const struct accounts *a, const struct accounts_entry *e,
    size_t *at, struct app *app)
{
	struct span line = span_make(a->text.p + e->at, e->n);
	struct span rest = span_from(line, *at);

	while (rest.n > 0) {
		struct span field = span_cut(&rest, ' ');

		*at = line.n - rest.n;
		if (span_starts(field, SPAN_LIT("app=")) &&
		    app_parse(span_from(field, 4), app))
			return true;
	}
	return false;
}

/* Where the one of that name stands in `account`; n_app: nowhere. */
static size_t
app_place(const struct account *account, struct span name)
{
	struct app app;
	size_t i = 0;

	while (i < account->n_app && !(app_parse(account->app[i], &app) &&
					 span_eq(span_of(app.name), name)))
		i++;
	return i;
}

enum rc
accounts_add_app(struct accounts *a, struct span login, const struct app *app,
    struct why *why)
{
	const struct accounts_entry *e = fresh(a, login, why);
	struct account account;
	struct buf text;
	enum rc rc;

	if (e == NULL)
		return why->rc;
	account_init(&account);
	buf_init(&text, APP_TEXT_MAX);
	rc = account_parse(span_make(a->text.p + e->at, e->n), &account, why);
	if (rc == RC_OK &&
	    app_place(&account, span_of(app->name)) < account.n_app)
		rc = why_set(why, RC_PERM, "5.3.5",
		    "%s has an application password of that name", e->login);
	else if (rc == RC_OK && account.n_app == ACCOUNT_APP_MAX)
		rc = why_set(why, RC_PERM, "5.3.5",
		    "an account has at most %d application passwords",
		    ACCOUNT_APP_MAX);
	else if (rc == RC_OK && !app_put(&text, app))
		rc = why_set(why, RC_PERM, "5.3.5", "the name is too long");
	if (rc == RC_OK) {
		account.app[account.n_app++] = buf_span(&text);
		rc = put_line(a, e, &account, why);
	}
	buf_fini(&text);
	account_fini(&account);
	return rc;
}

enum rc
accounts_remove_app(
    struct accounts *a, struct span login, struct span name, struct why *why)
{
	const struct accounts_entry *e = fresh(a, login, why);
	struct account account;
	size_t i;
	enum rc rc;

	if (e == NULL)
		return why->rc;
	account_init(&account);
	rc = account_parse(span_make(a->text.p + e->at, e->n), &account, why);
	i = rc == RC_OK ? app_place(&account, name) : 0;
	if (rc == RC_OK && i == account.n_app)
		rc = why_set(why, RC_PERM, "5.3.5",
		    "%s has no application password of that name", e->login);
	if (rc == RC_OK) {
		account.n_app--;
		memmove(account.app + i, account.app + i + 1,
		    (account.n_app - i) * sizeof(account.app[0]));
		rc = put_line(a, e, &account, why);
	}
	account_fini(&account);
	return rc;
}

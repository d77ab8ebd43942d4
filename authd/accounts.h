/*
 * The file of accounts: a line each, as lib/directory/account.h has it. It is
 * the truth and an administrator's to edit: authd reads it anew when it has
 * changed, and changes no line but the one it was asked to. It is replaced
 * whole, so a reader or a power cut sees the old or the new one.
 */
#ifndef AUTHD_ACCOUNTS_H
#define AUTHD_ACCOUNTS_H

#include "authd/app.h"
#include "lib/base/buf.h"
#include "lib/base/why.h"
#include "lib/directory/account.h"

struct accounts;

/* What is kept of one password. */
struct accounts_secret {
	struct span hash; /* crypt(3) text, or what no password matches */
	struct span scram[ACCOUNT_SCRAM_MAX]; /* RFC 5803 texts */
	size_t n_scram;
};

struct accounts_entry {
	char *login; /* canonical mailbox */
	char *key;   /* the same in lower case: what logins compare by */
	char *name;  /* display name, or "" */
	struct accounts_secret secret;
	size_t line; /* counted from 1 */
	size_t at;   /* its bytes in the file, without line end */
	size_t n;
};

/* `dirfd` (taken) is the file's folder. Never NULL; read by the first refresh.
 */
struct accounts *accounts_new(int dirfd);
void accounts_free(struct accounts **a);

/*
 * Read the file if it is another than last time; broken lines are logged and
 * left out. No file at first: no accounts. RC_TEMP 4.7.0 when it has gone or
 * cannot be read: what was known is not to be trusted then. What the calls
 * below return is borrowed until the next refresh or change.
 */
enum rc accounts_refresh(struct accounts *a, struct why *why);

/* By canonical login, without case; NULL: there is none. */
const struct accounts_entry *accounts_find(
    const struct accounts *a, struct span login);
/* In the order of keys: the first behind `key`; NULL: no more. */
const struct accounts_entry *accounts_after(
    const struct accounts *a, struct span key);
/* Some account's hash that crypt(3) can check, chosen by `n`; or empty. */
struct span accounts_decoy(const struct accounts *a, uint64_t n);
size_t accounts_count(const struct accounts *a);

/*
 * Change the file; RC_OK: it is durable, and read again. RC_PERM: the account
 * exists already, or does not. RC_TEMP: as it was, or it is not known to be
 * durable. `why` is not NULL.
 */
enum rc accounts_add(struct accounts *a, struct span login,
    const struct accounts_secret *secret, struct span name, struct why *why);
enum rc accounts_set_secret(struct accounts *a, struct span login,
    const struct accounts_secret *secret, struct why *why);
enum rc accounts_remove(struct accounts *a, struct span login, struct why *why);
/* Application passwords of an account: a further one, whose name is new to it
 * (RC_PERM: it is not, or there are ACCOUNT_APP_MAX), and one less. */
enum rc accounts_add_app(struct accounts *a, struct span login,
    const struct app *app, struct why *why);
enum rc accounts_remove_app(
    struct accounts *a, struct span login, struct span name, struct why *why);
/*
 * Those of `e`, one a call: *at is 0 before the first. False: no more. What is
 * malformed is passed over.
 */
bool accounts_app(const struct accounts *a, const struct accounts_entry *e,
    size_t *at, struct app *app);

/* Lower case of ASCII letters, on the heap, owned by the caller. */
char *accounts_key(struct span login);

#endif

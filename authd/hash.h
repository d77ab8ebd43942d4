/*
 * Password hashes by crypt(3), made and checked in a few threads: each takes
 * some 20 ms and some MB. Whatever scheme crypt(3) knows is checked; new ones
 * are yescrypt.
 */
#ifndef AUTHD_HASH_H
#define AUTHD_HASH_H

#include <event2/event.h>

#include "authd/accounts.h"
#include "authd/scram.h"
#include "lib/base/secret.h"
#include "lib/base/why.h"

/* crypt(3) takes one byte less than CRYPT_MAX_PASSPHRASE_SIZE */
#define HASH_PASSWORD_MAX 511
/* jobs beyond those that the threads are at */
#define HASH_WAITING_MAX 256

struct hasher;

/*
 * The result, in the event loop. Check: does the password match? Make: has it
 * worked? `made` is what is to be kept then; borrowed. A password that SCRAM
 * does not allow (no UTF-8) has no verifiers.
 */
typedef void hash_done(void *ctx, bool ok, const struct accounts_secret *made);

struct hash_job {
	struct secret password; /* taken; hash_password_ok() */
	/*
	 * Copied. HASH_CHECK: against this; HASH_DECOY: the same work, but no
	 * password matches; empty or useless, it is against a dummy.
	 */
	struct span stored;
	bool scram[SCRAM_HASHES]; /* HASH_MAKE: for these too */
	enum {
		HASH_MAKE,
		HASH_CHECK,
		HASH_DECOY
	} act;
	hash_done *done;
	void *ctx;
};

/* Threads start at once and live as long as the process. */
struct hasher *hash_new(struct event_base *base, unsigned threads);
/* RC_WAIT: `done` will run. RC_TEMP 4.7.0: too many wait; password wiped. */
enum rc hash_submit(
    struct hasher *h, const struct hash_job *job, struct why *why);
/* Jobs whose `done` has not run yet. */
size_t hash_waiting(const struct hasher *h);
/* May this be a password? Not empty, no NUL, HASH_PASSWORD_MAX bytes. */
bool hash_password_ok(struct span password);
/* Is this a hash that crypt(3) can check? "!" and "*" are not. */
bool hash_usable(struct span hash);

#endif

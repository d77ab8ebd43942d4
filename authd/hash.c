/*
 * Password hashes: see hash.h. A task holds all that a thread touches; it is
 * wiped whole when it is done.
 */
#include <crypt.h>
#include <stdlib.h>

#include "authd/hash.h"
#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/ev/pool.h"
#include "lib/base/banned.h"

#define SCHEME "$y$" /* yescrypt, at the library's own cost */

struct hasher {
	struct pool *pool;
	unsigned threads;
	char dummy[CRYPT_OUTPUT_SIZE];
};

struct task {
	struct hash_job job;
	const char *dummy; /* the hasher's, never written */
	bool ok;
	char stored[CRYPT_OUTPUT_SIZE];
	char scram[SCRAM_HASHES][SCRAM_TEXT_MAX]; /* "": none */
	struct crypt_data data;
};

static const char *
run(struct task *t, const char *setting)
{
	const char *out = crypt_r(t->job.password.p, setting, &t->data);

	return out == NULL || out[0] == '*' ? NULL : out;
}

static void
make_scram(struct task *t, enum scram_hash hash)
{
	struct scram_verifier v = {
	    .iterations = SCRAM_ITERATIONS, .salt_n = SCRAM_SALT};
	struct buf b;

	io_random(v.salt, v.salt_n);
	buf_init(&b, SCRAM_TEXT_MAX - 1);
	if (scram_verifier_make(
		hash, span_make(t->job.password.p, t->job.password.n), &v) &&
	    scram_verifier_put(&b, hash, &v))
		(void)span_copy(
		    buf_span(&b), t->scram[hash], SCRAM_TEXT_MAX); /* fits */
	secret_wipe(b.p, b.n);
	buf_fini(&b);
	secret_wipe(&v, sizeof(v));
}

static void
make(struct task *t)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *out = NULL;

	if (crypt_gensalt_rn(
		SCHEME, 0, NULL, 0, setting, (int)sizeof(setting)) != NULL)
		out = run(t, setting);
	t->ok = out != NULL &&
		span_copy(span_of(out), t->stored, sizeof(t->stored));
	for (unsigned i = 0; t->ok && i < SCRAM_HASHES; i++)
		if (t->job.scram[i])
			make_scram(t, (enum scram_hash)i);
}

static void
check(struct task *t)
{
	const char *out = run(t, t->stored);

	/* who has no hash is not to be told by a quick answer */
	if (out == NULL) {
		(void)run(t, t->dummy);
		return;
	}
	t->ok = secret_eq(span_of(out), span_of(t->stored)) &&
		t->job.act == HASH_CHECK;
}

static void
work(void *arg)
{
	struct task *t = arg;

	if (t->job.act == HASH_MAKE)
		make(t);
	else
		check(t);
}

static void
task_free(struct task *t)
{
	secret_fini(&t->job.password);
	secret_wipe(t, sizeof(*t));
	free(t);
}

static void
on_done(void *arg)
{
	struct task *t = arg;
	struct accounts_secret made = {.n_scram = 0};

	made.hash = span_of(t->stored);
	for (unsigned i = 0; i < SCRAM_HASHES; i++)
		if (t->scram[i][0] != '\0')
			made.scram[made.n_scram++] = span_of(t->scram[i]);
	t->job.done(t->job.ctx, t->ok, &made);
	task_free(t);
}

/* A hash of what nobody knows. */
static void
make_dummy(struct hasher *h)
{
	struct task *t = mem_alloc(sizeof(*t));
	unsigned char noise[32];
	struct buf b;

	io_random(noise, sizeof(noise));
	buf_init(&b, 2 * sizeof(noise));
	enc_hex(&b, span_make(noise, sizeof(noise)));
	t->job.password = secret_of(buf_span(&b));
	secret_wipe(b.p, b.n);
	buf_fini(&b);
	make(t);
	if (!t->ok)
		fatal("crypt(3) does not know " SCHEME);
	memcpy(h->dummy, t->stored, sizeof(h->dummy));
	task_free(t);
}

struct hasher *
hash_new(struct event_base *base, unsigned threads)
{
	struct hasher *h = mem_alloc(sizeof(*h));

	make_dummy(h);
	h->threads = threads;
	h->pool = pool_new(base, threads);
	return h;
}

enum rc
hash_submit(struct hasher *h, const struct hash_job *job, struct why *why)
{
	struct task *t = mem_alloc(sizeof(*t));

	t->job = *job;
	if (pool_pending(h->pool) >= h->threads + HASH_WAITING_MAX) {
		task_free(t);
		return why_set(why, RC_TEMP, "4.7.0",
		    "too many passwords wait to be checked");
	}
	t->dummy = h->dummy;
	if (t->job.act != HASH_MAKE &&
	    (!hash_usable(job->stored) ||
		!span_copy(job->stored, t->stored, sizeof(t->stored)))) {
		t->job.act = HASH_DECOY;
		memcpy(t->stored, h->dummy, sizeof(t->stored));
	}
	pool_submit(h->pool, work, on_done, t);
	return RC_WAIT;
}

size_t
hash_waiting(const struct hasher *h)
{
	return pool_pending(h->pool);
}

bool
hash_password_ok(struct span password)
{
	return password.n > 0 && password.n <= HASH_PASSWORD_MAX &&
	       span_find(password, '\0') == password.n;
}

bool
hash_usable(struct span hash)
{
	char text[CRYPT_OUTPUT_SIZE];
	int verdict;

	if (!span_copy(hash, text, sizeof(text)))
		return false;
	/* crypt(3) takes nearly any two letters for a salt of DES */
	if (text[0] != '$' && hash.n != (text[0] == '_' ? 20 : 13))
		return false;
	verdict = crypt_checksalt(text);
	/* old and cheap schemes are for who chose them to replace */
	return verdict != CRYPT_SALT_INVALID &&
	       verdict != CRYPT_SALT_METHOD_DISABLED;
}

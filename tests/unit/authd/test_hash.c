#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <crypt.h>
#include <stdlib.h>
#include <time.h>

#include "authd/hash.h"
#include "lib/base/buf.h"
#include "lib/base/mem.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static struct event_base *base;
static struct hasher *hasher;

struct result {
	bool done, ok;
	struct buf hash;
	size_t n_scram;
};

static void
on_done(void *ctx, bool ok, const struct accounts_secret *made)
{
	struct result *r = ctx;

	r->done = true;
	r->ok = ok;
	buf_clear(&r->hash);
	buf_put_span(&r->hash, made->hash);
	r->n_scram = made->n_scram;
}

static bool
run(struct result *r, int act, struct span password, const char *stored)
{
	struct hash_job job = {.password = secret_of(password),
	    .stored = span_of(stored),
	    .done = on_done,
	    .ctx = r};

	job.act = act;
	r->done = false;
	assert_int_equal(hash_submit(hasher, &job, NULL), RC_WAIT);
	while (!r->done)
		event_base_loop(base, EVLOOP_ONCE);
	assert_int_equal(hash_waiting(hasher), 0);
	return r->ok;
}

static const struct row {
	const char *name;
	const char *scheme; /* of a hash of "secret", made by crypt(3) here */
	struct span password;
	int act;
	bool ok;
} rows[] = {
    {"yescrypt", "$y$", SPAN_LIT("secret"), HASH_CHECK, true},
    {"SHA-512", "$6$", SPAN_LIT("secret"), HASH_CHECK, true},
    {"SHA-256", "$5$", SPAN_LIT("secret"), HASH_CHECK, true},
    {"bcrypt", "$2b$", SPAN_LIT("secret"), HASH_CHECK, true},
    {"MD5", "$1$", SPAN_LIT("secret"), HASH_CHECK, true},
    {"DES", "", SPAN_LIT("secret"), HASH_CHECK, true},
    {"extended DES", "_", SPAN_LIT("secret"), HASH_CHECK, true},
    {"wrong", "$y$", SPAN_LIT("secreT"), HASH_CHECK, false},
    {"longer", "$y$", SPAN_LIT("secret1"), HASH_CHECK, false},
    {"shorter", "$y$", SPAN_LIT("secre"), HASH_CHECK, false},
    {"a decoy never matches", "$y$", SPAN_LIT("secret"), HASH_DECOY, false},
};

static void
setting_of(const char *scheme, char *out, size_t size)
{
	struct crypt_data *d = mem_alloc(sizeof(*d));
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	assert_non_null(crypt_gensalt_rn(
	    scheme, 0, NULL, 0, setting, (int)sizeof(setting)));
	assert_true(
	    span_copy(span_of(crypt_r("secret", setting, d)), out, size));
	free(d);
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	char stored[CRYPT_OUTPUT_SIZE];
	struct result r = {0};

	buf_init(&r.hash, 1024);
	setting_of(row->scheme, stored, sizeof(stored));
	assert_true(hash_usable(span_of(stored)));
	assert_int_equal(run(&r, row->act, row->password, stored), row->ok);
	buf_fini(&r.hash);
}

static void
check_made(void **state)
{
	struct result r = {0}, again = {0};

	(void)state;
	buf_init(&r.hash, 1024);
	buf_init(&again.hash, 1024);
	assert_true(run(&r, HASH_MAKE, SPAN_LIT("secret"), NULL));
	assert_true(span_starts(buf_span(&r.hash), SPAN_LIT("$y$")));
	assert_true(run(&again, HASH_MAKE, SPAN_LIT("secret"), NULL));
	assert_false(span_eq(buf_span(&r.hash), buf_span(&again.hash)));
	assert_true(
	    run(&again, HASH_CHECK, SPAN_LIT("secret"), buf_cstr(&r.hash)));
	buf_fini(&r.hash);
	buf_fini(&again.hash);
}

static uint64_t
cpu_us(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Whoever has no hash costs as much as who has one. */
static void
check_equal_work(void **state)
{
	static const char *const without[] = {"", "!", "*", "!$y$j9T$x",
	    "nonsense", "$y$j9T$", "$y$$", "$99$x$y"};
	struct result r = {0};
	uint64_t start, real = UINT64_MAX, t;
	char stored[CRYPT_OUTPUT_SIZE];

	(void)state;
	buf_init(&r.hash, 1024);
	setting_of("$y$", stored, sizeof(stored));
	for (int i = 0; i < 3; i++) {
		start = cpu_us();
		assert_false(run(&r, HASH_CHECK, SPAN_LIT("x"), stored));
		t = cpu_us() - start;
		real = t < real ? t : real;
	}
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
		start = cpu_us();
		assert_false(
		    run(&r, HASH_CHECK, SPAN_LIT("secret"), without[i]));
		t = cpu_us() - start;
		if (t < real / 2)
			fail_msg("%s: %llu us, not %llu", without[i],
			    (unsigned long long)t, (unsigned long long)real);
	}
	buf_fini(&r.hash);
}

static void
count(void *ctx, bool ok, const struct accounts_secret *made)
{
	(void)ok;
	(void)made;
	++*(unsigned *)ctx;
}

static void
check_bound(void **state)
{
	char stored[CRYPT_OUTPUT_SIZE];
	struct hash_job job = {.act = HASH_CHECK, .done = count};
	unsigned taken = 0, refused = 0, done = 0;
	struct why why;

	(void)state;
	setting_of("$1$", stored, sizeof(stored)); /* quick */
	job.stored = span_of(stored);
	job.ctx = &done;
	for (int i = 0; i < HASH_WAITING_MAX + 10; i++) {
		job.password = secret_of(SPAN_LIT("x"));
		if (hash_submit(hasher, &job, &why) == RC_WAIT)
			taken++;
		else
			refused++;
	}
	assert_int_equal(taken, HASH_WAITING_MAX + 2);
	assert_int_equal(refused, 8);
	assert_string_equal(why.status, "4.7.0");
	while (done < taken)
		event_base_loop(base, EVLOOP_ONCE);
}

static void
check_passwords(void **state)
{
	char longest[HASH_PASSWORD_MAX + 1];
	struct result r = {0};
	struct result again = {0};

	(void)state;
	memset(longest, 'x', sizeof(longest));
	assert_false(hash_password_ok(SPAN_LIT("")));
	assert_false(hash_password_ok(SPAN_LIT("a\0b")));
	assert_true(hash_password_ok(SPAN_LIT("a b")));
	assert_false(hash_password_ok(span_make(longest, sizeof(longest))));
	assert_true(hash_password_ok(span_make(longest, HASH_PASSWORD_MAX)));
	buf_init(&r.hash, 1024);
	buf_init(&again.hash, 1024);
	/* crypt(3) takes that much, and looks at all of it */
	assert_true(
	    run(&r, HASH_MAKE, span_make(longest, HASH_PASSWORD_MAX), NULL));
	longest[HASH_PASSWORD_MAX - 1] = 'y';
	assert_false(run(&again, HASH_CHECK,
	    span_make(longest, HASH_PASSWORD_MAX), buf_cstr(&r.hash)));
	buf_fini(&r.hash);
	buf_fini(&again.hash);
}

int
main(void)
{
	enum {
		N = sizeof(rows) / sizeof(rows[0])
	};
	struct CMUnitTest tests[N + 4] = {[N] = cmocka_unit_test(check_made),
	    [N + 1] = cmocka_unit_test(check_equal_work),
	    [N + 2] = cmocka_unit_test(check_bound),
	    [N + 3] = cmocka_unit_test(check_passwords)};

	base = event_base_new();
	hasher = hash_new(base, 2);
	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

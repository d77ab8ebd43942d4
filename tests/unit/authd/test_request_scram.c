/*
 * Exchanges of SCRAM at authd: what is taken, what is refused, and that nobody
 * learns who there is. The client's side is OpenSSL's and the rows' own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "authd/request_state.h"
#include "authd/salt.h"
#include "lib/base/enc.h"
#include "lib/base/num.h"
#include "tests/unit/authd/world.h"
#include "lib/base/banned.h"

#define PASSWORD "pencil"

static char line[1024];
static const char *other_nonce; /* that is proven instead, or NULL */

/* alice and bob have PASSWORD, bob is locked; carol has no verifier. */
static void
begin(enum role front)
{
	struct scram_verifier v = {.iterations = 4096, .salt_n = 4};
	struct buf text;

	memcpy(v.salt, "salt", 4);
	assert_true(scram_verifier_make(SCRAM_SHA_256, SPAN_LIT(PASSWORD), &v));
	buf_init(&text, SCRAM_TEXT_MAX);
	assert_true(scram_verifier_put(&text, SCRAM_SHA_256, &v));
	(void)snprintf(line, sizeof(line),
	    "Alice@example.org $5$salt$x scram=%s\n"
	    "bob@example.org ! scram=%s\n"
	    "carol@example.org $5$salt$x\n",
	    buf_cstr(&text), buf_cstr(&text));
	buf_fini(&text);
	world_begin(front);
	w.w.conf->auth.scram = CONF_SCRAM_SHA_256;
	write_accounts(line);
}

static void
start(const char *mechanism, const char *first)
{
	struct msg_sasl_start m = {.id = w.id + w.challenges + 1,
	    .service = SPAN_LIT("smtp"),
	    .client = SPAN_LIT("192.0.2.1"),
	    .mechanism = span_of(mechanism),
	    .data = span_of(first),
	    .session = -1};

	assert_true(proto_send_sasl_start(w.front, &m));
}

static void
answer(const char *text)
{
	assert_true(proto_send_sasl_answer(
	    w.front, &(struct msg_sasl_answer){w.challenge_id, span_of(text)}));
}

static void
expect(enum rc rc)
{
	unsigned before = w.results;

	assert_true(turn_until(&w.results, before + 1, 20000));
	assert_int_equal(w.rc, rc);
}

static void
expect_challenge(void)
{
	unsigned before = w.challenges;

	assert_true(turn_until(&w.challenges, before + 1, 5000));
}

static void
mac(const unsigned char *key, const char *text, unsigned char out[32])
{
	unsigned n;

	assert_non_null(HMAC(EVP_sha256(), key, 32, (const unsigned char *)text,
	    strlen(text), out, &n));
}

/* The client's last message to the challenge in w.text. */
static void
prove(const char *bare, const char *password, char *out, size_t size)
{
	unsigned char salted[32], client[32], stored[32], proof[32];
	struct span rest = span_of(w.text), nonce, salt, count;
	char without[600], auth[2000];
	struct buf bytes, text;
	uint64_t iterations;

	nonce = span_from(span_cut(&rest, ','), 2);
	salt = span_from(span_cut(&rest, ','), 2);
	count = span_from(rest, 2);
	assert_true(num_u64(count, &iterations));
	buf_init(&bytes, 64);
	assert_true(enc_unbase64(&bytes, salt));
	assert_int_equal(PKCS5_PBKDF2_HMAC(password, (int)strlen(password),
			     (unsigned char *)bytes.p, (int)bytes.n,
			     (int)iterations, EVP_sha256(), 32, salted),
	    1);
	mac(salted, "Client Key", client);
	assert_int_equal(
	    EVP_Digest(client, 32, stored, NULL, EVP_sha256(), NULL), 1);
	(void)snprintf(
	    without, sizeof(without), "c=biws,r=" SPAN_FMT, SPAN_ARG(nonce));
	if (other_nonce != NULL)
		(void)snprintf(
		    without, sizeof(without), "c=biws,r=%s", other_nonce);
	(void)snprintf(auth, sizeof(auth), "%s,%s,%s", bare, w.text, without);
	mac(stored, auth, proof);
	for (int i = 0; i < 32; i++)
		proof[i] ^= client[i];
	buf_init(&text, 64);
	assert_true(enc_base64(&text, span_make(proof, 32)));
	(void)snprintf(out, size, "%s,p=%s", without, buf_cstr(&text));
	buf_fini(&text);
	buf_fini(&bytes);
}

/* An exchange as far as it goes. */
static void
exchange(const char *login, const char *password, bool ok)
{
	char first[300], last[700];

	(void)snprintf(first, sizeof(first), "n,,n=%s,r=nonce", login);
	start("SCRAM-SHA-256", first);
	expect_challenge();
	prove(first + 3, password, last, sizeof(last));
	answer(last);
	if (!ok) {
		expect(RC_PERM);
		assert_string_equal(w.status, "5.7.8");
		return;
	}
	expect_challenge();
	assert_true(span_starts(span_of(w.text), SPAN_LIT("v=")));
	answer("");
	expect(RC_OK);
}

static const struct row {
	const char *name, *login, *password;
	bool ok;
} rows[] = {
    {"right", "alice@example.org", PASSWORD, true},
    {"in capitals", "ALICE@EXAMPLE.ORG", PASSWORD, true},
    {"wrong", "alice@example.org", "wrong", false},
    {"locked", "bob@example.org", PASSWORD, false},
    {"no verifier", "carol@example.org", PASSWORD, false},
    {"nobody", "nobody@example.org", PASSWORD, false},
};

static void
check_row(void **state)
{
	const struct row *row = *state;

	begin(ROLE_SMTPD);
	exchange(row->login, row->password, row->ok);
	if (row->ok)
		assert_string_equal(w.login, "Alice@example.org");
	world_end();
}

/* Which salt such a login is shown. */
static void
salt_of(const char *first, char *out, size_t size)
{
	struct span rest, text;

	start("SCRAM-SHA-256", first);
	expect_challenge();
	rest = span_of(w.text);
	(void)span_cut(&rest, ',');
	text = span_cut(&rest, ',');
	assert_true(span_copy(text, out, size));
}

/* Who has none has one, the same each time and after a restart. */
static void
check_salts(void **state)
{
	char one[64], again[64], other[64];
	int dir;

	(void)state;
	begin(ROLE_SMTPD);
	salt_of("n,,n=no@example.org,r=x", one, sizeof(one));
	salt_of("n,,n=no@example.org,r=y", again, sizeof(again));
	salt_of("n,,n=on@example.org,r=x", other, sizeof(other));
	assert_string_equal(one, again);
	assert_string_not_equal(one, other);
	digest_key_new(&w.a.salt_key);
	dir = open(w.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	salt_key_get(dir, &w.a.salt_key);
	io_close(&dir);
	salt_of("n,,n=no@example.org,r=z", again, sizeof(again));
	assert_string_equal(one, again);
	world_end();
}

static void
check_not_offered(void **state)
{
	(void)state;
	begin(ROLE_SMTPD);
	start("SCRAM-SHA-1", "n,,n=alice@example.org,r=x");
	expect(RC_PERM);
	w.w.conf->auth.scram = CONF_SCRAM_NONE;
	start("SCRAM-SHA-256", "n,,n=alice@example.org,r=x");
	expect(RC_PERM);
	w.w.conf->auth.scram = CONF_SCRAM_SHA_256;
	start("SCRAM-SHA-256", "");
	expect(RC_PERM);
	world_end();
}

/* The proof is for the verifier that was there when it began. */
static void
check_changed_meanwhile(void **state)
{
	char last[700];

	(void)state;
	begin(ROLE_SMTPD);
	start("SCRAM-SHA-256", "n,,n=alice@example.org,r=nonce");
	expect_challenge();
	prove("n=alice@example.org,r=nonce", PASSWORD, last, sizeof(last));
	write_accounts("alice@example.org !\n");
	answer(last);
	expect(RC_PERM);
	world_end();
}

/* A right proof, but of an exchange with another nonce. */
static void
check_nonce(void **state)
{
	(void)state;
	begin(ROLE_SMTPD);
	other_nonce = "nonce";
	exchange("alice@example.org", PASSWORD, false);
	other_nonce = NULL;
	world_end();
}

/* Nobody acts for another. */
static void
check_authzid(void **state)
{
	char last[700];

	(void)state;
	begin(ROLE_SMTPD);
	start("SCRAM-SHA-256",
	    "n,a=carol@example.org,n=alice@example.org,r=nonce");
	expect_challenge();
	prove("n=alice@example.org,r=nonce", PASSWORD, last, sizeof(last));
	answer(last);
	expect(RC_PERM);
	world_end();
}

/* The front hears that authd has given up, and hears it again when its client
 * goes on after all: it waits for an answer then. */
static void
check_late(void **state)
{
	struct request *r;

	(void)state;
	begin(ROLE_SMTPD);
	start("SCRAM-SHA-256", "n,,n=alice@example.org,r=nonce");
	expect_challenge();
	r = TAILQ_FIRST(&w.a.requests);
	event_active(r->timer, EV_TIMEOUT, 0); /* its minute is over */
	expect(RC_TEMP);
	assert_true(TAILQ_EMPTY(&w.a.requests));
	answer("c=biws,r=noncex,p=");
	expect(RC_TEMP);
	assert_int_equal(w.id, w.challenge_id);
	/* one that never was */
	w.challenge_id += 1000;
	answer("");
	expect(RC_TEMP);
	world_end();
}

/* Without its last word, or with more of it, there is no log-in. */
static void
check_last_word(void **state)
{
	char last[700];

	(void)state;
	begin(ROLE_SMTPD);
	start("SCRAM-SHA-256", "n,,n=alice@example.org,r=nonce");
	expect_challenge();
	prove("n=alice@example.org,r=nonce", PASSWORD, last, sizeof(last));
	answer(last);
	expect_challenge();
	assert_int_equal(w.a.ok, 0);
	answer("x");
	expect(RC_PERM);
	assert_int_equal(w.a.ok, 0);
	world_end();
}

/* Who waits for his client keeps nobody else from logging in. */
static void
check_many_wait(void **state)
{
	unsigned never = 0;

	(void)state;
	begin(ROLE_SMTPD);
	for (unsigned i = 0; i < AUTHD_OUTSTANDING_MAX + 10; i++) {
		start("SCRAM-SHA-256", "n,,n=alice@example.org,r=x");
		expect_challenge();
	}
	exchange("alice@example.org", PASSWORD, true);
	/* and who has given up is forgotten */
	assert_true(proto_send_sasl_cancel(
	    w.front, &(struct msg_sasl_cancel){w.challenge_id - 3}));
	(void)turn_until(&never, 1, 50);
	world_end();
}

int
main(void)
{
	static const struct CMUnitTest others[] = {
	    cmocka_unit_test(check_salts),
	    cmocka_unit_test(check_not_offered),
	    cmocka_unit_test(check_changed_meanwhile),
	    cmocka_unit_test(check_nonce),
	    cmocka_unit_test(check_authzid),
	    cmocka_unit_test(check_late),
	    cmocka_unit_test(check_last_word),
	    cmocka_unit_test(check_many_wait),
	};
	enum {
		N = sizeof(rows) / sizeof(rows[0]),
		M = sizeof(others) / sizeof(others[0])
	};
	struct CMUnitTest tests[N + M];

	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	for (size_t i = 0; i < M; i++)
		tests[N + i] = others[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * SCRAM: authd/scram.c. The exchanges are the examples of RFC 5802 section 5
 * and RFC 7677 section 3; the others are those with one thing changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "authd/scram.h"
#include "lib/base/enc.h"
#include "lib/base/banned.h"

#define N(rows)  (sizeof(rows) / sizeof((rows)[0]))

#define LONG_51  "123456789012345678901234567890123456789012345678901"
#define LONG_255 LONG_51 LONG_51 LONG_51 LONG_51 LONG_51

static const struct exchange {
	const char *name;
	enum scram_hash hash;
	const char *salt, *nonce; /* base64; the server's part */
	const char *first, *challenge, *final, *end;
} exchanges[] = {
    {"RFC 5802", SCRAM_SHA_1, "QSXCR+Q6sek8bf92", "3rfcNHYJY1ZVvWVs7j",
	"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
	"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,"
	"i=4096",
	"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
	"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
	"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {"RFC 7677", SCRAM_SHA_256, "W22ZaJ0SNY7soEsUEjb6gQ==",
	"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
	"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
    {"wrong proof", SCRAM_SHA_256,
	"W22ZaJ0SNY7soEsUEjb6gQ==", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", NULL,
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	"p=eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	NULL},
    {"short proof", SCRAM_SHA_256,
	"W22ZaJ0SNY7soEsUEjb6gQ==", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", NULL,
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=", NULL},
    {"no proof", SCRAM_SHA_256,
	"W22ZaJ0SNY7soEsUEjb6gQ==", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", NULL,
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", NULL},
    {"another's nonce", SCRAM_SHA_256, "W22ZaJ0SNY7soEsUEjb6gQ==", "another",
	"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", NULL,
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	NULL},
    {"another header", SCRAM_SHA_256,
	"W22ZaJ0SNY7soEsUEjb6gQ==", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	"y,,n=user,r=rOprNGfwEbeRWgbNEkqO", NULL,
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
	"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
	NULL},
};

static bool
verifier(enum scram_hash hash, const char *salt, struct scram_verifier *v)
{
	struct buf b;
	bool ok;

	*v = (struct scram_verifier){.iterations = 4096};
	buf_init(&b, SCRAM_SALT_MAX);
	ok = enc_unbase64(&b, span_of(salt));
	v->salt_n = b.n;
	memcpy(v->salt, b.p, b.n);
	buf_fini(&b);
	return ok && scram_verifier_make(hash, SPAN_LIT("pencil"), v);
}

static void
test_exchange(void **state)
{
	const struct exchange *row = *state;
	struct scram_channel channel = {.plus = false};
	struct scram s = {0};
	struct scram_verifier v;
	struct buf out;
	struct why why;

	buf_init(&out, 1024);
	assert_true(verifier(row->hash, row->salt, &v));
	assert_int_equal(
	    scram_first(&s, row->hash, &channel, span_of(row->first), &why),
	    RC_OK);
	assert_true(span_eq(span_make(s.login, s.login_n), SPAN_LIT("user")));
	assert_true(scram_challenge(&s, &v, span_of(row->nonce), &out));
	if (row->challenge != NULL)
		assert_string_equal(buf_cstr(&out), row->challenge);
	buf_clear(&out);
	assert_int_equal(
	    scram_final(&s, span_of(row->final), &out), row->end != NULL);
	assert_string_equal(buf_cstr(&out), row->end == NULL ? "" : row->end);
	scram_fini(&s);
	buf_fini(&out);
}

/* What a client may begin with: "" not at all, else "login/authzid". */
static const struct first {
	const char *name;
	struct scram_channel channel;
	const char *message, *want;
} firsts[] = {
    {"plain", {.plus = false}, "n,,n=a@b.example,r=x", "a@b.example/"},
    {"escapes", {.plus = false}, "n,,n=a=2Cb=3Dc,r=x", "a,b=c/"},
    {"authzid", {.plus = false}, "n,a=b=2C,n=a,r=x", "a/b,"},
    {"an extension behind", {.plus = false}, "n,,n=a,r=x,z=1", "a/"},
    {"a mandatory one", {.plus = false}, "n,,m=1,n=a,r=x", ""},
    {"empty", {.plus = false}, "", ""},
    {"commas", {.plus = false}, ",,,,", ""},
    {"no name", {.plus = false}, "n,,n=,r=x", ""},
    {"no nonce", {.plus = false}, "n,,n=a,r=", ""},
    {"no r", {.plus = false}, "n,,n=a", ""},
    {"a bad escape", {.plus = false}, "n,,n=a=2,r=x", ""},
    {"a lone escape", {.plus = false}, "n,,n=a=,r=x", ""},
    {"a nonce with a space", {.plus = false}, "n,,n=a,r=x y", ""},
    {"a name of 255 bytes", {.plus = false}, "n,,n=" LONG_255 ",r=x", ""},
    {"y without -PLUS on offer", {.plus = false}, "y,,n=a,r=x", "a/"},
    {"y, and it was offered: somebody is between", {.plus_offered = true},
	"y,,n=a,r=x", ""},
    {"n, and it was offered: the client cannot", {.plus_offered = true},
	"n,,n=a,r=x", "a/"},
    {"p without -PLUS", {.plus_offered = true, .binding = SPAN_LIT("key")},
	"p=tls-exporter,,n=a,r=x", ""},
    {"-PLUS", {true, true, SPAN_LIT("key")}, "p=tls-exporter,,n=a,r=x", "a/"},
    {"-PLUS by another name", {true, true, SPAN_LIT("key")},
	"p=tls-unique,,n=a,r=x", ""},
    {"-PLUS without it", {true, true, SPAN_LIT("key")}, "n,,n=a,r=x", ""},
    {"-PLUS where there is none", {true, false, SPAN_NONE},
	"p=tls-exporter,,n=a,r=x", ""},
};

static void
test_first(void **state)
{
	const struct first *row = *state;
	struct scram s = {0};
	struct buf got;
	struct why why;
	enum rc rc = scram_first(
	    &s, SCRAM_SHA_256, &row->channel, span_of(row->message), &why);

	buf_init(&got, 128);
	if (rc == RC_OK)
		buf_putf(
		    &got, "%s/%s", s.login, s.authzid == NULL ? "" : s.authzid);
	else
		assert_int_equal(rc, RC_PERM);
	assert_string_equal(buf_cstr(&got), row->want);
	scram_fini(&s);
	buf_fini(&got);
}

/* c= is the header and the key of this connection, and of no other. */
static void
test_binding(void **state)
{
	const struct scram_channel channel = {true, true, SPAN_LIT("key")};
	struct scram_verifier v;
	struct scram s = {0};
	struct buf out;
	struct why why;

	(void)state;
	buf_init(&out, 1024);
	assert_true(verifier(SCRAM_SHA_256, "c2FsdA==", &v));
	assert_int_equal(scram_first(&s, SCRAM_SHA_256, &channel,
			     SPAN_LIT("p=tls-exporter,,n=user,r=abc"), &why),
	    RC_OK);
	assert_string_equal(buf_cstr(&s.bound), "p=tls-exporter,,key");
	assert_true(scram_challenge(&s, &v, SPAN_LIT("def"), &out));
	buf_clear(&out);
	/* the header alone */
	assert_false(scram_final(&s,
	    SPAN_LIT("c=cD10bHMtZXhwb3J0ZXIsLA==,r=abcdef,"
		     "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="),
	    &out));
	scram_fini(&s);
	buf_fini(&out);
}

static void
test_verifier(void **state)
{
	struct scram_verifier v, again;
	struct buf text;

	(void)state;
	assert_true(verifier(SCRAM_SHA_1, "QSXCR+Q6sek8bf92", &v));
	buf_init(&text, SCRAM_TEXT_MAX);
	assert_true(scram_verifier_put(&text, SCRAM_SHA_1, &v));
	assert_string_equal(buf_cstr(&text),
	    "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:"
	    "D+CSWLOshSulAsxiupA+qs2/fTE=");
	assert_true(scram_verifier_parse(buf_span(&text), SCRAM_SHA_1, &again));
	assert_memory_equal(&v, &again, sizeof(v));
	assert_false(
	    scram_verifier_parse(buf_span(&text), SCRAM_SHA_256, &again));
	for (size_t n = 0; n < text.n; n++)
		assert_false(scram_verifier_parse(
		    span_head(buf_span(&text), n), SCRAM_SHA_1, &again));
	buf_fini(&text);
}

/* RFC 4013: a soft hyphen is nothing, a Roman nine is IX. */
static void
test_saslprep(void **state)
{
	struct scram_verifier a = {.iterations = 4096, .salt_n = 1}, b = a;

	(void)state;
	assert_true(scram_verifier_make(SCRAM_SHA_1, SPAN_LIT("IX"), &a));
	assert_true(
	    scram_verifier_make(SCRAM_SHA_1, SPAN_LIT("I\xC2\xADX"), &b));
	assert_memory_equal(&a, &b, sizeof(a));
	b = (struct scram_verifier){.iterations = 4096, .salt_n = 1};
	assert_true(
	    scram_verifier_make(SCRAM_SHA_1, SPAN_LIT("\xE2\x85\xA8"), &b));
	assert_memory_equal(&a, &b, sizeof(a));
	/* no UTF-8; a control character */
	assert_false(scram_verifier_make(SCRAM_SHA_1, SPAN_LIT("\xFF"), &b));
	assert_false(scram_verifier_make(SCRAM_SHA_1, SPAN_LIT("a\x07"), &b));
}

static void
test_mechanism(void **state)
{
	enum scram_hash hash;
	bool plus;

	(void)state;
	assert_true(
	    scram_mechanism(SPAN_LIT("scram-sha-256-plus"), &hash, &plus));
	assert_true(hash == SCRAM_SHA_256 && plus);
	assert_true(scram_mechanism(SPAN_LIT("SCRAM-SHA-1"), &hash, &plus));
	assert_true(hash == SCRAM_SHA_1 && !plus);
	assert_false(scram_mechanism(SPAN_LIT("-PLUS"), &hash, &plus));
	assert_false(scram_mechanism(SPAN_LIT("SCRAM-SHA-512"), &hash, &plus));
	assert_false(scram_mechanism(SPAN_NONE, &hash, &plus));
}

int
main(void)
{
	static const struct CMUnitTest others[] = {
	    cmocka_unit_test(test_binding),
	    cmocka_unit_test(test_verifier),
	    cmocka_unit_test(test_saslprep),
	    cmocka_unit_test(test_mechanism),
	};
	struct CMUnitTest tests[N(exchanges) + N(firsts) + N(others)];
	size_t n = 0;

	for (size_t i = 0; i < N(exchanges); i++)
		tests[n++] =
		    (struct CMUnitTest){exchanges[i].name, test_exchange, NULL,
			NULL, (void *)(uintptr_t)&exchanges[i]};
	for (size_t i = 0; i < N(firsts); i++)
		tests[n++] = (struct CMUnitTest){firsts[i].name, test_first,
		    NULL, NULL, (void *)(uintptr_t)&firsts[i]};
	for (size_t i = 0; i < N(others); i++)
		tests[n++] = others[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The server's context: which certificate a client gets, and which tickets are
 * taken; OpenSSL's own client on the other side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/base/io.h"
#include "lib/tls/server.h"
#include "lib/tls/tickets.h"
#include "lib/base/banned.h"

#define PAIRS 3
#define DAY   86400

static struct tls_pair pairs[PAIRS];

static void
put(int fd, BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	assert_true(n > 0 && io_write_all(fd, p, (size_t)n));
	BIO_free(bio);
}

/* For DNS names like "DNS:a.example,DNS:b.example", for so many days. */
static struct tls_pair
make_pair(const char *names, int days)
{
	struct tls_pair pair = {io_memfd("cert"), io_memfd("key")};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(
	    NULL, NULL, NID_subject_alt_name, (char *)(uintptr_t)names);
	BIO *bio = BIO_new(BIO_s_mem());

	X509_set_version(cert, 2);
	X509_add_ext(cert, ext, -1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), (long)days * DAY);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	put(pair.certificate, bio);
	bio = BIO_new(BIO_s_mem());
	assert_int_equal(
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	put(pair.key, bio);
	X509_EXTENSION_free(ext);
	EVP_PKEY_free(key);
	X509_free(cert);
	return pair;
}

static SSL_CTX *
make_server(size_t n)
{
	struct why why;
	SSL_CTX *ctx = tls_server_new(
	    &(struct tls_server_args){.pairs = pairs, .n = n, .oldest = 2},
	    &why);

	assert_non_null(ctx);
	return ctx;
}

/* What a connection came to. */
struct met {
	int pair; /* whose certificate; -1: none of them */
	bool reused;
	SSL_SESSION *session; /* owned by the caller; NULL: no ticket came */
};

static int
which(const X509 *cert)
{
	static const char *const names[PAIRS] = {
	    "a.example", "b.example", "x.wild.example"};

	for (int i = 0; i < PAIRS; i++)
		if (X509_check_host(
			(X509 *)(uintptr_t)cert, names[i], 0, 0, NULL) == 1)
			return i;
	return -1;
}

static void
shake(SSL *server, SSL *client)
{
	char c;

	for (int i = 0; i < 20; i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
	}
	assert_true(SSL_is_init_finished(server));
	assert_true(SSL_is_init_finished(client));
	assert_int_equal(SSL_write(server, "x", 1), 1);
	assert_int_equal(SSL_read(client, &c, 1), 1); /* and tickets */
}

static struct met
meet(SSL_CTX *ctx, const char *name, int version, SSL_SESSION *session)
{
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	SSL *server = SSL_new(ctx), *client = SSL_new(client_ctx);
	struct met met = {-1, false, NULL};
	BIO *s, *c;

	assert_int_equal(SSL_set_max_proto_version(client, version), 1);
	assert_int_equal(BIO_new_bio_pair(&s, 1 << 20, &c, 1 << 20), 1);
	SSL_set_bio(server, s, s);
	SSL_set_bio(client, c, c);
	SSL_set_accept_state(server);
	SSL_set_connect_state(client);
	if (name != NULL)
		assert_int_equal(SSL_set_tlsext_host_name(client, name), 1);
	if (session != NULL)
		assert_int_equal(SSL_set_session(client, session), 1);
	shake(server, client);
	met.pair = which(SSL_get0_peer_certificate(client));
	met.reused = SSL_session_reused(client) == 1;
	if (SSL_SESSION_is_resumable(SSL_get0_session(client)) == 1)
		met.session = SSL_get1_session(client);
	SSL_shutdown(client);
	SSL_shutdown(server);
	SSL_free(server);
	SSL_free(client);
	SSL_CTX_free(client_ctx);
	return met;
}

static bool
resumes(SSL_CTX *ctx, int version, SSL_SESSION *session)
{
	struct met met = meet(ctx, NULL, version, session);

	SSL_SESSION_free(met.session);
	return met.reused;
}

static const struct row {
	const char *name;
	const char *asked; /* NULL: no SNI */
	size_t pairs;
	int got;
} rows[] = {
    {"the first", "a.example", 3, 0},
    {"its other name", "aa.example", 3, 0},
    {"the second", "b.example", 3, 1},
    {"in capitals", "B.EXAMPLE", 3, 1},
    {"by a wildcard", "mail.wild.example", 3, 2},
    {"two labels are no match", "a.b.wild.example", 3, 0},
    {"of nobody", "c.example", 3, 0},
    {"no name", NULL, 3, 0},
    {"only one", "b.example", 1, 0},
    {"a name for two gets the first", "both.example", 3, 0},
};

static void
check_name(void **state)
{
	const struct row *row = *state;
	SSL_CTX *ctx = make_server(row->pairs);
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

	for (size_t i = 0; i < 2; i++) {
		struct met met = meet(ctx, row->asked, versions[i], NULL);

		assert_int_equal(met.pair, row->got);
		SSL_SESSION_free(met.session);
	}
	SSL_CTX_free(ctx);
}

/* `n` keys, the first of them number `newest`. */
static void
set_keys(unsigned newest, unsigned n)
{
	char keys[TLS_TICKETS_MAX * TLS_TICKETS_KEY];

	for (unsigned i = 0; i < n; i++)
		memset(keys + (size_t)i * TLS_TICKETS_KEY, (int)(newest - i),
		    TLS_TICKETS_KEY);
	assert_true(
	    tls_tickets_set(span_make(keys, (size_t)n * TLS_TICKETS_KEY)));
}

/* Before the first keys: nothing is kept, and nothing promised. */
static void
check_no_tickets(void **state)
{
	SSL_CTX *ctx = make_server(1);

	(void)state;
	assert_null(meet(ctx, NULL, TLS1_3_VERSION, NULL).session);
	assert_null(meet(ctx, NULL, TLS1_2_VERSION, NULL).session);
	assert_false(tls_tickets_set(SPAN_LIT("")));
	assert_false(tls_tickets_set(SPAN_LIT("too short")));
	assert_null(meet(ctx, NULL, TLS1_3_VERSION, NULL).session);
	SSL_CTX_free(ctx);
}

static void
check_tickets_of(int version)
{
	SSL_CTX *ctx, *other;
	struct met first, met;

	set_keys(10, 1);
	ctx = make_server(1);
	other = make_server(1); /* as another process of the service */
	first = meet(ctx, NULL, version, NULL);
	assert_true(first.session != NULL && !first.reused);
	assert_true(resumes(other, version, first.session));
	/* an hour later, and two */
	for (unsigned newest = 11; newest < 13; newest++) {
		set_keys(newest, 3);
		assert_true(resumes(ctx, version, first.session));
	}
	/* what came last by the old ticket is of the newest key */
	met = meet(ctx, NULL, version, first.session);
	set_keys(14, 3);
	assert_false(resumes(other, version, first.session));
	assert_true(resumes(other, version, met.session));
	/* another service */
	set_keys(90, 3);
	assert_false(resumes(ctx, version, met.session));
	SSL_SESSION_free(met.session);
	SSL_SESSION_free(first.session);
	SSL_CTX_free(ctx);
	SSL_CTX_free(other);
}

static void
check_tickets(void **state)
{
	(void)state;
	check_tickets_of(TLS1_2_VERSION);
	check_tickets_of(TLS1_3_VERSION);
}

/* A pair that does not fit leaves what serves; without one it is an error. */
static void
check_renew(void **state)
{
	struct tls_pair mixed[] = {
	    pairs[0], {pairs[1].certificate, pairs[2].key}};
	struct tls_server_args good = {.pairs = pairs, .n = 2, .oldest = 2};
	struct tls_server_args bad = {.pairs = mixed, .n = 2, .oldest = 2};
	SSL_CTX *slot = NULL, *before;
	struct why why;

	(void)state;
	assert_int_equal(tls_server_renew(&slot, &bad, &why), RC_PERM);
	assert_null(slot);
	assert_int_equal(tls_server_renew(&slot, &good, &why), RC_OK);
	before = slot;
	assert_int_equal(tls_server_renew(&slot, &bad, &why), RC_OK);
	assert_ptr_equal(slot, before);
	/* the second of them ends first */
	assert_true(tls_server_until(slot) > (uint64_t)time(NULL) + DAY);
	assert_true(tls_server_until(slot) < (uint64_t)time(NULL) + 3L * DAY);
	SSL_CTX_free(slot);
}

int
main(void)
{
	enum {
		N = sizeof(rows) / sizeof(rows[0])
	};
	struct CMUnitTest tests[N + 3] = {
	    [N] = cmocka_unit_test(check_no_tickets),
	    [N + 1] = cmocka_unit_test(check_tickets),
	    [N + 2] = cmocka_unit_test(check_renew)};

	pairs[0] =
	    make_pair("DNS:a.example,DNS:aa.example,DNS:both.example", 9);
	pairs[1] = make_pair("DNS:b.example,DNS:both.example", 2);
	pairs[2] = make_pair("DNS:*.wild.example", 9);
	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_name, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

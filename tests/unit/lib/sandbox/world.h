/*
 * What the tests of a role's needs work with, made before confinement.
 * Included by one test, behind cmocka.
 */
#ifndef TESTS_UNIT_LIB_SANDBOX_WORLD_H
#define TESTS_UNIT_LIB_SANDBOX_WORLD_H

#include <lmdb.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include "lib/sandbox/sandbox.h"
#include "tests/unit/lib/sandbox/place.h"

/* A step's number is the child's exit status when it fails. */
#define NEED(cond)                                 \
	do {                                       \
		if (!(cond))                       \
			return __LINE__ % 250 + 1; \
	} while (0)

static struct world {
	struct place place;
	struct sandbox_setup setup;
	struct sandbox_report report;
	int folder;
	int listener;
	int caller;
	SSL_CTX *server;
	SSL_CTX *client;
	EVP_PKEY *key;
	X509 *cert;
} w;

static int
make_cache(const char *path)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	MDB_val key = {1, (void *)(uintptr_t) "k"};
	MDB_val val = {1, (void *)(uintptr_t) "v"};

	NEED(mdb_env_create(&env) == 0);
	NEED(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOTLS, 0644) == 0);
	NEED(mdb_txn_begin(env, NULL, 0, &txn) == 0);
	NEED(mdb_dbi_open(txn, NULL, 0, &dbi) == 0);
	NEED(mdb_put(txn, dbi, &key, &val, 0) == 0);
	NEED(mdb_txn_commit(txn) == 0);
	mdb_env_close(env);
	return 0;
}

static void
make_tls(void)
{
	w.key = EVP_EC_gen("P-256");
	w.cert = X509_new();
	assert_non_null(w.key);
	X509_gmtime_adj(X509_getm_notBefore(w.cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(w.cert), 3600);
	X509_set_pubkey(w.cert, w.key);
	assert_true(X509_sign(w.cert, w.key, EVP_sha256()) > 0);
	w.server = SSL_CTX_new(TLS_server_method());
	w.client = SSL_CTX_new(TLS_client_method());
	assert_int_equal(SSL_CTX_use_certificate(w.server, w.cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(w.server, w.key), 1);
}

static void
make_listener(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	w.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	w.caller = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w.listener, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(w.listener, 4), 0);
	assert_int_equal(
	    getsockname(w.listener, (struct sockaddr *)&in, &len), 0);
	assert_int_equal(connect(w.caller, (struct sockaddr *)&in, len), 0);
}

#endif

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <cmocka.h>

#include "lib/base/io.h"
#include "lib/ev/stream.h"
#include "lib/tls/server.h"
#include "lib/base/banned.h"

static struct {
	struct event_base *base;
	struct stream *s;
	int peer;
	struct buf got;  /* what on_input consumed */
	size_t take_max; /* of it at a time; 0: nothing */
	unsigned inputs;
	bool drained, secured, closed, failed;
	struct why why;
	void (*act)(void); /* instead of consuming */
} t;

static void
on_input(void *ctx)
{
	struct span in = stream_input(t.s);

	(void)ctx;
	t.inputs++;
	if (t.act != NULL) {
		t.act();
		return;
	}
	in = span_head(in, t.take_max);
	buf_put_span(&t.got, in);
	stream_consume(t.s, in.n);
}

static void
on_drained(void *ctx)
{
	(void)ctx;
	t.drained = true;
}

static void
on_secured(void *ctx)
{
	(void)ctx;
	t.secured = true;
}

static void
on_closed(void *ctx, const struct why *why)
{
	(void)ctx;
	assert_false(t.closed);
	t.closed = true;
	t.failed = why != NULL;
	if (why != NULL)
		t.why = *why;
}

static const struct stream_ops ops = {.on_input = on_input,
    .on_drained = on_drained,
    .on_secured = on_secured,
    .on_closed = on_closed};

static int
setup(void **state)
{
	int fds[2];

	(void)state;
	memset(&t, 0, sizeof(t));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
		return -1;
	t.base = event_base_new();
	t.peer = fds[1];
	t.take_max = SIZE_MAX;
	buf_init(&t.got, (size_t)1 << 24);
	t.s = stream_new(t.base, fds[0], 1024, &ops, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	stream_free(&t.s);
	io_close(&t.peer);
	buf_fini(&t.got);
	event_base_free(t.base);
	return 0;
}

static void
run(void)
{
	for (int i = 0; i < 20; i++)
		(void)event_base_loop(t.base, EVLOOP_NONBLOCK);
}

static void
put(const char *text)
{
	assert_int_equal(write(t.peer, text, strlen(text)), strlen(text));
}

static const char *
heard(void)
{
	static char text[4096];
	ssize_t n = read(t.peer, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void
input_comes(void **state)
{
	(void)state;
	put("one");
	run();
	put("two");
	run();
	assert_string_equal(buf_cstr(&t.got), "onetwo");
}

static void
what_is_not_consumed_stays(void **state)
{
	(void)state;
	t.take_max = 0;
	put("abc");
	run();
	assert_int_equal(stream_input(t.s).n, 3);
	t.take_max = 2;
	put("d");
	run();
	assert_string_equal(buf_cstr(&t.got), "abcd");
}

static void
input_over_the_maximum_ends_it(void **state)
{
	char text[2048];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	t.take_max = 0;
	put(text);
	run();
	assert_true(t.closed && t.failed);
}

static void
pause_act(void)
{
	stream_pause(t.s, true);
}

static void
paused_input_is_told_again(void **state)
{
	(void)state;
	t.act = pause_act;
	put("abc");
	run();
	assert_int_equal(t.inputs, 1);
	put("def");
	run();
	assert_int_equal(t.inputs, 1);
	t.act = NULL;
	stream_pause(t.s, false);
	run();
	assert_string_equal(buf_cstr(&t.got), "abcdef");
}

static void
output_and_order(void **state)
{
	(void)state;
	stream_write(t.s, SPAN_LIT("a"));
	stream_write(t.s, SPAN_LIT("b"));
	run();
	assert_string_equal(heard(), "ab");
	assert_true(t.drained);
	stream_write(t.s, SPAN_LIT("bye"));
	stream_finish(t.s);
	run();
	assert_string_equal(heard(), "bye");
	/* it waits for the other end, which may not have heard all yet */
	assert_false(t.closed);
	io_close(&t.peer);
	run();
	assert_true(t.closed && !t.failed);
}

/* A close with unread input would reset the connection: TCP only. */
static void
last_words_are_heard_in_spite_of_input(void **state)
{
	char text[70000];

	(void)state;
	t.act = pause_act;
	put("x");
	run();
	memset(text, 'x', sizeof(text));
	assert_true(write(t.peer, text, sizeof(text)) > 0);
	stream_write(t.s, SPAN_LIT("421"));
	stream_finish(t.s);
	for (int i = 0; i < 10; i++)
		run();
	assert_string_equal(heard(), "421");
	assert_true(write(t.peer, "more", 4) == 4);
	run();
	assert_false(t.closed);
	assert_int_equal(t.inputs, 1);
	io_close(&t.peer);
	run();
	assert_true(t.closed && !t.failed);
}

static void
peer_that_does_not_read(void **state)
{
	char text[65536];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 64; i++) {
		stream_write(t.s, span_make(text, sizeof(text)));
		run();
	}
	assert_true(t.closed && t.failed);
	assert_string_equal(t.why.text, "the other end does not read");
}

static void
end_is_told_after_the_input(void **state)
{
	(void)state;
	put("last");
	io_close(&t.peer);
	run();
	assert_string_equal(buf_cstr(&t.got), "last");
	assert_true(t.closed && !t.failed);
}

static void
free_act(void)
{
	stream_write(t.s, SPAN_LIT("gone"));
	stream_free(&t.s);
}

static void
freed_in_its_own_callback(void **state)
{
	(void)state;
	t.act = free_act;
	put("x");
	run();
	assert_null(t.s);
	assert_false(t.closed);
}

static void
deadline(void **state)
{
	(void)state;
	stream_deadline(t.s, 1);
	(void)usleep(5000);
	run();
	assert_true(t.closed && t.failed);
	assert_string_equal(t.why.text, "timed out");
}

static void
say_so(void *ctx)
{
	(void)ctx;
	stream_write(t.s, SPAN_LIT("too late"));
	stream_finish(t.s);
}

static void
deadline_that_is_told(void **state)
{
	static const struct stream_ops telling = {
	    .on_input = on_input, .on_timeout = say_so, .on_closed = on_closed};
	char got[16];
	int fds[2];

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	stream_free(&t.s);
	io_close(&t.peer);
	t.peer = fds[1];
	t.s = stream_new(t.base, fds[0], 1024, &telling, NULL);
	stream_deadline(t.s, 1);
	(void)usleep(5000);
	run();
	assert_int_equal(read(t.peer, got, sizeof(got)), 8);
	assert_int_equal(read(t.peer, got, sizeof(got)), 0);
	io_close(&t.peer);
	run();
	assert_true(t.closed && !t.failed);
}

static SSL_CTX *
make_server(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	int fds[2] = {io_memfd("cert"), io_memfd("key")};
	BIO *bio = BIO_new(BIO_s_mem());
	struct tls_pair pair;
	struct tls_server_args args = {.pairs = &pair, .n = 1, .oldest = 2};
	struct why why;
	char *p;
	SSL_CTX *ctx;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
	assert_true(io_write_all(fds[0], (BIO_get_mem_data(bio, &p), p),
	    (size_t)BIO_get_mem_data(bio, &p)));
	BIO_free(bio);
	bio = BIO_new(BIO_s_mem());
	assert_int_equal(
	    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	assert_true(io_write_all(fds[1], (BIO_get_mem_data(bio, &p), p),
	    (size_t)BIO_get_mem_data(bio, &p)));
	BIO_free(bio);
	pair = (struct tls_pair){fds[0], fds[1]};
	ctx = tls_server_new(&args, &why);
	assert_non_null(ctx);
	/* a key that belongs to another certificate is refused */
	pair.certificate = fds[1];
	assert_null(tls_server_new(&args, &why));
	EVP_PKEY_free(key);
	X509_free(cert);
	io_close(&fds[0]);
	io_close(&fds[1]);
	return ctx;
}

static SSL_CTX *server_ctx;

static void
start_tls_act(void)
{
	stream_write(t.s, SPAN_LIT("go"));
	stream_start_tls(t.s, server_ctx);
}

/* both ends by turns, until the client's handshake is done */
static SSL *
client_handshake(SSL_CTX *client)
{
	SSL *ssl = SSL_new(client);

	SSL_set_fd(ssl, t.peer);
	for (int i = 0; i < 50 && SSL_connect(ssl) != 1; i++)
		run();
	run();
	assert_true(SSL_is_init_finished(ssl));
	assert_true(t.secured);
	return ssl;
}

static void
tls_carries_both_ways(void **state)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());
	char text[64] = "";
	SSL *ssl;

	(void)state;
	server_ctx = make_server();
	t.act = start_tls_act;
	put("STARTTLS\r\n");
	run();
	t.act = NULL;
	assert_string_equal(heard(), "go");
	ssl = client_handshake(client);
	assert_int_equal(SSL_write(ssl, "secret", 6), 6);
	run();
	assert_string_equal(buf_cstr(&t.got), "secret");
	assert_string_equal(SSL_get_version(stream_tls(t.s)), "TLSv1.3");
	stream_write(t.s, SPAN_LIT("answer"));
	stream_finish(t.s);
	run();
	assert_int_equal(SSL_read(ssl, text, sizeof(text)), 6);
	assert_string_equal(text, "answer");
	/* an end that nobody cut off: close-notify */
	assert_int_equal(SSL_read(ssl, text, sizeof(text)), 0);
	assert_int_equal(SSL_get_error(ssl, 0), SSL_ERROR_ZERO_RETURN);
	SSL_free(ssl);
	SSL_CTX_free(client);
	SSL_CTX_free(server_ctx);
}

/* CVE-2011-0411: what was pipelined in clear must not count as protected */
static void
plaintext_before_tls_is_thrown_away(void **state)
{
	SSL_CTX *client = SSL_CTX_new(TLS_client_method());
	SSL *ssl;

	(void)state;
	server_ctx = make_server();
	t.act = start_tls_act;
	put("STARTTLS\r\nRSET\r\nevil\r\n");
	run();
	t.act = NULL;
	assert_string_equal(heard(), "go");
	ssl = client_handshake(client);
	assert_int_equal(SSL_write(ssl, "good", 4), 4);
	run();
	assert_string_equal(buf_cstr(&t.got), "good");
	SSL_free(ssl);
	SSL_CTX_free(client);
	SSL_CTX_free(server_ctx);
}

static void
no_tls_from_the_client(void **state)
{
	(void)state;
	server_ctx = make_server();
	t.act = start_tls_act;
	put("STARTTLS\r\n");
	run();
	t.act = NULL;
	put("QUIT\r\nthis is no client hello\r\n");
	run();
	assert_true(t.closed && t.failed && !t.secured);
	assert_int_equal(t.got.n, 0);
	SSL_CTX_free(server_ctx);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(input_comes),
	    TEST(what_is_not_consumed_stays),
	    TEST(input_over_the_maximum_ends_it),
	    TEST(paused_input_is_told_again),
	    TEST(output_and_order),
	    TEST(last_words_are_heard_in_spite_of_input),
	    TEST(peer_that_does_not_read),
	    TEST(end_is_told_after_the_input),
	    TEST(freed_in_its_own_callback),
	    TEST(deadline),
	    TEST(deadline_that_is_told),
	    TEST(tls_carries_both_ways),
	    TEST(plaintext_before_tls_is_thrown_away),
	    TEST(no_tls_from_the_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

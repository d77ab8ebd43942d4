/*
 * SCRAM: see scram.h. Names are those of RFC 5802 section 3 and 5.1.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <stringprep.h>

#include "authd/scram.h"
#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/base/secret.h"
#include "lib/base/banned.h"

#define MESSAGE_MAX    8192
#define ITERATIONS_MIN 4096 /* RFC 5802 5.1 */
#define ITERATIONS_MAX 10000000
#define LOGIN_MAX      254 /* of an account: RFC 5321 4.5.3.1.3 */
#define STATUS         "5.7.8"

static const struct {
	struct span name;
	size_t n; /* of a key */
} hashes[] = {
    [SCRAM_SHA_256] = {SPAN_LIT("SCRAM-SHA-256"), 32},
    [SCRAM_SHA_1] = {SPAN_LIT("SCRAM-SHA-1"), 20},
};

static const EVP_MD *
digest(enum scram_hash hash)
{
	return hash == SCRAM_SHA_256 ? EVP_sha256() : EVP_sha1();
}

bool
scram_mechanism(struct span name, enum scram_hash *hash, bool *plus)
{
	struct span tail = SPAN_LIT("-PLUS");

	*plus = name.n > tail.n &&
		span_eq_ci(span_from(name, name.n - tail.n), tail);
	if (*plus)
		name.n -= tail.n;
	for (unsigned i = 0; i < SCRAM_HASHES; i++)
		if (span_eq_ci(name, hashes[i].name)) {
			*hash = (enum scram_hash)i;
			return true;
		}
	return false;
}

static bool
hmac(enum scram_hash hash, const unsigned char *key, struct span text,
    unsigned char *out)
{
	unsigned n;

	return HMAC(digest(hash), key, (int)hashes[hash].n,
		   (const unsigned char *)text.p, text.n, out, &n) != NULL;
}

static bool
plain_hash(enum scram_hash hash, const unsigned char *in, unsigned char *out)
{
	return EVP_Digest(in, hashes[hash].n, out, NULL, digest(hash), NULL) ==
	       1;
}

static bool
is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return false;
	return true;
}

/* RFC 4013, which leaves printable ASCII as it is. */
static bool
normalize(struct span password, struct secret *out)
{
	char *text = NULL;

	*out = secret_of(password);
	if (is_ascii(password))
		return true;
	if (stringprep_profile(out->p, &text, "SASLprep",
		STRINGPREP_NO_UNASSIGNED) != STRINGPREP_OK) {
		secret_fini(out);
		return false;
	}
	secret_fini(out);
	*out = secret_of(span_of(text));
	secret_wipe(text, strlen(text));
	free(text);
	return out->n > 0;
}

bool
scram_verifier_make(
    enum scram_hash hash, struct span password, struct scram_verifier *v)
{
	unsigned char salted[SCRAM_KEY_MAX], client[SCRAM_KEY_MAX];
	struct secret text;
	bool ok;

	if (!normalize(password, &text))
		return false;
	ok = PKCS5_PBKDF2_HMAC(text.p, (int)text.n, v->salt, (int)v->salt_n,
		 (int)v->iterations, digest(hash), (int)hashes[hash].n,
		 salted) == 1 &&
	     hmac(hash, salted, SPAN_LIT("Client Key"), client) &&
	     plain_hash(hash, client, v->stored_key) &&
	     hmac(hash, salted, SPAN_LIT("Server Key"), v->server_key);
	secret_wipe(salted, sizeof(salted));
	secret_wipe(client, sizeof(client));
	secret_fini(&text);
	return ok;
}

bool
scram_verifier_put(
    struct buf *out, enum scram_hash hash, const struct scram_verifier *v)
{
	size_t before = out->n, n = hashes[hash].n;
	bool ok = buf_put_span(out, hashes[hash].name) &&
		  buf_putf(out, "$%u:", v->iterations) &&
		  enc_base64(out, span_make(v->salt, v->salt_n)) &&
		  buf_putc(out, '$') &&
		  enc_base64(out, span_make(v->stored_key, n)) &&
		  buf_putc(out, ':') &&
		  enc_base64(out, span_make(v->server_key, n));

	if (!ok)
		out->n = before;
	return ok;
}

/* Base64 of low to high bytes; how many they are, or 0. */
static size_t
get_bytes(struct span text, size_t low, size_t high, unsigned char *out)
{
	struct buf b;
	size_t n = 0;

	buf_init(&b, high);
	if (enc_unbase64(&b, text) && b.n >= low) {
		memcpy(out, b.p, b.n);
		n = b.n;
	}
	secret_wipe(b.p, b.n);
	buf_fini(&b);
	return n;
}

bool
scram_verifier_parse(
    struct span text, enum scram_hash hash, struct scram_verifier *v)
{
	struct span keys = text, scheme = span_cut(&keys, '$'),
		    salt = span_cut(&keys, '$'), count = span_cut(&salt, ':'),
		    stored = span_cut(&keys, ':');
	size_t n = hashes[hash].n;
	uint64_t iterations;

	*v = (struct scram_verifier){0};
	if (!span_eq(scheme, hashes[hash].name) ||
	    !num_range(count, ITERATIONS_MIN, ITERATIONS_MAX, &iterations))
		return false;
	v->iterations = (uint32_t)iterations;
	v->salt_n = get_bytes(salt, 1, sizeof(v->salt), v->salt);
	return v->salt_n > 0 && get_bytes(stored, n, n, v->stored_key) == n &&
	       get_bytes(keys, n, n, v->server_key) == n;
}

void
scram_verifier_none(struct span salt, struct scram_verifier *v)
{
	salt = span_head(salt, SCRAM_SALT_MAX);
	*v = (struct scram_verifier){
	    .iterations = SCRAM_ITERATIONS, .salt_n = salt.n};
	memcpy(v->salt, salt.p, salt.n);
	/* zeros: whose digest they are nobody knows */
}

/* saslname, RFC 5802 section 7: "=2C" is a comma, "=3D" an equals sign. */
static bool
get_name(struct span text, char **out, size_t *out_n)
{
	struct buf b;
	bool ok = true;

	buf_init(&b, LOGIN_MAX);
	for (size_t i = 0; ok && i < text.n; i++) {
		struct span code = span_make(text.p + i, text.n - i);

		if (text.p[i] != '=') {
			ok = text.p[i] != '\0' && buf_putc(&b, text.p[i]);
			continue;
		}
		if (span_starts(code, SPAN_LIT("=2C")))
			ok = buf_putc(&b, ',');
		else if (span_starts(code, SPAN_LIT("=3D")))
			ok = buf_putc(&b, '=');
		else
			ok = false;
		i += 2;
	}
	*out = span_dup(buf_span(&b));
	*out_n = b.n;
	buf_fini(&b);
	return ok;
}

/* "x=value" in front of the next comma. */
static bool
get_field(struct span *rest, char key, struct span *value)
{
	struct span field = span_cut(rest, ',');

	if (field.n < 2 || field.p[0] != key || field.p[1] != '=')
		return false;
	*value = span_from(field, 2);
	return true;
}

static bool
is_nonce(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e || s.p[i] == ',')
			return false;
	return s.n > 0 && s.n <= SCRAM_NONCE_MAX;
}

/* RFC 5802 section 6. */
static enum rc
check_flag(
    struct span flag, const struct scram_channel *channel, struct why *why)
{
	if (channel->plus && channel->binding.n > 0 &&
	    span_eq(flag, SPAN_LIT("p=tls-exporter")))
		return RC_OK;
	if (!channel->plus && span_eq(flag, SPAN_LIT("n")))
		return RC_OK;
	if (!channel->plus && span_eq(flag, SPAN_LIT("y")))
		/* it has not seen what was offered: somebody is between */
		return channel->plus_offered
			   ? why_set(why, RC_PERM, STATUS,
				 "channel binding was offered, and the client "
				 "has not seen it")
			   : RC_OK;
	return why_set(why, RC_PERM, STATUS,
	    channel->plus ? "channel binding other than tls-exporter"
			  : "channel binding without a -PLUS mechanism");
}

static void
keep(struct scram *s, struct span header, const struct scram_channel *channel)
{
	buf_init(&s->bound, MESSAGE_MAX);
	buf_put_span(&s->bound, header);
	if (channel->plus)
		buf_put_span(&s->bound, channel->binding);
}

enum rc
scram_first(struct scram *s, enum scram_hash hash,
    const struct scram_channel *channel, struct span message, struct why *why)
{
	struct span rest = message, flag = span_cut(&rest, ','),
		    authzid = span_cut(&rest, ','), bare = rest, name, nonce;

	s->hash = hash;
	buf_init(&s->said, MESSAGE_MAX);
	buf_init(&s->nonce, 2 * SCRAM_NONCE_MAX);
	if (message.n > MESSAGE_MAX / 4 || bare.p == NULL)
		return why_set(why, RC_PERM, STATUS, "no SCRAM message");
	/* an "m=" in front would be a mandatory extension: there is none */
	if (!get_field(&rest, 'n', &name) || !get_field(&rest, 'r', &nonce) ||
	    !is_nonce(nonce) || !get_name(name, &s->login, &s->login_n) ||
	    s->login_n == 0)
		return why_set(why, RC_PERM, STATUS, "no SCRAM message");
	if (authzid.n > 0 &&
	    (!span_starts(authzid, SPAN_LIT("a=")) ||
		!get_name(span_from(authzid, 2), &s->authzid, &s->authzid_n)))
		return why_set(why, RC_PERM, STATUS, "no SCRAM message");
	/* behind the name, which the administrator wants to know then */
	if (check_flag(flag, channel, why) != RC_OK)
		return RC_PERM;
	keep(s, span_head(message, message.n - bare.n), channel);
	buf_put_span(&s->said, bare);
	buf_put_span(&s->nonce, nonce);
	return RC_OK;
}

bool
scram_challenge(struct scram *s, const struct scram_verifier *v,
    struct span nonce, struct buf *out)
{
	size_t before = out->n;
	bool ok;

	s->v = *v;
	buf_put_span(&s->nonce, nonce);
	ok = buf_puts(out, "r=") && buf_put_span(out, buf_span(&s->nonce)) &&
	     buf_puts(out, ",s=") &&
	     enc_base64(out, span_make(v->salt, v->salt_n)) &&
	     buf_putf(out, ",i=%u", v->iterations) && !s->nonce.over;
	buf_putc(&s->said, ',');
	buf_put_span(&s->said, span_from(buf_span(out), before));
	return ok && !s->said.over;
}

/* Is "c=" what it has to be, that is header and binding? */
static bool
binding_ok(const struct scram *s, struct span text)
{
	struct buf b;
	bool ok;

	buf_init(&b, MESSAGE_MAX);
	ok = enc_unbase64(&b, text) &&
	     secret_eq(buf_span(&b), buf_span(&s->bound));
	buf_fini(&b);
	return ok;
}

/* Is H(proof XOR ClientSignature) the StoredKey? */
static bool
proof_ok(const struct scram *s, struct span auth, const unsigned char *proof)
{
	unsigned char key[SCRAM_KEY_MAX], found[SCRAM_KEY_MAX];
	size_t n = hashes[s->hash].n;
	bool ok = hmac(s->hash, s->v.stored_key, auth, key);

	for (size_t i = 0; i < n; i++)
		key[i] ^= proof[i];
	ok = ok && plain_hash(s->hash, key, found) &&
	     secret_eq(span_make(found, n), span_make(s->v.stored_key, n));
	secret_wipe(key, sizeof(key));
	return ok;
}

bool
scram_final(struct scram *s, struct span message, struct buf *out)
{
	struct span rest = message, bound, nonce, text;
	unsigned char proof[SCRAM_KEY_MAX] = {0}, signature[SCRAM_KEY_MAX];
	size_t n = hashes[s->hash].n;
	bool ok;

	if (message.n > MESSAGE_MAX / 4 || !get_field(&rest, 'c', &bound) ||
	    !get_field(&rest, 'r', &nonce))
		return false;
	/* extensions, which none of us knows, may stand between */
	while (rest.p != NULL && !span_starts(rest, SPAN_LIT("p=")))
		(void)span_cut(&rest, ',');
	if (rest.p == NULL)
		return false;
	text = span_make(message.p, (size_t)(rest.p - message.p) - 1);
	buf_putc(&s->said, ',');
	buf_put_span(&s->said, text);
	ok = !s->said.over && span_eq(nonce, buf_span(&s->nonce)) &&
	     binding_ok(s, bound) &&
	     get_bytes(span_from(rest, 2), n, n, proof) == n &&
	     proof_ok(s, buf_span(&s->said), proof) &&
	     hmac(s->hash, s->v.server_key, buf_span(&s->said), signature);
	if (ok)
		ok = buf_puts(out, "v=") &&
		     enc_base64(out, span_make(signature, n));
	return ok;
}

void
scram_fini(struct scram *s)
{
	free(s->login);
	free(s->authzid);
	buf_fini(&s->bound);
	buf_fini(&s->said);
	buf_fini(&s->nonce);
	secret_wipe(s, sizeof(*s));
}

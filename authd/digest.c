/*
 * Keyed digests: see digest.h.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "authd/digest.h"
#include "lib/base/buf.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/base/banned.h"

#define PARTS_MAX 4096

void
digest_key_new(struct digest_key *key)
{
	io_random(key->bytes, sizeof(key->bytes));
}

struct digest
digest_of(const struct digest_key *key, const struct span *parts, size_t n)
{
	struct digest d;
	unsigned size = sizeof(d.bytes);
	struct buf b;

	buf_init(&b, PARTS_MAX);
	/* growing would leave copies of a password behind */
	if (buf_reserve(&b, PARTS_MAX) == NULL)
		bug("digest");
	for (size_t i = 0; i < n; i++) {
		uint64_t length = parts[i].n;

		buf_put(&b, &length, sizeof(length));
		buf_put_span(&b, parts[i]);
	}
	if (b.over ||
	    HMAC(EVP_sha256(), key->bytes, sizeof(key->bytes),
		(const unsigned char *)b.p, b.n, d.bytes, &size) == NULL)
		bug("digest");
	secret_wipe(b.p, b.n);
	buf_fini(&b);
	return d;
}

bool
digest_eq(const struct digest *a, const struct digest *b)
{
	return secret_eq(span_make(a->bytes, sizeof(a->bytes)),
	    span_make(b->bytes, sizeof(b->bytes)));
}

uint64_t
digest_tag(const struct digest *d)
{
	uint64_t tag;

	memcpy(&tag, d->bytes, sizeof(tag));
	return tag;
}

/*
 * Keyed digests: what authd remembers of passwords and clients is only this,
 * under a random key that ends with the process.
 */
#ifndef AUTHD_DIGEST_H
#define AUTHD_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/span.h"

#define DIGEST_SIZE 32

struct digest_key {
	unsigned char bytes[DIGEST_SIZE];
};

struct digest {
	unsigned char bytes[DIGEST_SIZE];
};

/* A new random key. */
void digest_key_new(struct digest_key *key);
/*
 * HMAC-SHA256 over the parts, each with its length before it, so that no two
 * lists of parts give the same bytes.
 */
struct digest digest_of(
    const struct digest_key *key, const struct span *parts, size_t n);
/* Equal, in constant time. */
bool digest_eq(const struct digest *a, const struct digest *b);
/* Its first 8 bytes, for tables. */
uint64_t digest_tag(const struct digest *d);

#endif

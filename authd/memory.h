/*
 * The short memory of successful checks (design section 4): digests of login,
 * password and stored hash, for some minutes, so many at most. Failures never
 * come here.
 */
#ifndef AUTHD_MEMORY_H
#define AUTHD_MEMORY_H

#include "authd/digest.h"

struct memory;

/* At most max digests (the oldest goes), each for ttl_ms; 0: none at all. */
struct memory *memory_new(size_t max, uint64_t ttl_ms);
void memory_free(struct memory **m);
/* Was this check a success not long ago? Asking does not make it longer. */
bool memory_has(struct memory *m, const struct digest *d, uint64_t now_ms);
/* A check has succeeded; `account` is what memory_drop will be told. */
void memory_put(struct memory *m, const struct digest *d, uint64_t account,
    uint64_t now_ms);
/* Forget all of an account: it has been changed. */
void memory_drop(struct memory *m, uint64_t account);
size_t memory_count(const struct memory *m);

#endif

/*
 * Passwords and keys: never logged, wiped when released.
 */
#ifndef LIB_BASE_SECRET_H
#define LIB_BASE_SECRET_H

#include "lib/base/span.h"

struct secret {
	char *p; /* NUL-terminated */
	size_t n;
};

/* A copy of s; the caller still wipes its own. */
struct secret secret_of(struct span s);
/* Wipe and release; empty afterwards. */
void secret_fini(struct secret *s);
/* Wipe borrowed memory in place. */
void secret_wipe(void *p, size_t n);
/* Equal, in time that depends on the lengths only. */
bool secret_eq(struct span a, struct span b);

#endif

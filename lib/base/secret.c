/*
 * Passwords and keys: see secret.h.
 */
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/base/banned.h"

struct secret
secret_of(struct span s)
{
	return (struct secret){span_dup(s), s.n};
}

void
secret_fini(struct secret *s)
{
	if (s->p != NULL)
		explicit_bzero(s->p, s->n);
	free(s->p);
	*s = (struct secret){NULL, 0};
}

void
secret_wipe(void *p, size_t n)
{
	if (n > 0)
		explicit_bzero(p, n);
}

bool
secret_eq(struct span a, struct span b)
{
	unsigned diff = a.n != b.n;

	for (size_t i = 0; i < a.n && i < b.n; i++)
		diff |= (unsigned char)a.p[i] ^ (unsigned char)b.p[i];
	return diff == 0;
}

/*
 * The state of authd: see authd.h.
 */
#include <stdlib.h>

#include "authd/authd.h"
#include "authd/salt.h"
#include "lib/base/banned.h"

void
authd_init(struct authd *a)
{
	TAILQ_INIT(&a->clients);
	TAILQ_INIT(&a->requests);
	TAILQ_INIT(&a->changes);
	TAILQ_INIT(&a->pams);
}

void
authd_start(struct authd *a)
{
	salt_key_get(a->dirfd, &a->salt_key);
	a->accounts = accounts_new(a->dirfd);
	a->dirfd = -1;
	a->hasher = hash_new(a->w->base, (unsigned)a->w->conf->auth.threads);
	a->memory = memory_new(AUTHD_REMEMBERED_MAX, a->w->conf->auth.remember);
	a->throttle = throttle_new();
	digest_key_new(&a->key);
}

void
authd_settle(struct authd *a)
{
	if (a->w->draining && TAILQ_EMPTY(&a->clients) &&
	    TAILQ_EMPTY(&a->requests) && TAILQ_EMPTY(&a->changes))
		worker_done(a->w);
}

uint64_t
authd_tag(const struct authd *a, struct span login)
{
	char *key = accounts_key(login);
	struct digest d = digest_of(&a->key,
	    (const struct span[]){SPAN_LIT("account"), span_make(key, login.n)},
	    2);

	free(key);
	return digest_tag(&d);
}

/*
 * The mailbox side of one account: see account.h. Owns the threads; a session
 * owns itself and tells when it is over.
 */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "pop3d/account.h"
#include "pop3d/session.h"
#include "lib/base/banned.h"

#define THREADS 2

void *
pop3d_account_open(const struct service_env *env, struct why *why)
{
	struct account *a = mem_alloc(sizeof(*a));

	(void)why; /* a mailbox that cannot be opened is told to the client */
	/* its configuration is out of the sandbox's reach, and not needed */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	a->env = *env;
	a->env.account = mem_dup(env->account);
	a->env.maildir = mem_dup(env->maildir);
	a->pool = pool_new(env->base, THREADS);
	return a;
}

void
pop3d_account_take(void *state, int fd, int watch)
{
	struct account *a = state;

	io_close(&watch); /* POP3 tells of nothing new */

	a->n++;
	session_new(a, fd);
}

size_t
pop3d_account_connections(const void *state)
{
	const struct account *a = state;

	return a->n;
}

void
account_over(struct account *a)
{
	if (--a->n == 0 && a->env.on_idle != NULL)
		a->env.on_idle(a->env.ctx);
}

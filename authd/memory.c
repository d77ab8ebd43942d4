/*
 * The short memory of successful checks: see memory.h. Chains by digest for
 * finding, one list by age for forgetting.
 */
#include <stdlib.h>
#include <sys/queue.h>

#include "authd/memory.h"
#include "lib/base/mem.h"
#include "lib/base/secret.h"
#include "lib/base/banned.h"

#define CHAINS 4096

struct entry {
	LIST_ENTRY(entry) chain;
	TAILQ_ENTRY(entry) age;
	struct digest digest;
	uint64_t account;
	uint64_t end_ms;
};

struct memory {
	size_t max;
	uint64_t ttl_ms;
	size_t n;
	TAILQ_HEAD(, entry) by_age; /* oldest first */
	LIST_HEAD(, entry) chains[CHAINS];
};

struct memory *
memory_new(size_t max, uint64_t ttl_ms)
{
	struct memory *m = mem_alloc(sizeof(*m));

	m->max = max;
	m->ttl_ms = ttl_ms;
	TAILQ_INIT(&m->by_age);
	return m;
}

static void
forget(struct memory *m, struct entry *e)
{
	TAILQ_REMOVE(&m->by_age, e, age);
	LIST_REMOVE(e, chain);
	secret_wipe(e, sizeof(*e));
	free(e);
	m->n--;
}

void
memory_free(struct memory **memory)
{
	struct memory *m = *memory;

	*memory = NULL;
	if (m == NULL)
		return;
	while (!TAILQ_EMPTY(&m->by_age))
		forget(m, TAILQ_FIRST(&m->by_age));
	free(m);
}

static void
forget_old(struct memory *m, uint64_t now_ms)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&m->by_age)) != NULL && e->end_ms <= now_ms)
		forget(m, e);
}

static struct entry *
find(struct memory *m, const struct digest *d)
{
	struct entry *e;

	LIST_FOREACH(e, &m->chains[digest_tag(d) % CHAINS], chain)
	if (digest_eq(&e->digest, d))
		return e;
	return NULL;
}

bool
memory_has(struct memory *m, const struct digest *d, uint64_t now_ms)
{
	forget_old(m, now_ms);
	return find(m, d) != NULL;
}

void
memory_put(
    struct memory *m, const struct digest *d, uint64_t account, uint64_t now_ms)
{
	struct entry *e;

	if (m->max == 0 || m->ttl_ms == 0)
		return;
	forget_old(m, now_ms);
	e = find(m, d);
	if (e != NULL)
		forget(m, e);
	if (m->n == m->max)
		forget(m, TAILQ_FIRST(&m->by_age));
	e = mem_alloc(sizeof(*e));
	e->digest = *d;
	e->account = account;
	e->end_ms = now_ms + m->ttl_ms;
	TAILQ_INSERT_TAIL(&m->by_age, e, age);
	LIST_INSERT_HEAD(&m->chains[digest_tag(d) % CHAINS], e, chain);
	m->n++;
}

void
memory_drop(struct memory *m, uint64_t account)
{
	struct entry *e, *after;

	for (e = TAILQ_FIRST(&m->by_age); e != NULL; e = after) {
		after = TAILQ_NEXT(e, age);
		if (e->account == account)
			forget(m, e);
	}
}

size_t
memory_count(const struct memory *m)
{
	return m->n;
}

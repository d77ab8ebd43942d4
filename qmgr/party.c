/*
 * Who sends: see party.h.
 */
#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "qmgr/party.h"
#include "lib/base/banned.h"

static struct party_list *
bucket(struct qmgr *q, struct span name)
{
	return &q->parties[enc_crc32c(0, name.p, name.n) % QMGR_PARTIES];
}

void
party_init(struct qmgr *q)
{
	for (size_t i = 0; i < QMGR_PARTIES; i++)
		TAILQ_INIT(&q->parties[i]);
}

struct party *
party_of(struct qmgr *q, const struct envelope *e)
{
	struct span name = span_of(e->login[0] != '\0' ? e->login : e->client);
	struct party *p;

	TAILQ_FOREACH (p, bucket(q, name), next)
		if (span_eq(span_of(p->name), name))
			return p;
	p = mem_alloc(sizeof(*p));
	p->name = span_dup(name);
	TAILQ_INIT(&p->visits);
	TAILQ_INSERT_TAIL(bucket(q, name), p, next);
	return p;
}

void
party_release(struct qmgr *q, struct party *p)
{
	if (p->n_visits > 0)
		return;
	TAILQ_REMOVE(bucket(q, span_of(p->name)), p, next);
	free(p->name);
	free(p);
}

struct party *
party_most(const struct qmgr *q)
{
	struct party *p, *most = NULL;

	for (size_t i = 0; i < QMGR_PARTIES; i++)
		TAILQ_FOREACH (p, &q->parties[i], next)
			if (p->n_visits > 0 &&
			    (most == NULL || p->n_visits > most->n_visits))
				most = p;
	return most;
}

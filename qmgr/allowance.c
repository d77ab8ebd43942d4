/*
 * Recipients that logins have sent to: see allowance.h.
 */
#include <stdlib.h>
#include <sys/queue.h>

#include "lib/base/enc.h"
#include "lib/base/mem.h"
#include "qmgr/allowance.h"
#include "lib/base/banned.h"

#define STEPS   12
#define STEP_MS (ALLOWANCE_HOUR_MS / STEPS)
#define BUCKETS 1024

struct login {
	TAILQ_ENTRY(login) next; /* in its bucket */
	TAILQ_ENTRY(login) age;  /* the one that was quiet longest first */
	char *name;
	uint64_t step;          /* that counts[step % STEPS] is of */
	uint32_t counts[STEPS]; /* recipients, by five minutes */
	uint64_t told_ms;       /* when somebody was told last; 0: never */
};

TAILQ_HEAD(login_list, login);

struct allowance {
	struct login_list buckets[BUCKETS];
	struct login_list ages;
	size_t n;
};

struct allowance *
allowance_new(void)
{
	struct allowance *a = mem_alloc(sizeof(*a));

	for (size_t i = 0; i < BUCKETS; i++)
		TAILQ_INIT(&a->buckets[i]);
	TAILQ_INIT(&a->ages);
	return a;
}

static struct login_list *
bucket(struct allowance *a, struct span name)
{
	return &a->buckets[enc_crc32c(0, name.p, name.n) % BUCKETS];
}

static void
forget(struct allowance *a, struct login *l)
{
	TAILQ_REMOVE(bucket(a, span_of(l->name)), l, next);
	TAILQ_REMOVE(&a->ages, l, age);
	a->n--;
	free(l->name);
	free(l);
}

void
allowance_free(struct allowance **allowance)
{
	struct allowance *a = *allowance;

	*allowance = NULL;
	if (a == NULL)
		return;
	while (!TAILQ_EMPTY(&a->ages))
		forget(a, TAILQ_FIRST(&a->ages));
	free(a);
}

/* Steps that are over count no more. */
static void
turn(struct login *l, uint64_t step)
{
	uint64_t over = step > l->step ? step - l->step : 0;

	for (uint64_t i = 1; i <= over && i <= STEPS; i++)
		l->counts[(l->step + i) % STEPS] = 0;
	l->step = step;
}

static struct login *
find(struct allowance *a, struct span name, uint64_t step)
{
	struct login_list *list = bucket(a, name);
	struct login *l;

	TAILQ_FOREACH (l, list, next)
		if (span_eq(span_of(l->name), name))
			break;
	if (l != NULL) {
		TAILQ_REMOVE(&a->ages, l, age);
	} else {
		if (a->n == ALLOWANCE_LOGINS)
			forget(a, TAILQ_FIRST(&a->ages));
		l = mem_alloc(sizeof(*l));
		l->name = span_dup(name);
		l->step = step;
		TAILQ_INSERT_HEAD(list, l, next);
		a->n++;
	}
	TAILQ_INSERT_TAIL(&a->ages, l, age);
	turn(l, step);
	return l;
}

static uint64_t
sum(const struct login *l)
{
	uint64_t n = 0;

	for (size_t i = 0; i < STEPS; i++)
		n += l->counts[i];
	return n;
}

enum allowance_answer
allowance_take(struct allowance *a, const struct allowance_ask *ask,
    uint64_t now_ms, bool *first)
{
	uint64_t step = now_ms / STEP_MS;
	struct login *l = find(a, ask->login, step);

	*first = false;
	if (ask->n <= ask->max && sum(l) <= ask->max - ask->n) {
		l->counts[step % STEPS] += (uint32_t)ask->n;
		return ALLOWANCE_GIVEN;
	}
	*first = l->told_ms == 0 || now_ms - l->told_ms >= ALLOWANCE_HOUR_MS;
	if (*first)
		l->told_ms = now_ms;
	return ask->n > ask->max ? ALLOWANCE_NEVER : ALLOWANCE_SPENT;
}

size_t
allowance_count(const struct allowance *a)
{
	return a->n;
}

/* Threads for what blocks: each job is done once, by whichever of them is free,
 * and comes back to the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/ev/pool.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define JOBS 20000

struct job {
	_Atomic unsigned worked;
	unsigned done;
	struct job *then; /* given by the end of this one */
};

static struct {
	struct event_base *base;
	struct pool *pool;
	struct job jobs[JOBS];
	size_t n_done;
	struct job *order[JOBS]; /* as they came back */
	sem_t gate;
	_Atomic unsigned at_gate;
} t;

static void
work(void *arg)
{
	struct job *j = arg;

	j->worked++;
}

static void
work_at_gate(void *arg)
{
	t.at_gate++;
	while (sem_wait(&t.gate) < 0)
		continue;
	work(arg);
}

static void
done(void *arg)
{
	struct job *j = arg;

	assert_int_equal(j->worked, 1);
	j->done++;
	t.order[t.n_done++] = j;
	if (j->then != NULL)
		pool_submit(t.pool, work, done, j->then);
}

static void
turn_until(size_t n)
{
	while (t.n_done < n)
		assert_int_equal(event_base_loop(t.base, EVLOOP_ONCE), 0);
	assert_int_equal(t.n_done, n);
}

/* One thread: as they were given. */
static void
in_order(void)
{
	for (size_t i = 0; i < 1000; i++)
		pool_submit(t.pool, work, done, &t.jobs[i]);
	assert_int_equal(pool_pending(t.pool), 1000);
	turn_until(1000);
	assert_int_equal(pool_pending(t.pool), 0);
	for (size_t i = 0; i < 1000; i++)
		assert_ptr_equal(t.order[i], &t.jobs[i]);
}

/* All threads but one hang: that one goes on. */
static void
past_the_slow(void)
{
	for (size_t i = 0; i < 3; i++)
		pool_submit(t.pool, work_at_gate, done, &t.jobs[i]);
	while (t.at_gate < 3)
		continue;
	for (size_t i = 3; i < 100; i++)
		pool_submit(t.pool, work, done, &t.jobs[i]);
	turn_until(97);
	assert_int_equal(pool_pending(t.pool), 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(sem_post(&t.gate), 0);
	turn_until(100);
}

/* Given by the loop and by the ends of others, while all are at work. */
static void
many(void)
{
	for (size_t i = 0; i + 1 < JOBS; i += 2)
		t.jobs[i].then = &t.jobs[i + 1];
	for (size_t i = 0; i < JOBS; i += 2) {
		pool_submit(t.pool, work, done, &t.jobs[i]);
		if (i % 64 == 0)
			(void)event_base_loop(t.base, EVLOOP_NONBLOCK);
	}
	turn_until(JOBS);
	for (size_t i = 0; i < JOBS; i++)
		assert_int_equal(t.jobs[i].done, 1);
}

/* What needs no thread comes back all the same, and not at once. */
static void
later(void)
{
	for (size_t i = 0; i < 100; i++) {
		t.jobs[i].worked = 1;
		pool_later(t.pool, done, &t.jobs[i]);
	}
	assert_int_equal(t.n_done, 0);
	assert_int_equal(pool_pending(t.pool), 100);
	turn_until(100);
	assert_int_equal(pool_pending(t.pool), 0);
}

/* One at a time, from idle to idle. */
static void
one_by_one(void)
{
	for (size_t i = 0; i < 2000; i++) {
		pool_submit(t.pool, work, done, &t.jobs[i]);
		turn_until(i + 1);
	}
}

static const struct row {
	const char *name;
	void (*act)(void);
	unsigned threads;
} rows[] = {
    {"in order", in_order, 1},
    {"past the slow", past_the_slow, 4},
    {"many, by one", many, 1},
    {"many, by sixteen", many, 16},
    {"one by one", one_by_one, 16},
    {"later", later, 1},
};

static void
check_row(void **state)
{
	const struct row *row = *state;

	if (t.base == NULL) {
		t.base = event_base_new();
		assert_int_equal(sem_init(&t.gate, 0, 0), 0);
	}
	memset(t.jobs, 0, sizeof(t.jobs));
	t.n_done = 0;
	t.at_gate = 0;
	/* as long as the process: its threads wait for ever */
	t.pool = pool_new(t.base, row->threads);
	row->act();
}

ROWS_MAIN(rows, check_row)

/*
 * Identifiers: see id.h. The one static is the last time used; any thread may
 * ask.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/base/banned.h"

#define TIME_DIGITS 11

/* of chances, for one thread */
#define CHANCES 64

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

/* A child must not use what its parent has. */
static _Atomic unsigned forks;

static void
on_fork(void)
{
	forks++;
}

static void
watch_forks(void)
{
	if (pthread_atfork(NULL, NULL, on_fork) != 0)
		bug("pthread_atfork");
}

/* So many at once, as each asking is a system call. */
static uint32_t
next_chance(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	static _Thread_local uint32_t chances[CHANCES];
	static _Thread_local size_t left;
	static _Thread_local unsigned of;

	(void)pthread_once(&once, watch_forks); /* cannot fail */
	if (left == 0 || of != forks) {
		of = forks;
		io_random(chances, sizeof(chances));
		left = CHANCES;
	}
	return chances[--left];
}

struct id
id_new(void)
{
	static _Atomic uint64_t last;
	uint64_t clock = clock_real_us(), before = atomic_load(&last), now;
	uint32_t chance = next_chance();
	struct id id;

	do
		now = clock > before ? clock : before + 1;
	while (!atomic_compare_exchange_weak(&last, &before, now));
	for (size_t i = TIME_DIGITS; i-- > 0; now >>= 5)
		id.text[i] = digits[now & 31];
	for (size_t i = TIME_DIGITS; i < ID_LEN; i++, chance >>= 5)
		id.text[i] = digits[chance & 31];
	id.text[ID_LEN] = '\0';
	return id;
}

bool
id_valid(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || strchr(digits, s.p[i]) == NULL)
			return false;
	return s.n == ID_LEN;
}

uint64_t
id_time_us(struct span s)
{
	uint64_t us = 0;

	if (!id_valid(s))
		return 0;
	for (size_t i = 0; i < TIME_DIGITS; i++)
		us = us << 5 | (uint64_t)(strchr(digits, s.p[i]) - digits);
	return us;
}

/*
 * Identifiers: see id.h. The one static is the last time used; any thread may
 * ask.
 */
#include <stdatomic.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/io.h"
#include "lib/base/banned.h"

#define TIME_DIGITS 11

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

struct id
id_new(void)
{
	static _Atomic uint64_t last;
	uint64_t clock = clock_real_us(), before = atomic_load(&last), now;
	uint32_t chance;
	struct id id;

	do
		now = clock > before ? clock : before + 1;
	while (!atomic_compare_exchange_weak(&last, &before, now));
	io_random(&chance, sizeof(chance));
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

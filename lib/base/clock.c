/*
 * Clocks and their text forms: see clock.h.
 */
#include <stdio.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

uint64_t
clock_mono_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
clock_real_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void
clock_put_rfc5322(struct buf *b, uint64_t real_us)
{
	/* not strftime %a %b: those follow the locale */
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)(real_us / 1000000);
	struct tm tm;
	long east;

	localtime_r(&t, &tm);
	east = tm.tm_gmtoff / 60;
	buf_putf(b, "%.3s, %d %.3s %d %02d:%02d:%02d %c%02ld%02ld",
	    days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    east < 0 ? '-' : '+', (east < 0 ? -east : east) / 60,
	    (east < 0 ? -east : east) % 60);
}

void
clock_put_rfc3339(struct buf *b, uint64_t real_us)
{
	time_t t = (time_t)(real_us / 1000000);
	struct tm tm;

	/* each line of log and history has one: printf would be a good part of
	 * what they cost */
	gmtime_r(&t, &tm);
	buf_put_padded(b, (uint64_t)tm.tm_year + 1900, 4);
	buf_putc(b, '-');
	buf_put_padded(b, (uint64_t)tm.tm_mon + 1, 2);
	buf_putc(b, '-');
	buf_put_padded(b, (uint64_t)tm.tm_mday, 2);
	buf_putc(b, 'T');
	buf_put_padded(b, (uint64_t)tm.tm_hour, 2);
	buf_putc(b, ':');
	buf_put_padded(b, (uint64_t)tm.tm_min, 2);
	buf_putc(b, ':');
	buf_put_padded(b, (uint64_t)tm.tm_sec, 2);
	buf_putc(b, '.');
	buf_put_padded(b, real_us / 1000, 3);
	buf_putc(b, 'Z');
}

static bool
field(struct span s, size_t at, size_t n, int *out)
{
	uint64_t v;

	if (!num_u64_padded(span_head(span_from(s, at), n), &v))
		return false;
	*out = (int)v;
	return true;
}

bool
clock_get_rfc3339(struct span s, uint64_t *real_us)
{
	static const char form[] = "0000-00-00T00:00:00.000Z";
	struct tm tm = {0};
	time_t t;
	int ms;

	if (s.n != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (form[i] != '0' && form[i] != s.p[i])
			return false;
	if (!field(s, 0, 4, &tm.tm_year) || !field(s, 5, 2, &tm.tm_mon) ||
	    !field(s, 8, 2, &tm.tm_mday) || !field(s, 11, 2, &tm.tm_hour) ||
	    !field(s, 14, 2, &tm.tm_min) || !field(s, 17, 2, &tm.tm_sec) ||
	    !field(s, 20, 3, &ms))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	t = timegm(&tm);
	if (t < 0)
		return false;
	*real_us = (uint64_t)t * 1000000 + (uint64_t)ms * 1000;
	return true;
}

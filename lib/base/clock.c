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

/* "2026-11-21T19:00:00"; digits of the form are any, letters in any case. */
static bool
date_of(struct span s, struct tm *tm)
{
	static const char form[] = "0000-00-00T00:00:00";

	*tm = (struct tm){0};
	if (s.n != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (form[i] != '0' && form[i] != s.p[i] &&
		    (form[i] != 'T' || s.p[i] != 't'))
			return false;
	if (!field(s, 0, 4, &tm->tm_year) || !field(s, 5, 2, &tm->tm_mon) ||
	    !field(s, 8, 2, &tm->tm_mday) || !field(s, 11, 2, &tm->tm_hour) ||
	    !field(s, 14, 2, &tm->tm_min) || !field(s, 17, 2, &tm->tm_sec))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	return true;
}

bool
clock_get_rfc3339(struct span s, uint64_t *real_us)
{
	struct tm tm;
	time_t t;
	int ms;

	if (s.n != 24 || s.p[10] != 'T' || s.p[19] != '.' || s.p[23] != 'Z' ||
	    !date_of(span_head(s, 19), &tm) || !field(s, 20, 3, &ms))
		return false;
	t = timegm(&tm);
	if (t < 0)
		return false;
	*real_us = (uint64_t)t * 1000000 + (uint64_t)ms * 1000;
	return true;
}

/* "Z", "+01:00": seconds east of Greenwich. */
static bool
zone_of(struct span s, int *east)
{
	int hours, minutes;

	*east = 0;
	if (s.n == 1)
		return s.p[0] == 'Z' || s.p[0] == 'z';
	if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':' ||
	    !field(s, 1, 2, &hours) || !field(s, 4, 2, &minutes) ||
	    hours > 23 || minutes > 59)
		return false;
	*east = (hours * 60 + minutes) * 60 * (s.p[0] == '-' ? -1 : 1);
	return true;
}

bool
clock_get_date_time(struct span s, uint64_t *real_us)
{
	size_t n = 19;
	struct tm tm;
	time_t t;
	int east;

	if (span_at(s, n) == '.') {
		n++;
		while (span_at(s, n) >= '0' && span_at(s, n) <= '9')
			n++;
		if (n == 20)
			return false;
	}
	if (!date_of(span_head(s, 19), &tm) ||
	    !zone_of(span_from(s, n), &east) || tm.tm_mon < 0 ||
	    tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	t = timegm(&tm) - east;
	if (t < 0)
		return false;
	*real_us = (uint64_t)t * 1000000;
	return true;
}

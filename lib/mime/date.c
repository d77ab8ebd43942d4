/*
 * Dates: see date.h.
 */
#include "lib/base/num.h"
#include "lib/mime/date.h"
#include "lib/mime/lex.h"
#include "lib/base/banned.h"

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alpha(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Behind white space and comments. */
static int
next(struct mime_lex *x)
{
	(void)mime_lex_cfws(x, NULL); /* there may be none */
	return mime_lex_peek(x);
}

/* Digits, at most `most` of them; how many, 0 when they are none or more. */
static size_t
read_digits(struct mime_lex *x, size_t most, int *out)
{
	size_t start;
	uint64_t v = 0;
	size_t n;

	(void)next(x); /* looked at below */
	start = x->at;
	while (is_digit(mime_lex_peek(x)))
		x->at++;
	n = x->at - start;
	if (n == 0 || n > most || !num_u64_padded(mime_lex_since(x, start), &v))
		return 0;
	*out = (int)v;
	return n;
}

static struct span
read_word(struct mime_lex *x)
{
	size_t start;

	(void)next(x); /* looked at below */
	start = x->at;
	while (is_alpha(mime_lex_peek(x)))
		x->at++;
	return mime_lex_since(x, start);
}

static bool
read_month(struct mime_lex *x, int *month)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct span word = read_word(x);

	/* "June" and "Sept" are seen as well */
	for (int i = 0; i < 12; i++) {
		if (span_starts_ci(word, span_make(names + i * 3, 3))) {
			*month = i;
			return true;
		}
	}
	return false;
}

/* RFC 5322 4.3 */
static bool
read_year(struct mime_lex *x, int *year)
{
	size_t n = read_digits(x, 4, year);

	if (n == 2 && *year < 50)
		*year += 2000;
	else if (n == 2 || n == 3)
		*year += 1900;
	return n >= 2 && *year >= 1900;
}

static bool
read_clock(struct mime_lex *x, struct tm *tm)
{
	if (read_digits(x, 2, &tm->tm_hour) == 0 || next(x) != ':')
		return false;
	x->at++;
	if (read_digits(x, 2, &tm->tm_min) == 0)
		return false;
	if (next(x) == ':') {
		x->at++;
		if (read_digits(x, 2, &tm->tm_sec) == 0)
			return false;
	}
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec <= 60;
}

static int
zone_by_name(struct span word)
{
	static const struct {
		struct span name;
		int minutes;
	} zones[] = {
	    {SPAN_LIT("EST"), -5 * 60},
	    {SPAN_LIT("EDT"), -4 * 60},
	    {SPAN_LIT("CST"), -6 * 60},
	    {SPAN_LIT("CDT"), -5 * 60},
	    {SPAN_LIT("MST"), -7 * 60},
	    {SPAN_LIT("MDT"), -6 * 60},
	    {SPAN_LIT("PST"), -8 * 60},
	    {SPAN_LIT("PDT"), -7 * 60},
	};

	/* military letters were used with either sign: UTC, as unknown ones */
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		if (span_eq_ci(word, zones[i].name))
			return zones[i].minutes;
	return 0;
}

static int
read_zone(struct mime_lex *x)
{
	int sign = next(x);
	int v = 0;

	if (sign != '+' && sign != '-')
		return zone_by_name(read_word(x));
	x->at++;
	/* "-600" has lost a digit in front */
	if (read_digits(x, 4, &v) < 3 || v % 100 > 59)
		return 0;
	v = v / 100 * 60 + v % 100;
	return sign == '-' ? -v : v;
}

bool
mime_date_parse(struct span text, struct mime_date *date)
{
	struct mime_lex x = {.in = text};
	struct tm tm = {0};
	struct tm day;
	time_t t;

	if (is_alpha(next(&x))) {
		(void)read_word(&x); /* the weekday says nothing new */
		if (next(&x) == ',' || mime_lex_peek(&x) == '.')
			x.at++;
	}
	if (read_digits(&x, 2, &tm.tm_mday) == 0)
		return false;
	if (next(&x) == '-')
		x.at++; /* 2-Jan-2006 */
	if (!read_month(&x, &tm.tm_mon))
		return false;
	if (next(&x) == '-' || mime_lex_peek(&x) == '.')
		x.at++;
	if (!read_year(&x, &tm.tm_year) || !read_clock(&x, &tm))
		return false;
	tm.tm_year -= 1900;
	day = tm;
	day.tm_hour = day.tm_min = day.tm_sec = 0;
	/* the 31st of February is none: timegm makes it one of March */
	t = timegm(&day);
	if (t == (time_t)-1 || day.tm_mday != tm.tm_mday || tm.tm_mday == 0)
		return false;
	t += tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
	date->zone = read_zone(&x);
	date->time = t - (time_t)date->zone * 60;
	return true;
}

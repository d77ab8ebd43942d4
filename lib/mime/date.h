/*
 * Dates of header fields (RFC 5322 3.3 and 4.3), read leniently. Pure, fuzzed.
 */
#ifndef LIB_MIME_DATE_H
#define LIB_MIME_DATE_H

#include <time.h>

#include "lib/base/span.h"

struct mime_date {
	time_t time; /* in UTC */
	int zone;    /* minutes east; the sender's day is that of time + zone */
};

/*
 * "[Mon,] 2 Jan 2006 15:04[:05] +0700": comments anywhere, the weekday not
 * looked at, years of two and three digits, zones by name (unknown ones and
 * none at all: UTC, RFC 5322 4.3), what stands behind passed over. False when
 * a number is missing or out of its range.
 */
bool mime_date_parse(struct span text, struct mime_date *date);

#endif

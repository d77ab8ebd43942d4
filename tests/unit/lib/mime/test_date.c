#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/mime/date.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define T 1136239445 /* 2006-01-02 22:04:05 UTC */

static const struct row {
	const char *name;
	const char *in;
	int64_t time; /* -1: none */
	int zone;
} rows[] = {
    {"full", "Mon, 2 Jan 2006 15:04:05 -0700", T, -420},
    {"without weekday", "02 Jan 2006 22:04:05 +0000", T, 0},
    {"east", "3 Jan 2006 03:34:05 +0530", T, 330},
    {"without seconds", "2 Jan 2006 22:04 +0000", T - 5, 0},
    {"comments and folds",
	"Mon (a),\r\n 2\t(b (c)) Jan 2006 (d) 15 : 04 : 05 -0700 (MST)", T,
	-420},
    {"name of a zone", "Mon, 2 Jan 2006 14:04:05 PST", T, -480},
    {"summer", "Mon, 2 Jan 2006 18:04:05 edt", T, -240},
    {"GMT", "Mon, 2 Jan 2006 22:04:05 GMT", T, 0},
    {"military", "Mon, 2 Jan 2006 22:04:05 K", T, 0},
    {"unknown zone", "Mon, 2 Jan 2006 22:04:05 CEST", T, 0},
    {"no zone", "Mon, 2 Jan 2006 22:04:05", T, 0},
    {"zone of three digits", "Mon, 2 Jan 2006 15:04:05 -700", T, -420},
    {"zone with odd minutes", "Mon, 2 Jan 2006 22:04:05 -0760", T, 0},
    {"year of two digits", "Mon, 2 Jan 06 22:04:05 GMT", T, 0},
    {"year of the last century", "1 Jan 70 00:00:01 GMT", 1, 0},
    {"year of three digits", "Mon, 2 Jan 106 22:04:05 GMT", T, 0},
    {"before 1970", "31 Dec 1969 23:59:58 GMT", -2, 0},
    {"long month", "Monday, 2 January 2006 22:04:05 GMT", T, 0},
    {"hyphens", "2-Jan-2006 22:04:05 GMT", T, 0},
    {"leap day", "29 Feb 2004 00:00 GMT", 1078012800, 0},
    {"leap second", "31 Dec 2005 23:59:60 GMT", 1136073600, 0},
    {"no leap day", "29 Feb 2005 00:00 GMT", -1, 0},
    {"day 0", "0 Jan 2006 00:00 GMT", -1, 0},
    {"hour 24", "2 Jan 2006 24:00 GMT", -1, 0},
    {"minute 60", "2 Jan 2006 00:60 GMT", -1, 0},
    {"month", "2 Foo 2006 00:00 GMT", -1, 0},
    {"no clock", "2 Jan 2006", -1, 0},
    {"year of five digits", "2 Jan 20060 00:00 GMT", -1, 0},
    {"empty", "", -1, 0},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct mime_date date = {-1, 0};

	assert_int_equal(
	    mime_date_parse(span_of(row->in), &date), row->time != -1);
	assert_int_equal(date.time, row->time);
	assert_int_equal(date.zone, row->zone);
}

ROWS_MAIN(rows, check_row)

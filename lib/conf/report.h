/*
 * The mistakes found in one file: collected in any order, written in the
 * order of the file.
 */
#ifndef LIB_CONF_REPORT_H
#define LIB_CONF_REPORT_H

#include "lib/base/buf.h"
#include "lib/conf/conf.h"

/* Where something stands, both counted from 1; 0 when it stands nowhere. */
struct conf_place {
	size_t line;
	size_t column;
};

struct conf_mistake {
	struct conf_place place;
	char *text;
};

struct conf_report {
	struct conf_mistake v[CONF_REPORT_MAX];
	size_t n;
	size_t more; /* found when v was full */
};

/* Zeroed is empty. One more mistake; a place of 0 becomes the first line. */
void conf_report_add(struct conf_report *r, struct conf_place place,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A line for each, "name:line:column: text", appended. */
void conf_report_write(
    struct conf_report *r, const char *name, struct buf *out);
void conf_report_fini(struct conf_report *r);

/*
 * A piece of the file as it may stand in a report, appended: at most 60
 * bytes, then "..."; whatever is not printable becomes '?'.
 */
void conf_report_show(struct buf *out, struct span s);

#endif

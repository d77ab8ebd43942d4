/*
 * What is wrong in the administrator's files, a line for each mistake, in the
 * order in which they were found: "aliases:12:7: address expected". No line
 * quotes what may be a secret, and none has a control character.
 */
#ifndef LIB_DIRECTORY_REPORT_H
#define LIB_DIRECTORY_REPORT_H

#include "lib/base/buf.h"

#define DIRECTORY_REPORT_MAX 50 /* lines that are kept */

struct directory_report {
	struct buf text; /* LF behind each line */
	struct buf note; /* the same, of what is no mistake; as many at most */
	size_t n;        /* mistakes, those that are not kept too */
	size_t n_notes;  /* likewise */
};

void directory_report_init(struct directory_report *r);
void directory_report_fini(struct directory_report *r);
/* One more mistake; r may be NULL. */
void directory_report_add(struct directory_report *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* What is no mistake, but should be known. */
void directory_report_note(struct directory_report *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif

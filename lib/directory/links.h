/*
 * What aliases lead to in the end, before they are written: those that lead to
 * nobody are told, and made BROKEN, so that mail for them waits at its sender
 * until somebody has mended them. Private to lib/directory.
 */
#ifndef LIB_DIRECTORY_LINKS_H
#define LIB_DIRECTORY_LINKS_H

#include "lib/directory/directory.h"
#include "lib/directory/records.h"
#include "lib/directory/report.h"

/*
 * The directory that the records (sorted) will be, to look up in. They must
 * not change before directory_close().
 */
struct directory *directory_of(
    const struct records *records, const char *delimiters);

/*
 * Follow each alias. r is sorted, and only values change. After so many
 * results that it would take too long, the others stay as they are.
 */
void links_follow(
    struct records *r, const char *delimiters, struct directory_report *report);

#endif

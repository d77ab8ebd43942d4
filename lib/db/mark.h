/*
 * The text beside a cache's file that says how its last user left it:
 *
 *   mailstead-cache FORMAT BOOT-ID STATE
 *
 *   open    in use, or its user died: the file is not to be opened
 *   closed  left whole, not flushed: good until the next boot
 *   clean   left whole and flushed
 */
#ifndef LIB_DB_MARK_H
#define LIB_DB_MARK_H

#include <stdbool.h>

#include "lib/base/span.h"
#include "lib/base/why.h"

#define DB_BOOT_MAX   40 /* with its NUL */
#define DB_FORMAT_MAX 64

/* Which boot of the host this is. */
struct db_boot {
	char id[DB_BOOT_MAX]; /* "": not known, and equal to no other */
};

enum db_mark {
	DB_MARK_NONE, /* nothing, or nothing that we wrote */
	DB_MARK_OPEN,
	DB_MARK_CLOSED,
	DB_MARK_CLEAN,
};

/*
 * Ask the kernel. Before a worker is confined, which then may not read that
 * file; spawn's children have it from spawn.
 */
void db_boot_read(struct db_boot *boot);

/*
 * What `text` says of a file of that format. CLOSED in another boot, and any
 * other format, is NONE. Pure.
 */
enum db_mark db_mark_parse(
    struct span text, const char *format, const struct db_boot *boot);

/* The same of the file open at fd, borrowed; NONE if it cannot be read. */
enum db_mark db_mark_read(
    int fd, const char *format, const struct db_boot *boot);

/*
 * Write the whole of it (not NONE). Not flushed. RC_TEMP: it may be torn now,
 * which counts as NONE.
 */
enum rc db_mark_write(int fd, const char *format, const struct db_boot *boot,
    enum db_mark mark, struct why *why);

#endif

/*
 * One message's file: its size as it goes over the wire, and whether it is
 * whole. Blocking.
 */
#ifndef LIB_MAILDIR_FILE_H
#define LIB_MAILDIR_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lib/maildir/place.h"

/* Octets with CRLF line ends. False with errno. */
bool maildir_file_wire(int fd, uint64_t *octets);

/*
 * Was it torn by a crash before it was promised? It has a name of our own
 * (deliver.h) and in new/ another size than its S= says. In cur/, where any
 * program may have changed it, it is torn only if it is shorter and was not
 * written to since: a delivery's file has the message's arrival as its time,
 * and that is never later than the queue ID in its name.
 */
bool maildir_file_torn(const char *name, bool in_new, const struct stat *st);
/*
 * Move it from the folder `from`, new/ or cur/, to tmp/torn.<name>; best
 * effort, it is not shown anyway.
 */
void maildir_file_aside(
    const struct maildir_folders *f, int from, const char *name);

#endif

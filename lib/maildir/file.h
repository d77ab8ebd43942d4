/*
 * One message's file: its size as it goes over the wire, and whether it is
 * whole. Blocking.
 */
#ifndef LIB_MAILDIR_FILE_H
#define LIB_MAILDIR_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/maildir/place.h"

/* Octets with CRLF line ends. False with errno. */
bool maildir_file_wire(int fd, uint64_t *octets);

/*
 * Was a file of new/ torn by a crash before it was promised? It has a name of
 * our own (deliver.h), and another size than its S= says.
 */
bool maildir_file_torn(const char *name, uint64_t size);
/* Move it from new/ to tmp/torn.<name>; best effort, it is not shown anyway. */
void maildir_file_aside(const struct maildir_folders *f, const char *name);

#endif

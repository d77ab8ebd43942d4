/*
 * An LMDB file seen from outside, before LMDB maps it: what is named in its
 * head but is not there would be a SIGBUS.
 */
#ifndef LIB_DB_FILE_H
#define LIB_DB_FILE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Is the file open at fd (borrowed) headed by two whole pages as LMDB 0.9
 * writes them on this host? *used is the length of what the newer one names,
 * *size that of the file. False, too, when it cannot be read.
 */
bool db_file_head(int fd, uint64_t *used, uint64_t *size);

#endif

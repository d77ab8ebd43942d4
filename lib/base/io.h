/*
 * File descriptors: whole reads and writes, flags. No names are opened here
 * but by the caller's directory descriptor, and never through a link.
 */
#ifndef LIB_BASE_IO_H
#define LIB_BASE_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/why.h"

/* Close *fd unless it is -1, and make it -1. Keeps errno. */
void io_close(int *fd);
/* All n bytes, through EINTR and short writes. False with errno set. */
bool io_write_all(int fd, const void *p, size_t n);
/* Up to n bytes at `at` until end of file; count in *got. False: errno. */
bool io_pread_all(int fd, void *p, size_t n, off_t at, size_t *got);
/* The whole file from its beginning into b; RC_TEMP when it does not fit. */
enum rc io_read_file(int fd, struct buf *b, struct why *why);
/* O_NONBLOCK on. False with errno set. */
bool io_nonblock(int fd);
/* A sealable memory file, close-on-exec, or -1 with errno. */
int io_memfd(const char *name);
/* Open dirfd/name read-only: no link, no blocking, regular file only. */
int io_open_read(int dirfd, const char *name);
/* Bytes from the kernel's random source; never fails. */
void io_random(void *data, size_t n);

#endif

/* A source of the directory. Included behind cmocka. */
#ifndef TESTS_UNIT_LIB_DIRECTORY_SOURCE_H
#define TESTS_UNIT_LIB_DIRECTORY_SOURCE_H

#include <string.h>

#include "lib/base/io.h"

/* A descriptor of that text; the caller closes it. */
static inline int
source_of(const char *text)
{
	int fd = io_memfd("source");

	assert_true(fd >= 0);
	assert_true(io_write_all(fd, text, strlen(text)));
	return fd;
}

#endif

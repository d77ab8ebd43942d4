/*
 * What has to hold in a fuzz target, also without assert().
 */
#ifndef TESTS_FUZZ_MUST_H
#define TESTS_FUZZ_MUST_H

#include <stdbool.h>
#include <stdlib.h>

static inline void
must(bool ok)
{
	if (!ok)
		abort();
}

#endif

/*
 * How many recipients a login may still send to: so many in any hour, counted
 * in steps of five minutes. Kept in memory, so a start of qmgr forgets it;
 * bounded, whatever logins smtpd names: who has been quiet longest is
 * forgotten first. Pure.
 */
#ifndef QMGR_ALLOWANCE_H
#define QMGR_ALLOWANCE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/span.h"

#define ALLOWANCE_HOUR_MS 3600000
#define ALLOWANCE_LOGINS  65536

struct allowance;

struct allowance *allowance_new(void);
void allowance_free(struct allowance **a);

enum allowance_answer {
	ALLOWANCE_GIVEN, /* and counted */
	ALLOWANCE_SPENT, /* not now: there are too few left in this hour */
	ALLOWANCE_NEVER, /* more than an hour's */
};

struct allowance_ask {
	struct span login;
	uint64_t n;   /* recipients of a message */
	uint64_t max; /* an hour */
};

/*
 * May it be sent? *first: of several refusals it is the first in an hour, and
 * somebody should be told. now_ms is CLOCK_MONOTONIC.
 */
enum allowance_answer allowance_take(struct allowance *a,
    const struct allowance_ask *ask, uint64_t now_ms, bool *first);
/* How many logins are remembered. */
size_t allowance_count(const struct allowance *a);

#endif

/*
 * Identifiers that nobody has to hand out: time, then chance.
 */
#ifndef LIB_BASE_ID_H
#define LIB_BASE_ID_H

#include <stdint.h>

#include "lib/base/span.h"

#define ID_LEN 15

struct id {
	char text[ID_LEN + 1];
};

/*
 * 11 digits of microseconds since 1970 and 4 random ones, in base 32 with the
 * digits 0-9a-v: sorts by time. Two calls of one process never give the same;
 * two processes, or a clock set back, meet with chance 2^-20 a microsecond.
 */
struct id id_new(void);
/* Has s the form of an identifier? */
bool id_valid(struct span s);
/* Microseconds since 1970 that its time says; 0: it is none. */
uint64_t id_time_us(struct span s);
static inline struct span
id_span(const struct id *id)
{
	return span_make(id->text, ID_LEN);
}

#endif

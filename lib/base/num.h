/*
 * Strict numbers: the whole text is the number or it is none. Pure.
 */
#ifndef LIB_BASE_NUM_H
#define LIB_BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/span.h"

/* Decimal digits only, no sign; a leading zero only in "0". False on overflow.
 */
bool num_u64(struct span s, uint64_t *out);
/* The same with bounds, both included. */
bool num_range(struct span s, uint64_t min, uint64_t max, uint64_t *out);
/* Decimal digits with leading zeros allowed (fixed-width fields). */
bool num_u64_padded(struct span s, uint64_t *out);
/* Hexadecimal digits, 1 to 16, either case. */
bool num_hex(struct span s, uint64_t *out);
/* "90s", "5m", "2h", "3d", "1w", "500ms" into milliseconds; the unit is
 * required but for 0. */
bool num_duration(struct span s, uint64_t *ms);
/* "4096", "64kB", "25MB", "1GB" (powers of 1024) into bytes. */
bool num_size(struct span s, uint64_t *bytes);

#endif

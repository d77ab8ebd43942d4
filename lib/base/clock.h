/*
 * Clocks. Deadlines use the monotonic one; what is shown or stored the real
 * one.
 */
#ifndef LIB_BASE_CLOCK_H
#define LIB_BASE_CLOCK_H

#include <stdint.h>

#include "lib/base/buf.h"

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t clock_mono_ms(void);
/* Microseconds since 1970 (CLOCK_REALTIME). */
uint64_t clock_real_us(void);
/* RFC 5322 3.3: "Sat, 21 Nov 2026 21:16:41 +0000" (local zone), appended. */
void clock_put_rfc5322(struct buf *b, uint64_t real_us);
/* RFC 3339 in UTC with milliseconds: "2026-11-21T19:00:00.123Z", appended. */
void clock_put_rfc3339(struct buf *b, uint64_t real_us);
/* The reverse of clock_put_rfc3339, that form only. */
bool clock_get_rfc3339(struct span s, uint64_t *real_us);
/* Any date-time of RFC 3339 5.6 since 1970: "2026-11-30T08:00:00+01:00"; a
 * fraction of a second is left out. */
bool clock_get_date_time(struct span s, uint64_t *real_us);

#endif

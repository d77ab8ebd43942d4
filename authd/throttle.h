/*
 * Slowing down who guesses passwords: how long the answer to a failed login
 * waits. Counts failures by client and by login in a table of fixed size,
 * where a newcomer takes the place of who has been quiet longest.
 */
#ifndef AUTHD_THROTTLE_H
#define AUTHD_THROTTLE_H

#include <stdint.h>

#include "lib/base/span.h"

#define THROTTLE_FIRST_MS  1000
#define THROTTLE_MAX_MS    8000
#define THROTTLE_FORGET_MS 600000 /* of quiet */

struct throttle;

struct throttle *throttle_new(void);
void throttle_free(struct throttle **t);
/*
 * A login has failed: count it, and return how many milliseconds its answer
 * is to wait: THROTTLE_FIRST_MS, doubled by each earlier failure of the
 * client or of the login, whichever has more. An IPv6 client is its /64, as
 * that is what one customer has. `login` is compared as it is.
 */
uint64_t throttle_failed(
    struct throttle *t, struct span client, struct span login, uint64_t now_ms);

#endif

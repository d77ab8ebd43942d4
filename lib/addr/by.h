/*
 * Until when a sender wants a message delivered: BY of MAIL, RFC 2852 (from
 * memory). Pure.
 */
#ifndef LIB_ADDR_BY_H
#define LIB_ADDR_BY_H

#include <stdint.h>

#include "lib/base/buf.h"

/* What is done when that time has come. */
enum addr_by_mode {
	ADDR_BY_NONE,   /* nothing was asked */
	ADDR_BY_RETURN, /* R: it goes back */
	ADDR_BY_NOTIFY, /* N: the sender hears of the delay, it is tried on */
};

struct addr_by {
	enum addr_by_mode mode;
	bool trace;        /* T: the sender hears of each host it is given to */
	uint64_t until_us; /* since 1970 */
};

/*
 * The parameter's value, "600;R", "-5;NT": seconds from now, which is
 * CLOCK_REALTIME. False, with *by unchanged: it is none, or it is to be back
 * before it is here.
 */
bool addr_by_ask(struct span value, uint64_t now_us, struct addr_by *by);

/* Seconds left, below 0 when it is over; rounded down. */
int64_t addr_by_left(const struct addr_by *by, uint64_t now_us);
static inline bool
addr_by_over(const struct addr_by *by, uint64_t now_us)
{
	return by->mode != ADDR_BY_NONE && now_us >= by->until_us;
}

/* The value as it is said to the next host. */
void addr_by_say(struct buf *b, const struct addr_by *by, uint64_t now_us);

/*
 * As it is kept: "2026-11-29T12:00:00.000Z;RT", and nothing of NONE; and the
 * reverse, of that form only.
 */
void addr_by_put(struct buf *b, const struct addr_by *by);
bool addr_by_get(struct span text, struct addr_by *by);

#endif

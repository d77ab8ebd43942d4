/*
 * BY of MAIL: see by.h.
 */
#include "lib/addr/by.h"
#include "lib/base/clock.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

#define SECOND_US  1000000
#define DIGITS_MAX 9
#define LEFT_MAX   999999999 /* what they can say */

/* "R", "NT" ... */
static bool
read_mode(struct span s, struct addr_by *by)
{
	if (span_starts_ci(s, SPAN_LIT("R")))
		by->mode = ADDR_BY_RETURN;
	else if (span_starts_ci(s, SPAN_LIT("N")))
		by->mode = ADDR_BY_NOTIFY;
	else
		return false;
	s = span_from(s, 1);
	by->trace = s.n > 0;
	return s.n == 0 || span_eq_ci(s, SPAN_LIT("T"));
}

static void
put_mode(struct buf *b, const struct addr_by *by)
{
	buf_putf(b, ";%c%s", by->mode == ADDR_BY_RETURN ? 'R' : 'N',
	    by->trace ? "T" : "");
}

bool
addr_by_ask(struct span value, uint64_t now_us, struct addr_by *by)
{
	struct span seconds = span_cut(&value, ';');
	bool below = span_at(seconds, 0) == '-';
	struct addr_by asked;
	uint64_t n;

	if (below || span_at(seconds, 0) == '+')
		seconds = span_from(seconds, 1);
	if (seconds.n > DIGITS_MAX || !num_u64(seconds, &n) ||
	    !read_mode(value, &asked))
		return false;
	if (asked.mode == ADDR_BY_RETURN && (below || n == 0))
		return false;
	n *= SECOND_US;
	if (below && n >= now_us)
		return false;
	asked.until_us = below ? now_us - n : now_us + n;
	*by = asked;
	return true;
}

int64_t
addr_by_left(const struct addr_by *by, uint64_t now_us)
{
	uint64_t n;

	if (by->until_us >= now_us) {
		n = (by->until_us - now_us) / SECOND_US;
		return n < LEFT_MAX ? (int64_t)n : LEFT_MAX;
	}
	n = (now_us - by->until_us + SECOND_US - 1) / SECOND_US;
	return n < LEFT_MAX ? -(int64_t)n : -LEFT_MAX;
}

void
addr_by_say(struct buf *b, const struct addr_by *by, uint64_t now_us)
{
	buf_putf(b, "%lld", (long long)addr_by_left(by, now_us));
	put_mode(b, by);
}

void
addr_by_put(struct buf *b, const struct addr_by *by)
{
	if (by->mode == ADDR_BY_NONE)
		return;
	clock_put_rfc3339(b, by->until_us);
	put_mode(b, by);
}

bool
addr_by_get(struct span text, struct addr_by *by)
{
	struct span time = span_cut(&text, ';');
	struct addr_by kept;

	if (!clock_get_rfc3339(time, &kept.until_us) ||
	    !read_mode(text, &kept) || span_at(text, 0) > 'Z' ||
	    span_at(text, 1) > 'Z')
		return false;
	*by = kept;
	return true;
}

/*
 * Memory behind a burst of handshakes: see burst.h. The one static struct is
 * the process's heap's.
 */
#include <malloc.h>

#include "lib/base/mem.h"
#include "lib/tls/burst.h"
#include "lib/base/banned.h"

#define LEAST    64     /* fewer leave nothing worth the walk */
#define QUIET_US 500000 /* so long none has ended: it is over */

static struct {
	struct event *timer;
	unsigned n;    /* since memory was given back */
	unsigned seen; /* of them, when the timer was set */
} burst;

static void
set_timer(void)
{
	const struct timeval tv = {0, QUIET_US};

	burst.seen = burst.n;
	(void)event_add(burst.timer, &tv);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	/* under steady load what is given back is wanted again at once */
	if (burst.n != burst.seen) {
		set_timer();
		return;
	}
	burst.n = 0;
	(void)malloc_trim(0);
}

void
tls_burst_note(struct event_base *base)
{
	if (++burst.n != LEAST)
		return;
	if (burst.timer == NULL)
		burst.timer = event_new(base, -1, 0, on_timer, NULL);
	if (burst.timer == NULL)
		bug("event_new");
	set_timer();
}

/*
 * Which messages are meant: see manage_filter.h.
 */
#include <stdlib.h>

#include "qmgr/manage_filter.h"
#include "lib/base/banned.h"

void
manage_filter_init(struct manage_filter *f, const struct msg_queue_list *m)
{
	*f = (struct manage_filter){.sender = span_dup(m->sender),
	    .recipient = span_dup(m->recipient),
	    .reason = span_dup(m->reason),
	    .state = span_dup(m->state),
	    .older_ms = m->older_ms,
	    .younger_ms = m->younger_ms,
	    .larger = m->larger,
	    .smaller = m->smaller};
}

void
manage_filter_fini(struct manage_filter *f)
{
	free(f->sender);
	free(f->recipient);
	free(f->reason);
	free(f->state);
	*f = (struct manage_filter){.sender = NULL};
}

bool
manage_filter_is_open(const struct manage_filter *f)
{
	return f->sender[0] == '\0' && f->recipient[0] == '\0' &&
	       f->reason[0] == '\0' && f->state[0] == '\0' &&
	       f->older_ms == 0 && f->younger_ms == 0 && f->larger == 0 &&
	       f->smaller == 0;
}

/* As people mean addresses: without case. */
static bool
is_of(struct span address, const char *wanted)
{
	struct span want = span_of(wanted);

	if (want.n == 0)
		return true;
	if (span_eq(want, SPAN_LIT("<>")))
		return address.n == 0;
	if (want.p[0] == '@')
		address = span_from(address, span_rfind(address, '@'));
	return span_eq_ci(address, want);
}

static bool
has_recipient(const struct envelope *e, const char *wanted)
{
	bool found = wanted[0] == '\0';

	for (size_t i = 0; !found && i < e->n_rcpts; i++)
		found = envelope_is_todo(&e->rcpts[i]) &&
			is_of(span_of(e->rcpts[i].address), wanted);
	return found;
}

bool
manage_filter_envelope(
    const struct manage_filter *f, const struct envelope *e, uint64_t now_us)
{
	uint64_t age_ms =
	    now_us > e->arrived_us ? (now_us - e->arrived_us) / 1000 : 0;

	return (f->older_ms == 0 || age_ms >= f->older_ms) &&
	       (f->younger_ms == 0 || age_ms < f->younger_ms) &&
	       (f->larger == 0 || e->size >= f->larger) &&
	       (f->smaller == 0 || e->size < f->smaller) &&
	       is_of(span_of(e->sender), f->sender) &&
	       has_recipient(e, f->recipient);
}

static bool
contains(struct span text, struct span part)
{
	for (size_t i = 0; i + part.n <= text.n; i++)
		if (span_eq_ci(span_head(span_from(text, i), part.n), part))
			return true;
	return part.n == 0;
}

bool
manage_filter_view(const struct manage_filter *f, const struct manage_view *v)
{
	return (f->state[0] == '\0' ||
		   span_eq(span_of(f->state), span_of(v->state))) &&
	       contains(span_of(v->reason), span_of(f->reason));
}

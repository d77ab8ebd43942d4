/*
 * Messages made of others: see child.h.
 */
#include "lib/base/id.h"
#include "lib/base/io.h"
#include "qmgr/child.h"
#include "qmgr/idle.h"
#include "lib/base/banned.h"

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

/* "-f2": behind it, else `rest` as it is. */
static struct span
skip_forward(struct span rest)
{
	size_t n = 2;

	if (span_at(rest, 0) != '-' || span_at(rest, 1) != 'f' ||
	    !is_digit(span_at(rest, 2)))
		return rest;
	while (is_digit(span_at(rest, n)))
		n++;
	return span_from(rest, n);
}

struct span
child_notice(struct span name)
{
	struct span rest = span_from(name, ID_LEN), after = skip_forward(rest);
	int letter;

	while (after.n < rest.n) {
		rest = after;
		after = skip_forward(rest);
	}
	letter = span_at(rest, 1);
	if (span_at(rest, 0) != '-' || !is_digit(span_at(rest, 2)) ||
	    (letter != 'b' && letter != 's' && letter != 'w'))
		return SPAN_NONE;
	return span_from(rest, 1);
}

bool
child_is(struct span name)
{
	struct span rest = span_from(name, ID_LEN);

	return child_notice(name).n > 0 || skip_forward(rest).n < rest.n;
}

enum rc
child_write(const struct store *s, struct store_write *w, struct envelope **env,
    int *fd, struct why *why)
{
	struct envelope *found = NULL;
	enum rc rc;

	/* twice: what is there already may be damaged */
	for (int i = 0; i < 2; i++) {
		w->envelope = *env;
		rc = store_write(s, w, why);
		*fd = w->fd;
		if (rc == RC_OK || !w->existed)
			return rc;
		rc = store_read(s->new, w->name, &found, fd, why);
		if (rc == RC_OK) {
			envelope_free(env);
			*env = found;
			return RC_OK;
		}
		if (rc != RC_PERM)
			return rc;
		rc = store_damaged(s, s->new, w->name, why);
		if (rc != RC_OK)
			return rc;
	}
	return RC_TEMP;
}

struct message *
child_take(struct qmgr *q, const char *name, struct envelope **env, int *fd)
{
	struct message *m;

	if (message_find(q, span_of(name)) != NULL)
		return NULL;
	m = message_child(q, span_of(name), *env, *fd);
	/* it may have waited there for long */
	idle_mark(m);
	*env = NULL;
	*fd = -1;
	return m;
}

/*
 * Details of local parts: see detail.h. A delimiter is never one of the two
 * characters that a backslash stands before in a canonical local part, so what
 * stands before it is whole.
 */
#include "lib/addr/beyond.h"
#include "lib/addr/detail.h"
#include "lib/addr/path.h"
#include "lib/base/banned.h"

#define MAILBOX_MAX 254
#define KEY_MAX     2048 /* case may make letters larger */

bool
addr_detail_base(
    struct span local, const char *delimiters, size_t *at, struct buf *base)
{
	size_t first = span_at(local, 0) == '"' ? 1 : 0;
	size_t i = *at < local.n ? *at : local.n;
	struct span part, domain;
	struct buf box;
	bool ok = false;

	buf_init(&box, 2 * MAILBOX_MAX);
	while (!ok && i > first + 1) {
		i--;
		if (strchr(delimiters, local.p[i]) == NULL || local.p[i] == 0)
			continue;
		buf_clear(&box);
		buf_clear(base);
		/* over: not a mailbox, and no base */
		(void)buf_putc(&box, '"');
		(void)buf_put_span(&box, span_make(local.p + first, i - first));
		(void)buf_puts(&box, "\"@x");
		if (box.over ||
		    addr_mailbox(buf_span(&box), &box, NULL) != RC_OK)
			continue;
		buf_drop(&box, i - first + 4);
		ok = addr_split(buf_span(&box), &part, &domain) &&
		     buf_put_span(base, part);
	}
	*at = i;
	buf_fini(&box);
	return ok;
}

bool
addr_detail_of(struct span mailbox, struct span account, const char *delimiters,
    struct buf *out)
{
	struct span local, domain, name = account, home;
	size_t at = SIZE_MAX, before = out->n;
	struct buf base, key, wanted;
	bool is = false;

	if (!addr_split(mailbox, &local, &domain))
		return false;
	if (!addr_split(account, &name, &home))
		home = domain;
	buf_init(&base, MAILBOX_MAX);
	buf_init(&key, KEY_MAX);
	buf_init(&wanted, KEY_MAX);
	if (addr_beyond_fold(name, &wanted))
		while (!is && addr_detail_base(local, delimiters, &at, &base)) {
			buf_clear(&key);
			is = addr_beyond_fold(buf_span(&base), &key) &&
			     span_eq(buf_span(&key), buf_span(&wanted));
		}
	buf_fini(&base);
	buf_fini(&key);
	buf_fini(&wanted);
	if (!is)
		return false;
	if (buf_put_span(out, local) && buf_putc(out, '@') &&
	    buf_put_span(out, home))
		return true;
	out->n = before;
	return false;
}

/*
 * Results and reasons: see why.h. Owns nothing; the text is a fixed array so
 * that failing never allocates.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/why.h"
#include "lib/base/banned.h"

static void
fill(struct why *why, enum rc rc, const char *status)
{
	size_t n = strlen(status);

	why->rc = rc;
	if (n >= sizeof(why->status))
		n = sizeof(why->status) - 1;
	memcpy(why->status, status, n);
	why->status[n] = '\0';
	/* it may become a reply line or a header: nothing in it may end one */
	for (char *p = why->text; *p != '\0'; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
}

enum rc
why_set(struct why *why, enum rc rc, const char *status, const char *fmt, ...)
{
	va_list ap;

	if (why == NULL)
		return rc;
	va_start(ap, fmt);
	(void)vsnprintf(
	    why->text, sizeof(why->text), fmt, ap); /* cut is fine */
	va_end(ap);
	fill(why, rc, status);
	return rc;
}

enum rc
why_sys(struct why *why, enum rc rc, const char *status, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	size_t n;

	if (why == NULL)
		return rc;
	va_start(ap, fmt);
	(void)vsnprintf(
	    why->text, sizeof(why->text), fmt, ap); /* cut is fine */
	va_end(ap);
	n = strlen(why->text);
	(void)snprintf(why->text + n, sizeof(why->text) - n, ": %s",
	    strerrordesc_np(saved) != NULL ? strerrordesc_np(saved) : "error");
	fill(why, rc, status);
	errno = saved;
	return rc;
}

const char *
why_rc_name(enum rc rc)
{
	static const char *const names[] = {"ok", "wait", "temp", "perm"};

	return names[rc];
}

/*
 * Response strings: see put.h. A NUL, which no IMAP4rev1 string can hold,
 * becomes 0x80, as Dovecot has it.
 */
#include "lib/mime/field.h"
#include "lib/mime/put.h"
#include "lib/base/banned.h"

static bool
is_quotable(struct span s)
{
	if (s.n > MIME_QUOTED_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= 0 || s.p[i] == '\r' || s.p[i] == '\n')
			return false;
	return true;
}

void
mime_put_string(struct buf *b, struct span s)
{
	/* over is the caller's to see, once, in the end */
	if (!is_quotable(s)) {
		(void)buf_putf(b, "{%zu}\r\n", s.n);
		mime_field_put(b, s);
		return;
	}
	(void)buf_putc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			(void)buf_putc(b, '\\');
		(void)buf_putc(b, s.p[i]);
	}
	(void)buf_putc(b, '"');
}

void
mime_put_nstring(struct buf *b, struct span s)
{
	if (s.p == NULL)
		(void)buf_puts(b, "NIL");
	else
		mime_put_string(b, s);
}

/*
 * Mistakes, told one by one: see report.h.
 */
#include "lib/directory/report.h"
#include "lib/base/banned.h"

#define LINE_MAX_BYTES 400

void
directory_report_init(struct directory_report *r)
{
	*r = (struct directory_report){.n = 0};
	buf_init(&r->text, (size_t)DIRECTORY_REPORT_MAX * (LINE_MAX_BYTES + 1));
	buf_init(&r->note, (size_t)DIRECTORY_REPORT_MAX * (LINE_MAX_BYTES + 1));
}

void
directory_report_fini(struct directory_report *r)
{
	buf_fini(&r->text);
	buf_fini(&r->note);
}

static void
put(struct buf *to, const char *fmt, va_list ap)
{
	struct buf line;

	buf_init(&line, 4096);
	(void)buf_vputf(&line, fmt, ap); /* too long: an empty line */
	for (size_t i = 0; i < line.n && i < LINE_MAX_BYTES; i++)
		(void)buf_putc(
		    to, line.p[i] < ' ' || line.p[i] > '~' ? '?' : line.p[i]);
	(void)buf_putc(to, '\n'); /* there is room for all lines */
	buf_fini(&line);
}

void
directory_report_add(struct directory_report *r, const char *fmt, ...)
{
	va_list ap;

	if (r == NULL || r->n++ >= DIRECTORY_REPORT_MAX)
		return;
	va_start(ap, fmt);
	put(&r->text, fmt, ap);
	va_end(ap);
}

void
directory_report_note(struct directory_report *r, const char *fmt, ...)
{
	va_list ap;

	if (r == NULL || r->n_notes++ >= DIRECTORY_REPORT_MAX)
		return;
	va_start(ap, fmt);
	put(&r->note, fmt, ap);
	va_end(ap);
}

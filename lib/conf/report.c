/*
 * Mistakes found in one file: see report.h.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "lib/base/mem.h"
#include "lib/conf/report.h"
#include "lib/base/banned.h"

#define LINE_MAX_BYTES 1024
#define SHOW_MAX       60

void
conf_report_add(
    struct conf_report *r, struct conf_place place, const char *fmt, ...)
{
	struct buf line;
	va_list ap;

	if (r->n == CONF_REPORT_MAX) {
		r->more++;
		return;
	}
	if (place.line == 0)
		place = (struct conf_place){1, 1};
	buf_init(&line, LINE_MAX_BYTES);
	va_start(ap, fmt);
	if (!buf_vputf(&line, fmt, ap))
		bug("a report was not kept short");
	va_end(ap);
	r->v[r->n].place = place;
	r->v[r->n].text = mem_dup(buf_cstr(&line));
	r->n++;
	buf_fini(&line);
}

static bool
after(struct conf_place a, struct conf_place b)
{
	return a.line != b.line ? a.line > b.line : a.column > b.column;
}

/* By place; those of one place stay in the order they were found in. */
static void
sort(struct conf_report *r)
{
	for (size_t i = 1; i < r->n; i++) {
		struct conf_mistake m = r->v[i];
		size_t j = i;

		for (; j > 0 && after(r->v[j - 1].place, m.place); j--)
			r->v[j] = r->v[j - 1];
		r->v[j] = m;
	}
}

void
conf_report_write(struct conf_report *r, const char *name, struct buf *out)
{
	sort(r);
	/* what does not fit is remembered in out->over */
	for (size_t i = 0; i < r->n; i++)
		(void)buf_putf(out, "%s:%zu:%zu: %s\n", name,
		    r->v[i].place.line, r->v[i].place.column, r->v[i].text);
	if (r->more > 0)
		(void)buf_putf(out, "%s: and %zu more\n", name, r->more);
}

void
conf_report_fini(struct conf_report *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->v[i].text);
	*r = (struct conf_report){.n = 0};
}

void
conf_report_show(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n && i < SHOW_MAX; i++) {
		int c = span_at(s, i);

		/* one '?' for a character, however many bytes it has */
		if (c >= 0x80 && c < 0xc0)
			continue;
		(void)buf_putc(out, c < 0x20 || c > 0x7e ? '?' : (char)c);
	}
	if (s.n > SHOW_MAX)
		(void)buf_puts(out, "...");
}

/*
 * Passwords for other hosts: see passwords.h.
 */
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "qmgr/passwords.h"
#include "lib/base/banned.h"

#define SMART_MAX 1024
#define TABLE_MAX (256U << 10)

static struct span
without_cr(struct span line)
{
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static void
take(struct secret *to, int fd, size_t max, bool one)
{
	char *text = mem_alloc(max);
	struct span all;
	size_t got;

	secret_fini(to);
	if (io_pread_all(fd, text, max, 0, &got)) {
		all = span_make(text, got);
		if (one)
			all = without_cr(span_head(all, span_find(all, '\n')));
		else if (got == max)
			all = span_head(all, span_rfind(all, '\n'));
		*to = secret_of(all);
	}
	secret_wipe(text, max);
	free(text);
}

void
passwords_take_smart(struct passwords *p, int fd)
{
	take(&p->smart, fd, SMART_MAX, true);
}

void
passwords_take_table(struct passwords *p, int fd)
{
	take(&p->table, fd, TABLE_MAX, false);
}

void
passwords_keep(struct passwords *p, bool smart, bool table)
{
	if (!smart)
		secret_fini(&p->smart);
	if (!table)
		secret_fini(&p->table);
}

void
passwords_fini(struct passwords *p)
{
	secret_fini(&p->smart);
	secret_fini(&p->table);
}

/* The next word; the rest begins at what follows its white space. */
static struct span
word(struct span *line)
{
	struct span s = span_trim(*line);
	size_t n = 0;

	while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t')
		n++;
	*line = span_trim(span_from(s, n));
	return span_head(s, n);
}

struct span
passwords_find(const struct passwords *p, struct span host, struct span login)
{
	struct span rest = span_make(p->table.p, p->table.n);

	while (rest.n > 0) {
		struct span line = without_cr(span_cut(&rest, '\n'));
		struct span of = word(&line), name = word(&line);

		/* what is left may hold spaces */
		if (of.n > 0 && of.p[0] != '#' && line.n > 0 &&
		    span_eq_ci(of, host) && span_eq(name, login))
			return line;
	}
	return SPAN_NONE;
}

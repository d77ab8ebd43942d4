/*
 * Following aliases: see links.h. By the same look-ups as those of the
 * snapshot, so that both always agree.
 */
#include <stdlib.h>

#include "lib/addr/path.h"
#include "lib/base/mem.h"
#include "lib/directory/links.h"
#include "lib/base/banned.h"

#define DOMAINS_MAX 16                 /* at which a bare name is tried */
#define RESULTS_MAX 2000000            /* some seconds */
#define BYTES_MAX   ((size_t)64 << 20) /* of one alias's results */

struct follow {
	struct records *r;
	const struct directory *d;
	struct directory_report *report;
	struct buf accounts, elsewhere;
	uint64_t results;
};

static enum rc
follow(struct follow *f, struct span local, struct span domain, struct why *why)
{
	struct buf address;
	enum rc rc;

	buf_init(&address, 1024);
	(void)buf_put_span(&address, local); /* both are short */
	(void)buf_putc(&address, '@');
	(void)buf_put_span(&address, domain);
	buf_clear(&f->accounts);
	buf_clear(&f->elsewhere);
	rc = directory_expand(
	    f->d, buf_span(&address), &f->accounts, &f->elsewhere, why);
	/* of no use, but what was done for it counts */
	f->results += 16;
	for (size_t i = 0; i < f->accounts.n; i++)
		f->results += f->accounts.p[i] == '\n';
	for (size_t i = 0; i < f->elsewhere.n; i++)
		f->results += f->elsewhere.p[i] == '\n';
	buf_fini(&address);
	return rc;
}

/* A bare name is good if it is at one of the domains. */
static enum rc
follow_bare(struct follow *f, struct span local, struct why *why)
{
	const struct record *at = f->r->v;
	size_t tried = 0;
	enum rc rc = RC_OK;

	for (size_t i = 0; i < f->r->n && tried < DOMAINS_MAX; i++) {
		struct span key = records_key(f->r, &at[i]);

		/* those that stand for others add nothing */
		if (key.p[0] != 'd' || at[i].out || at[i].n_value > 0)
			continue;
		tried++;
		rc = follow(f, local, span_from(key, 1), why);
		if (rc == RC_OK)
			break;
	}
	return rc;
}

/* Its name is nobody's own: the catch-all is what is found. */
static enum rc
follow_catchall(struct follow *f, struct span domain, struct why *why)
{
	return follow(f, SPAN_LIT("\"no such name @ here\""), domain, why);
}

/* True: it leads to nobody, or not to all. */
static bool
check(struct follow *f, const struct record *at)
{
	struct span key = records_key(f->r, at);
	struct span name = span_from(key, 1), local, domain;
	struct why why = {.rc = RC_OK};
	enum rc rc;

	/* while a name cannot be read, no catch-all counts */
	if (key.p[0] == 'c' && records_find(f->r, 'x', SPAN_NONE) != NULL)
		return false;
	if (key.p[0] == 'c')
		rc = follow_catchall(f, name, &why);
	else if (key.p[0] == 'b')
		rc = follow_bare(f, name, &why);
	else if (addr_split(name, &local, &domain))
		rc = follow(f, local, domain, &why);
	else
		return false;
	/* an account of that name is before it */
	if (rc == RC_OK && why.text[0] == '\0')
		return false;
	directory_report_add(f->report, "aliases:%u: " SPAN_FMT ": %s",
	    at->line, SPAN_ARG(name), why.text);
	return rc != RC_OK;
}

void
links_follow(
    struct records *r, const char *delimiters, struct directory_report *report)
{
	struct directory *d = directory_of(r, delimiters);
	struct follow f = {.r = r, .d = d, .report = report};
	bool *bad = mem_array(r->n + 1, sizeof(*bad));

	buf_init(&f.accounts, BYTES_MAX);
	buf_init(&f.elsewhere, BYTES_MAX);
	for (size_t i = 0; i < r->n && f.results < RESULTS_MAX; i++)
		if (!r->v[i].out && r->v[i].n_value > 0 &&
		    strchr("bcl", r->text.p[r->v[i].key]) != NULL)
			bad[i] = check(&f, &r->v[i]);
	directory_close(&d);
	/* now that nobody follows them any more */
	for (size_t i = 0; i < r->n; i++)
		if (bad[i])
			r->v[i].n_value = 0;
	free(bad);
	buf_fini(&f.accounts);
	buf_fini(&f.elsewhere);
}

/*
 * The aliases file: see alias.h. An entry is first put together from its
 * lines, each keeping its LF so that a mistake is found on its own line.
 */
#include "lib/addr/path.h"
#include "lib/directory/action.h"
#include "lib/directory/alias.h"
#include "lib/base/banned.h"

#define STATUS      "5.3.5"
#define MAILBOX_MAX 254

void
alias_init(struct alias *a)
{
	*a = (struct alias){.kind = ALIAS_ADDRESS};
	buf_init(&a->name, MAILBOX_MAX);
	/* a bare target grows by its domain */
	buf_init(&a->targets, (size_t)ALIAS_ENTRY_MAX * 128);
	buf_init(&a->includes, ALIAS_ENTRY_MAX);
	buf_init(&a->text, ALIAS_ENTRY_MAX);
}

void
alias_fini(struct alias *a)
{
	buf_fini(&a->name);
	buf_fini(&a->targets);
	buf_fini(&a->includes);
	buf_fini(&a->text);
}

static bool
is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What is nothing but white stays where it was. */
static struct span
trim(struct span s)
{
	while (s.n > 0 && is_white(s.p[s.n - 1]))
		s.n--;
	while (s.n > 0 && is_white(s.p[0]))
		s.p++, s.n--;
	return s;
}

static bool
is_comment(struct span line)
{
	line = trim(line);
	return line.n == 0 || line.p[0] == '#';
}

/*
 * The lines of the next entry into a->text; comments leave their LF only.
 * False when there is none.
 */
static bool
gather(struct alias_input *in, struct alias *a)
{
	buf_clear(&a->text);
	while (in->rest.n > 0) {
		struct span after = in->rest, line;
		bool comment;

		line = span_cut(&after, '\n');
		comment = is_comment(line);
		if (!comment && a->text.n > 0 && line.p[0] != ' ' &&
		    line.p[0] != '\t')
			break;
		in->line++;
		in->rest = after;
		if (a->text.n == 0 && comment)
			continue;
		if (a->text.n == 0)
			a->line = in->line;
		if (!comment)
			(void)buf_put_span(&a->text, line); /* over: below */
		(void)buf_putc(&a->text, '\n');
	}
	return a->text.n > 0 || a->text.over;
}

/* The first c that is neither in quotes nor in brackets, or s.n. */
static size_t
find_bare(struct span s, char c)
{
	bool quoted = false, literal = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == c && !quoted && !literal)
			return i;
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"' && !literal)
			quoted = !quoted;
		else if (s.p[i] == '[' && !quoted)
			literal = true;
		else if (s.p[i] == ']')
			literal = false;
	}
	return s.n;
}

/* Line and column of a place in what is read; NULL: of its end. */
static void
place_of(const struct alias *a, const char *p, unsigned *line, unsigned *column)
{
	*line = a->origin_line;
	*column = 1;
	for (size_t i = 0; i < a->origin.n && a->origin.p + i != p; i++) {
		*column += 1;
		if (a->origin.p[i] != '\n')
			continue;
		/* the end is that of the last line */
		if (p == NULL && i + 1 == a->origin.n)
			break;
		*line += 1;
		*column = 1;
	}
}

static bool
bad(struct alias *a, const char *at, struct why *why, const char *text)
{
	unsigned line, column;

	a->bad = true;
	place_of(a, at, &line, &column);
	(void)why_set(why, RC_PERM, STATUS, "%u:%u: %s", line, column, text);
	return false;
}

/* A local part alone, canonically. */
static enum rc
local_part(struct span s, struct buf *out, struct why *why)
{
	struct span local, domain;
	struct buf box;
	enum rc rc;

	buf_init(&box, s.n + MAILBOX_MAX);
	(void)buf_put_span(&box, s);
	(void)buf_puts(&box, "@x"); /* both fit */
	rc = addr_mailbox(buf_span(&box), &box, why);
	if (rc == RC_OK) {
		buf_drop(&box, s.n + 2);
		if (!addr_split(buf_span(&box), &local, &domain) ||
		    !buf_put_span(out, local))
			rc = why_set(why, RC_PERM, STATUS, "too long");
	}
	buf_fini(&box);
	return rc;
}

static bool
read_name(struct span s, struct alias *a, struct why *why)
{
	struct why inner = {.rc = RC_OK};
	struct buf box;
	bool ok;

	if (s.n > 0 && s.p[0] == '@') {
		a->kind = ALIAS_DOMAIN;
		buf_init(&box, s.n + 1 + MAILBOX_MAX);
		(void)buf_putc(&box, 'x');
		(void)buf_put_span(&box, s); /* both fit */
		ok = addr_mailbox(buf_span(&box), &a->name, &inner) == RC_OK;
		buf_drop(&a->name, 2);
		buf_fini(&box);
	} else if (find_bare(s, '@') < s.n) {
		a->kind = ALIAS_ADDRESS;
		ok = addr_mailbox(s, &a->name, &inner) == RC_OK;
	} else {
		a->kind = ALIAS_LOCAL;
		ok = local_part(s, &a->name, &inner) == RC_OK;
	}
	if (!ok)
		buf_clear(&a->name);
	return ok || bad(a, s.p, why, inner.text);
}

/* How a target begins that is no address: '|', '/' or ':'; else 0. */
static int
no_address(struct span s)
{
	int c = span_at(s, span_at(s, 0) == '"' ? 1 : 0);

	return c == '|' || c == '/' || c == ':' ? c : 0;
}

/* ":include:/path", all of it in quotes perhaps: the path, else nothing. */
static struct span
included(struct span s)
{
	if (s.n > 1 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		s = span_make(s.p + 1, s.n - 2);
	if (!span_starts_ci(s, SPAN_LIT(":include:")))
		return SPAN_NONE;
	return trim(span_from(s, 9));
}

static bool
read_include(struct span path, struct alias *a, struct why *why)
{
	unsigned line, column;

	if (path.p[0] != '/')
		return bad(a, path.p, why, "absolute path expected");
	for (size_t i = 0; i < path.n; i++)
		if (path.p[i] < ' ' || path.p[i] == '"' || path.p[i] == '\\' ||
		    path.p[i] == 0x7f)
			return bad(a, path.p, why,
			    "quote, backslash or control character in the "
			    "path");
	place_of(a, path.p, &line, &column);
	(void)buf_putf(&a->includes, "%u:%u ", line, column);
	(void)buf_put_span(&a->includes, path);
	(void)buf_putc(&a->includes, '\n');
	return !a->includes.over ||
	       bad(a, path.p, why, "address or entry too long");
}

/* What is read: which targets may stand in it? */
enum source {
	SOURCE_ALIASES,
	SOURCE_INCLUDED,
	SOURCE_FORWARD,
};

static bool
refuse_other(struct span s, enum source from, struct alias *a, struct why *why)
{
	bool colon = no_address(s) == ':';

	if (from == SOURCE_FORWARD)
		return bad(a, s.p, why,
		    colon ? ":include: is for the aliases file alone"
			  : "no programs and files: users.forward");
	return bad(a, s.p, why,
	    colon ? "only :include:/path is known"
		  : "programs and files are for the aliases file itself, and "
		    "need delivery.program_user");
}

/* It holds no LF, which parts the targets. */
static bool
read_action(struct span s, struct alias *a, struct why *why)
{
	struct why inner;

	if (a->targets.n > 0)
		(void)buf_putc(&a->targets, '\n'); /* over is told */
	return action_read(s, a->shell, &a->targets, &inner) == RC_OK ||
	       bad(a, s.p, why, inner.text);
}

/* One address, or what else may stand there. */
static bool
read_target(struct span s, enum source from, struct alias *a, struct why *why)
{
	struct why inner = {.rc = RC_OK};
	struct span local, domain;
	size_t start;
	enum rc rc;

	if (s.n == 0)
		return bad(a, s.p, why, "address expected");
	if (from == SOURCE_ALIASES && included(s).n > 0)
		return read_include(included(s), a, why);
	if (from != SOURCE_INCLUDED && a->actions && no_address(s) != 0 &&
	    no_address(s) != ':')
		return read_action(s, a, why);
	if (no_address(s) != 0)
		return refuse_other(s, from, a, why);
	/* sendmail's "not an alias": what names itself is none here, anyway */
	if (s.p[0] == '\\')
		s = span_from(s, 1);
	if (a->targets.n > 0)
		(void)buf_putc(&a->targets, '\n');
	start = a->targets.n;
	if (find_bare(s, '@') < s.n) {
		rc = addr_mailbox(s, &a->targets, &inner);
	} else {
		rc = local_part(s, &a->targets, &inner);
		if (rc == RC_OK && a->kind != ALIAS_LOCAL) {
			domain = buf_span(&a->name);
			(void)addr_split(domain, &local, &domain);
			(void)buf_putc(&a->targets, '@');
			(void)buf_put_span(&a->targets, domain);
		}
	}
	if (rc != RC_OK)
		return bad(a, s.p, why, inner.text);
	/* nor with a backslash in front */
	if (no_address(span_from(buf_span(&a->targets), start)) != 0)
		return refuse_other(s, from, a, why);
	if (a->targets.over || a->targets.n - start > MAILBOX_MAX)
		return bad(a, s.p, why, "address or entry too long");
	return true;
}

static bool
parse(struct alias *a, struct why *why)
{
	struct span all = buf_span(&a->text), rest;
	size_t colon = find_bare(all, ':');

	if (a->text.over)
		return bad(a, a->text.p, why, "entry too long");
	if (all.p[0] == ' ' || all.p[0] == '\t')
		return bad(a, all.p, why, "continues nothing");
	if (colon == all.n)
		return bad(a, all.p, why, "colon expected behind the name");
	if (!read_name(trim(span_head(all, colon)), a, why))
		return false;
	rest = span_from(all, colon + 1);
	for (;;) {
		size_t comma = find_bare(rest, ',');

		if (!read_target(
			trim(span_head(rest, comma)), SOURCE_ALIASES, a, why))
			return false;
		if (comma == rest.n)
			return true;
		rest = span_from(rest, comma + 1);
	}
}

bool
alias_next(struct alias_input *in, struct alias *a, struct why *why)
{
	if (!gather(in, a))
		return false;
	buf_clear(&a->name);
	buf_clear(&a->targets);
	buf_clear(&a->includes);
	a->bad = false;
	a->origin = buf_span(&a->text);
	a->origin_line = a->line;
	(void)parse(a, why); /* a->bad says it */
	return true;
}

static void
read_lines(struct alias *a, struct span file, enum source from, struct why *why)
{
	struct span rest = file;

	a->origin = file;
	a->origin_line = 1;
	while (rest.n > 0 && !a->bad) {
		struct span line = span_cut(&rest, '\n');

		while (line.n > 0 && !is_comment(line) && !a->bad) {
			size_t comma = find_bare(line, ',');
			struct span one = trim(span_head(line, comma));

			/* a line may end with a comma */
			if (one.n > 0)
				(void)read_target(one, from, a, why);
			line = span_from(line, comma + 1);
		}
	}
}

void
alias_include(struct alias *a, struct span file, struct why *why)
{
	read_lines(a, file, SOURCE_INCLUDED, why);
}

void
alias_forward(struct alias *a, struct span file, struct why *why)
{
	read_lines(a, file, SOURCE_FORWARD, why);
}

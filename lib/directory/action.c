/*
 * Programs and files behind aliases: see action.h.
 */
#include <string.h>

#include "lib/directory/action.h"
#include "lib/base/banned.h"

#define STATUS "5.3.5"

/* What a shell would do with these is not done here; better none than half. */
#define SHELL_ONLY ";&|<>$`*?()"

bool
action_is(struct span text)
{
	struct span user, action;

	if (action_of_user(text, &user, &action))
		return action.n > 0;
	return span_at(text, 0) == '|' || span_at(text, 0) == '/';
}

bool
action_of_user(struct span account, struct span *user, struct span *action)
{
	size_t n = 1;

	if (span_at(account, 0) != '\\')
		return false;
	while (n < account.n && account.p[n] != '|' && account.p[n] != '/')
		n++;
	*user = span_from(span_head(account, n), 1);
	*action = span_from(account, n);
	return true;
}

bool
action_is_program(struct span text)
{
	return span_at(text, 0) == '|';
}

/* In quotes from end to end, and none between them? */
static bool
is_quoted(struct span s)
{
	if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
		return false;
	for (size_t i = 1; i < s.n - 1; i++) {
		if (s.p[i] == '"')
			return false;
		if (s.p[i] == '\\')
			i++;
		if (i == s.n - 1) /* the last one is not the end */
			return false;
	}
	return true;
}

/* Lines of an entry are one line here. */
static void
put_char(struct buf *out, char c)
{
	(void)buf_putc(out, c == '\n' || c == '\r' || c == '\t' ? ' ' : c);
}

static void
put_unquoted(struct buf *out, struct span s)
{
	bool quoted = is_quoted(s);

	if (quoted)
		s = span_make(s.p + 1, s.n - 2);
	for (size_t i = 0; i < s.n; i++) {
		if (quoted && s.p[i] == '\\' && i + 1 < s.n &&
		    (s.p[i + 1] == '"' || s.p[i + 1] == '\\'))
			i++;
		put_char(out, s.p[i]);
	}
}

static bool
has_control(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return true;
	return false;
}

static enum rc
check(struct span text, bool shell, struct why *why)
{
	struct buf words;
	enum rc rc;

	if (span_at(text, 0) == '/' && has_control(text))
		return why_set(
		    why, RC_PERM, STATUS, "control character in the path");
	if (span_at(text, 0) == '/')
		return RC_OK;
	if (shell && !action_is_program(text))
		return why_set(why, RC_PERM, STATUS, "quote without an end");
	if (shell && has_control(text))
		return why_set(
		    why, RC_PERM, STATUS, "control character behind |");
	if (shell)
		return text.n > 1 ? RC_OK
				  : why_set(why, RC_PERM, STATUS,
					"program expected behind |");
	buf_init(&words, ACTION_MAX + 1);
	rc = action_split(text, &words, why);
	buf_fini(&words);
	return rc;
}

enum rc
action_read(struct span said, bool shell, struct buf *out, struct why *why)
{
	struct buf text;
	enum rc rc;

	buf_init(&text, ACTION_MAX);
	if (span_at(said, 0) == '|') {
		(void)buf_putc(&text, '|');
		said = span_trim(span_from(said, 1));
	}
	put_unquoted(&text, said);
	if (text.over)
		rc = why_set(why, RC_PERM, STATUS,
		    "program or path of more than %d characters", ACTION_MAX);
	else
		rc = check(buf_span(&text), shell, why);
	if (rc == RC_OK && !buf_put_span(out, buf_span(&text)))
		rc = why_set(why, RC_PERM, STATUS, "entry too long");
	buf_fini(&text);
	return rc;
}

struct words {
	struct span rest;
	struct buf *out;
	char quote; /* '\'' or '"' or 0 */
	bool in;    /* a word */
};

/* The next character of the text; false: a shell would be needed for it. */
static bool
take(struct words *w)
{
	char c = w->rest.p[0];

	w->rest = span_from(w->rest, 1);
	if (w->quote == 0 && c == ' ') {
		if (w->in)
			(void)buf_putc(w->out, '\0');
		w->in = false;
		return true;
	}
	w->in = true;
	if (c == w->quote) {
		w->quote = 0;
		return true;
	}
	if (w->quote == 0 && (c == '"' || c == '\'')) {
		w->quote = c;
		return true;
	}
	if (c == '\\' && w->quote != '\'' && w->rest.n > 0) {
		c = w->rest.p[0];
		w->rest = span_from(w->rest, 1);
	} else if (strchr(w->quote == 0     ? SHELL_ONLY
			  : w->quote == '"' ? "$`"
					    : "",
		       c) != NULL) {
		return false;
	}
	(void)buf_putc(w->out, c); /* over is seen in the end */
	return true;
}

enum rc
action_split(struct span text, struct buf *words, struct why *why)
{
	struct words w = {.rest = span_from(text, 1), .out = words};

	if (!action_is_program(text))
		return why_set(why, RC_PERM, STATUS, "no program");
	if (has_control(text))
		return why_set(
		    why, RC_PERM, STATUS, "control character behind |");
	while (w.rest.n > 0)
		if (!take(&w))
			return why_set(why, RC_PERM, STATUS,
			    "programs are run without a shell, which this "
			    "would need: write |/bin/sh -c '...'");
	if (w.quote != 0)
		return why_set(why, RC_PERM, STATUS, "quote without an end");
	if (w.in)
		(void)buf_putc(words, '\0');
	if (words->over)
		return why_set(why, RC_PERM, STATUS, "too long");
	if (words->n < 2 || words->p[0] != '/')
		return why_set(why, RC_PERM, STATUS,
		    "absolute path of a program expected behind |");
	return RC_OK;
}

/*
 * One line of the accounts file: see account.h. No reason quotes the line:
 * what is in the wrong place may be a hash or a password.
 */
#include "lib/addr/beyond.h"
#include "lib/addr/path.h"
#include "lib/base/enc.h"
#include "lib/directory/account.h"
#include "lib/directory/action.h"
#include "lib/base/banned.h"

#define STATUS    "5.3.5"
#define LOGIN_MAX 254
/* in quotes, a local part needs no more than this before it is canonical */
#define LOGIN_RAW_MAX 1024

void
account_init(struct account *a)
{
	*a = (struct account){.hash = SPAN_NONE};
	buf_init(&a->login, LOGIN_MAX);
	buf_init(&a->name, ACCOUNT_NAME_MAX);
	buf_init(&a->state, ACCOUNT_STATE_MAX);
}

void
account_fini(struct account *a)
{
	buf_fini(&a->login);
	buf_fini(&a->name);
	buf_fini(&a->state);
	a->hash = SPAN_NONE;
}

bool
account_is_comment(struct span line)
{
	return line.n == 0 || line.p[0] == '#';
}

static bool
is_graphic(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	return true;
}

static bool
has_control(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

/* One spelling, whose mailbox has one place; ASCII compares by itself. */
static enum rc
fold(struct buf *login, struct why *why)
{
	struct span local, domain;
	enum rc rc = RC_OK;
	struct buf b;

	if (span_is_ascii(buf_span(login)))
		return RC_OK;
	buf_init(&b, login->max);
	if (addr_split(buf_span(login), &local, &domain) &&
	    addr_beyond_fold(local, &b) && buf_putc(&b, '@') &&
	    buf_put_span(&b, domain)) {
		buf_clear(login);
		rc = addr_mailbox(buf_span(&b), login, why);
	} else {
		rc = why_set(why, RC_PERM, STATUS, "login: too long");
	}
	buf_fini(&b);
	return rc;
}

static enum rc
parse_login(struct span text, struct buf *login, struct why *why)
{
	struct why inner;
	struct buf raw;
	enum rc rc;

	buf_init(&raw, LOGIN_RAW_MAX);
	if (!enc_unline(&raw, text))
		rc = why_set(why, RC_PERM, STATUS,
		    "login: malformed or too long %%XX text");
	else if (addr_mailbox(buf_span(&raw), login, &inner) != RC_OK)
		rc = why_set(why, RC_PERM, STATUS, "login: %s", inner.text);
	else if (action_is(buf_span(login)))
		rc = why_set(why, RC_PERM, STATUS, "login: begins with | or /");
	else
		rc = fold(login, why);
	buf_fini(&raw);
	return rc;
}

static enum rc
parse_hash(struct span text, struct account *out, struct why *why)
{
	/* crypt(3) text begins with neither, so the hash was left out */
	if (text.n == 0 || span_starts(text, SPAN_LIT("name=")) ||
	    span_starts(text, SPAN_LIT("state=")) ||
	    span_starts(text, SPAN_LIT("scram=")) ||
	    span_starts(text, SPAN_LIT("app=")))
		return why_set(why, RC_PERM, STATUS,
		    "password hash (or !) expected behind the login");
	if (text.n > ACCOUNT_HASH_MAX)
		return why_set(why, RC_PERM, STATUS,
		    "password hash longer than %d bytes", ACCOUNT_HASH_MAX);
	out->hash = text;
	return RC_OK;
}

/* One of several secrets of a kind, of which there is room for `max`. */
struct secrets {
	const char *key;
	struct span *v;
	size_t *n;
	size_t max;
};

static enum rc
parse_secret(const struct secrets *to, struct span value, struct why *why)
{
	if (value.n == 0 || value.n > ACCOUNT_HASH_MAX)
		return why_set(why, RC_PERM, STATUS,
		    "%s: 1 to %d bytes expected", to->key, ACCOUNT_HASH_MAX);
	if (*to->n == to->max)
		return why_set(why, RC_PERM, STATUS,
		    "%s: given more than %zu times", to->key, to->max);
	to->v[(*to->n)++] = value;
	return RC_OK;
}

static enum rc
parse_field(struct span field, struct account *out, struct why *why)
{
	struct span value = field;
	struct span key = span_cut(&value, '=');
	const struct secrets scram = {"scram", out->scram, &out->n_scram,
				 ACCOUNT_SCRAM_MAX},
			     app = {
				 "app", out->app, &out->n_app, ACCOUNT_APP_MAX};
	struct buf *to;

	if (value.p == NULL)
		return why_set(why, RC_PERM, STATUS,
		    "key=value expected behind the password hash");
	if (span_eq(key, SPAN_LIT("scram")))
		return parse_secret(&scram, value, why);
	if (span_eq(key, SPAN_LIT("app")))
		return parse_secret(&app, value, why);
	if (span_eq(key, SPAN_LIT("name")))
		to = &out->name;
	else if (span_eq(key, SPAN_LIT("state")))
		to = &out->state;
	else
		return why_set(why, RC_PERM, STATUS,
		    "unknown key (name=, state=, scram= and app= are known)");
	if (value.n == 0 || to->n > 0)
		return why_set(why, RC_PERM, STATUS, "%s: %s",
		    to == &out->name ? "name" : "state",
		    value.n == 0 ? "value expected" : "given twice");
	if (!enc_unline(to, value) || has_control(buf_span(to)))
		return why_set(why, RC_PERM, STATUS,
		    "%s: malformed or too long %%XX text, or control "
		    "characters in it",
		    to == &out->name ? "name" : "state");
	return RC_OK;
}

static void
clear(struct account *a)
{
	buf_clear(&a->login);
	buf_clear(&a->name);
	buf_clear(&a->state);
	a->hash = SPAN_NONE;
	a->n_scram = a->n_app = 0;
}

enum rc
account_parse(struct span line, struct account *out, struct why *why)
{
	struct span rest = line;
	enum rc rc;

	clear(out);
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] != ' ' && !is_graphic(span_make(line.p + i, 1)))
			return why_set(why, RC_PERM, STATUS,
			    "byte %zu: only printable ASCII is allowed "
			    "(other bytes as %%XX)",
			    i + 1);
	rc = parse_login(span_cut(&rest, ' '), &out->login, why);
	if (rc == RC_OK)
		rc = parse_hash(span_cut(&rest, ' '), out, why);
	while (rc == RC_OK && rest.p != NULL)
		rc = parse_field(span_cut(&rest, ' '), out, why);
	return rc;
}

bool
account_format(struct buf *out, const struct account *a)
{
	size_t before = out->n;
	bool ok;

	ok = enc_line(out, buf_span(&a->login)) && buf_putc(out, ' ') &&
	     buf_put_span(out, a->hash);
	if (ok && a->name.n > 0)
		ok = buf_puts(out, " name=") &&
		     enc_line(out, buf_span(&a->name));
	if (ok && a->state.n > 0)
		ok = buf_puts(out, " state=") &&
		     enc_line(out, buf_span(&a->state));
	for (size_t i = 0; ok && i < a->n_scram; i++)
		ok = buf_puts(out, " scram=") && buf_put_span(out, a->scram[i]);
	for (size_t i = 0; ok && i < a->n_app; i++)
		ok = buf_puts(out, " app=") && buf_put_span(out, a->app[i]);
	if (!ok)
		out->n = before;
	return ok;
}

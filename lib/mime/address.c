/*
 * Address lists: see address.h.
 */
#include "lib/mime/address.h"
#include "lib/mime/cursor.h"
#include "lib/base/banned.h"

/* an item may join all of a field's text, with a space for a comment */
#define PIECE_MAX ((size_t)2 * MIME_LINE_MAX)

void
mime_addresses_init(struct mime_addresses *a, struct span text)
{
	*a = (struct mime_addresses){.lex.in = text};
	buf_init(&a->phrase, PIECE_MAX);
	buf_init(&a->run, PIECE_MAX);
	buf_init(&a->route, PIECE_MAX);
	buf_init(&a->local, PIECE_MAX);
	buf_init(&a->domain, PIECE_MAX);
}

void
mime_addresses_fini(struct mime_addresses *a)
{
	buf_fini(&a->phrase);
	buf_fini(&a->run);
	buf_fini(&a->route);
	buf_fini(&a->local);
	buf_fini(&a->domain);
}

/* A byte of a word: anything that has no meaning of its own in a list. */
static bool
is_word(int c)
{
	return c >= 0 && !mime_lex_is_wsp(c) &&
	       (c == 0 || strchr("<>@,;:\"()", c) == NULL);
}

/* The word, quoted or not, at the cursor. False when there is none. */
static bool
read_word(struct mime_lex *x, struct buf *out)
{
	size_t start = x->at;

	if (mime_lex_peek(x) == '"') {
		mime_lex_quoted(x, out);
		return true;
	}
	while (is_word(mime_lex_peek(x)))
		x->at++;
	(void)buf_put_span(out, mime_lex_since(x, start)); /* as text */
	return x->at > start;
}

/* Words and dots without what is between them: a local part or a domain. */
static void
read_joined(struct mime_lex *x, struct buf *out, struct span *comment)
{
	bool dot = true;

	for (;;) {
		int c;

		(void)mime_lex_cfws(x, comment); /* there need not be any */
		c = mime_lex_peek(x);
		/* a word behind a word is no part of it, but for a dot */
		if (!dot && c != '.')
			return;
		if (!read_word(x, out))
			return;
		dot = out->n > 0 && out->p[out->n - 1] == '.';
	}
}

static void
read_domain(struct mime_lex *x, struct buf *out, struct span *comment)
{
	x->at++;                         /* the '@' */
	(void)mime_lex_cfws(x, comment); /* likewise */
	if (mime_lex_peek(x) == '[') {
		size_t n = span_find(span_from(x->in, x->at), ']');
		size_t left = x->in.n - x->at;

		n = n < left ? n + 1 : n;
		(void)buf_put(out, x->in.p + x->at, n); /* as text */
		x->at += n;
		return;
	}
	read_joined(x, out, comment);
}

/* "@a,@b:" in front of an address (RFC 5322 4.4); taken back if it is none */
static void
read_route(struct mime_addresses *a)
{
	struct mime_lex *x = &a->lex;
	size_t start = x->at;

	while (mime_lex_peek(x) == '@' || mime_lex_peek(x) == ',') {
		bool at = mime_lex_peek(x) == '@';

		if (!at) {
			x->at++;
			(void)mime_lex_cfws(x, NULL); /* likewise */
			continue;
		}
		if (a->route.n > 0)
			(void)buf_putc(&a->route, ','); /* likewise */
		(void)buf_putc(&a->route, '@');
		read_domain(x, &a->route, NULL);
		(void)mime_lex_cfws(x, NULL); /* likewise */
	}
	if (mime_lex_peek(x) == ':') {
		x->at++;
		return;
	}
	buf_clear(&a->route);
	x->at = start;
}

/* What stands in <>; the cursor is on the '<'. */
static void
read_angle(struct mime_addresses *a, struct span *comment)
{
	struct mime_lex *x = &a->lex;

	buf_clear(&a->local);
	buf_clear(&a->domain);
	x->at++;
	(void)mime_lex_cfws(x, comment); /* likewise */
	if (mime_lex_peek(x) == '@')
		read_route(a);
	(void)mime_lex_cfws(x, comment); /* likewise */
	/* spaces are lost in it, which are not allowed there */
	while (read_word(x, &a->local))
		(void)mime_lex_cfws(x, comment);
	if (mime_lex_peek(x) == '@')
		read_domain(x, &a->domain, comment);
	/* no bracket: the next address may begin here */
	while (mime_lex_peek(x) != -1 &&
	       strchr(">,;<", mime_lex_peek(x)) == NULL) {
		if (mime_lex_peek(x) == '"')
			mime_lex_quoted(x, NULL);
		else if (!mime_lex_cfws(x, comment))
			x->at++;
	}
	if (mime_lex_peek(x) == '>')
		x->at++;
}

struct item {
	struct span comment; /* the last one */
	bool words;
	bool address; /* local@domain was read */
};

/* A word of a phrase, which may turn out to be a local part instead. */
static void
take_word(struct mime_addresses *a, bool space, size_t *run_at)
{
	size_t start;
	bool dot = mime_lex_peek(&a->lex) == '.' ||
		   (a->run.n > 0 && a->run.p[a->run.n - 1] == '.');

	if (space && !dot)
		buf_clear(&a->run);
	if (a->run.n == 0)
		*run_at = a->lex.at;
	if (space && a->phrase.n > 0)
		(void)buf_putc(&a->phrase, ' '); /* room for it */
	start = a->phrase.n;
	(void)read_word(&a->lex, &a->phrase); /* there is one */
	(void)buf_put_span(&a->run, span_from(buf_span(&a->phrase), start));
}

/* local@ is read: the domain, too */
static void
take_address(struct mime_addresses *a, struct item *item)
{
	item->address = true;
	(void)buf_put_span(&a->local, buf_span(&a->run)); /* room for it */
	buf_clear(&a->run);
	read_domain(&a->lex, &a->domain, &item->comment);
	/* people's addresses stand for their names: a@b <a@b> */
	(void)buf_putc(&a->phrase, '@'); /* likewise */
	(void)buf_put_span(&a->phrase, buf_span(&a->domain));
}

/* Up to what ends or follows a phrase, or to the word that a second address
 * begins with. */
static void
read_phrase(struct mime_addresses *a, struct item *item)
{
	struct mime_lex *x = &a->lex;
	size_t run_at = x->at;

	for (;;) {
		bool space = mime_lex_cfws(x, &item->comment);
		int c = mime_lex_peek(x);

		if (is_word(c) || c == '"') {
			take_word(a, space, &run_at);
			item->words = true;
		} else if (c != '@') {
			return;
		} else if (!item->address) {
			take_address(a, item);
		} else if (a->run.n == 0) {
			x->at++;
		} else {
			x->at = run_at;
			return;
		}
	}
}

static bool
give(const struct mime_addresses *a, enum mime_address_kind kind,
    struct mime_address *out)
{
	*out = (struct mime_address){.kind = kind};
	if (kind == MIME_GROUP_END)
		return true;
	out->local = buf_span(&a->local);
	if (kind == MIME_GROUP_START)
		return true;
	out->has_name = a->phrase.n > 0;
	out->name = buf_span(&a->phrase);
	out->route = buf_span(&a->route);
	out->domain = buf_span(&a->domain);
	return true;
}

static bool
read_item(struct mime_addresses *a, struct mime_address *out)
{
	struct mime_lex *x = &a->lex;
	struct item item = {0};

	read_phrase(a, &item);
	if (mime_lex_peek(x) == ':' && !item.address && !a->in_group) {
		x->at++;
		a->in_group = true;
		(void)buf_put_span(&a->local, buf_span(&a->phrase));
		return give(a, MIME_GROUP_START, out);
	}
	if (mime_lex_peek(x) == '<') {
		read_angle(a, &item.comment);
		(void)mime_lex_cfws(x, &item.comment); /* may be none */
		a->behind = true;
	} else {
		if (!item.address)
			(void)buf_put_span(&a->local, buf_span(&a->phrase));
		buf_clear(&a->phrase);
	}
	if (a->phrase.n == 0)
		mime_lex_unescape(&a->phrase, item.comment);
	return give(a, MIME_MAILBOX, out);
}

/* What stands behind an address up to a comma; if there is another address in
 * brackets the comma was forgotten. */
static void
skip_behind(struct mime_lex *x)
{
	size_t start = x->at;

	for (;;) {
		int c = mime_lex_peek(x);

		if (c == '<')
			x->at = start;
		if (c == -1 || c == ',' || c == ';' || c == '<')
			return;
		if (c == '"')
			mime_lex_quoted(x, NULL);
		else if (!mime_lex_cfws(x, NULL))
			x->at++;
	}
}

bool
mime_addresses_next(struct mime_addresses *a, struct mime_address *out)
{
	struct mime_lex *x = &a->lex;
	int c;

	buf_clear(&a->phrase);
	buf_clear(&a->run);
	buf_clear(&a->route);
	buf_clear(&a->local);
	buf_clear(&a->domain);
	if (a->behind)
		skip_behind(x);
	a->behind = false;
	for (;;) {
		size_t start = x->at;

		(void)mime_lex_cfws(x, NULL); /* there may be none */
		c = mime_lex_peek(x);
		if ((c == ';' || c == -1) && a->in_group) {
			a->in_group = false;
			x->at += c == ';';
			return give(a, MIME_GROUP_END, out);
		}
		if (c == -1)
			return false;
		if (strchr(",;:>)", c) == NULL || c == 0) {
			/* a comment in front may be the name */
			x->at = start;
			return read_item(a, out);
		}
		x->at++;
	}
}

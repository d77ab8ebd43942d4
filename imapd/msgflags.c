/*
 * Flags as IMAP names them: see msgflags.h.
 */
#include "imapd/msgflags.h"
#include "lib/base/banned.h"

static const struct {
	uint32_t bit;
	struct span name;
} names[] = {
    {MAILDIR_REPLIED, SPAN_LIT("\\Answered")},
    {MAILDIR_FLAGGED, SPAN_LIT("\\Flagged")},
    {MAILDIR_TRASHED, SPAN_LIT("\\Deleted")},
    {MAILDIR_SEEN, SPAN_LIT("\\Seen")},
    {MAILDIR_DRAFT, SPAN_LIT("\\Draft")},
    {MAILDIR_PASSED, SPAN_LIT("$Forwarded")},
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static const struct span forwarded = SPAN_LIT("$Forwarded");

static bool
take(struct msgflags *f, struct span name)
{
	for (size_t i = 0; i < NAMES; i++)
		if (span_eq_ci(names[i].name, name)) {
			f->bits |= names[i].bit;
			return true;
		}
	if (name.p[0] == '\\' || name.n > MAILDIR_KEYWORD_MAX ||
	    f->n == MSGFLAGS_MAX)
		return false;
	f->keywords[f->n++] = name;
	return true;
}

/* flag-keyword, or flag-extension with its backslash */
static bool
one(struct parse *p, struct msgflags *f)
{
	struct span from = p->rest, name;
	bool backslash = parse_char(p, '\\');

	if (!parse_atom(p, &name))
		return false;
	if (span_find(name, ']') < name.n)
		return false; /* it could not be told in a response code */
	return take(f, backslash ? span_head(from, name.n + 1) : name);
}

bool
msgflags_parse(struct parse *p, bool bare, struct msgflags *f)
{
	bool in_list = parse_char(p, '(');

	*f = (struct msgflags){0};
	if (!in_list && !bare)
		return false;
	if (in_list && parse_char(p, ')'))
		return true;
	do
		if (!one(p, f))
			return false;
	while (parse_char(p, ' '));
	return !in_list || parse_char(p, ')');
}

/*
 * The letter of $Forwarded, where another program has made it a keyword as
 * well as Maildir's P.
 */
static uint32_t
alias(const struct maildir_mailbox *m, struct span name)
{
	for (unsigned i = 0; i < MAILDIR_KEYWORDS; i++)
		if (m->state.keywords[i] != NULL &&
		    span_eq_ci(span_of(m->state.keywords[i]), name))
			return MAILDIR_KEYWORD(i);
	return 0;
}

enum rc
msgflags_bits(const struct msgflags *f, struct maildir_mailbox *m, bool make,
    uint32_t *bits, struct why *why)
{
	enum rc rc = RC_OK;

	*bits = f->bits;
	/* both are taken away; to set it one is enough */
	if ((f->bits & MAILDIR_PASSED) != 0 && !make)
		*bits |= alias(m, forwarded);
	for (size_t i = 0; i < f->n && rc == RC_OK; i++) {
		uint32_t bit;

		rc =
		    maildir_mailbox_keyword(m, f->keywords[i], make, &bit, why);
		if (rc == RC_OK && bit == 0 && make)
			rc = why_set(why, RC_PERM, "5.2.0",
			    "the mailbox has as many keywords as it can have");
		*bits |= bit;
	}
	return rc;
}

/* With a space behind each. */
static void
put_names(struct buf *b, const struct maildir_mailbox *m, uint32_t flags)
{
	uint32_t twice = alias(m, forwarded);

	if ((flags & twice) != 0)
		flags = (flags & ~twice) | MAILDIR_PASSED;
	for (size_t i = 0; i < NAMES; i++)
		if ((flags & names[i].bit) != 0) {
			buf_put_span(b, names[i].name);
			buf_putc(b, ' ');
		}
	for (unsigned i = 0; i < MAILDIR_KEYWORDS; i++)
		if ((flags & MAILDIR_KEYWORD(i)) != 0 &&
		    m->state.keywords[i] != NULL)
			buf_putf(b, "%s ", m->state.keywords[i]);
}

void
msgflags_put(
    struct buf *b, const struct maildir_mailbox *m, uint32_t flags, bool recent)
{
	size_t from;

	buf_putc(b, '(');
	from = b->n;
	put_names(b, m, flags);
	if (recent)
		buf_puts(b, "\\Recent ");
	if (b->n > from)
		b->n--;
	buf_putc(b, ')');
}

void
msgflags_put_known(struct buf *b, const struct maildir_mailbox *m)
{
	put_names(b, m, UINT32_MAX);
	b->n--;
}

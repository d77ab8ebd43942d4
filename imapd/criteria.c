/*
 * What a SEARCH asks for: see criteria.h.
 */
#include <stdlib.h>
#include <unicase.h>
#include <unistr.h>

#include "imapd/criteria.h"
#include "lib/base/mem.h"
#include "lib/maildir/flags.h"
#include "lib/base/banned.h"

#define TEXT_MAX ((size_t)1 << 18)

void
criteria_fold(struct buf *b, struct span text)
{
	while (text.n > 0) {
		ucs4_t c;
		uint8_t utf8[6];
		int n = u8_mbtouc(&c, (const uint8_t *)text.p, text.n);
		int put;

		text = span_from(text, n < 1 ? 1 : (size_t)n);
		c = c < 0x80 ? (c >= 'A' && c <= 'Z' ? c + 32 : c)
			     : uc_tolower(c);
		put = u8_uctomb(utf8, c, sizeof(utf8));
		if (put > 0)
			buf_put(b, utf8, (size_t)put);
	}
}

static size_t
add(struct criteria *c, enum key_kind kind)
{
	/* doubles at the powers of two */
	if ((c->n & (c->n - 1)) == 0)
		c->v =
		    mem_grow(c->v, (c->n == 0 ? 1 : c->n * 2) * sizeof(*c->v));
	c->v[c->n] = (struct key){.kind = kind};
	buf_init(&c->v[c->n].text, TEXT_MAX);
	return c->n++;
}

void
criteria_fini(struct criteria *c)
{
	for (size_t i = 0; i < c->n; i++)
		buf_fini(&c->v[i].text);
	free(c->v);
	*c = (struct criteria){.bad_charset = c->bad_charset};
}

static const struct {
	struct span name;
	uint32_t bits;
	bool want;
} flag_keys[] = {
    {SPAN_LIT("ANSWERED"), MAILDIR_REPLIED, true},
    {SPAN_LIT("DELETED"), MAILDIR_TRASHED, true},
    {SPAN_LIT("DRAFT"), MAILDIR_DRAFT, true},
    {SPAN_LIT("FLAGGED"), MAILDIR_FLAGGED, true},
    {SPAN_LIT("SEEN"), MAILDIR_SEEN, true},
    {SPAN_LIT("UNANSWERED"), MAILDIR_REPLIED, false},
    {SPAN_LIT("UNDELETED"), MAILDIR_TRASHED, false},
    {SPAN_LIT("UNDRAFT"), MAILDIR_DRAFT, false},
    {SPAN_LIT("UNFLAGGED"), MAILDIR_FLAGGED, false},
    {SPAN_LIT("UNSEEN"), MAILDIR_SEEN, false},
};

static const struct {
	struct span name;
	enum key_kind kind;
} date_keys[] = {
    {SPAN_LIT("BEFORE"), KEY_BEFORE},
    {SPAN_LIT("ON"), KEY_ON},
    {SPAN_LIT("SINCE"), KEY_SINCE},
    {SPAN_LIT("SENTBEFORE"), KEY_SENTBEFORE},
    {SPAN_LIT("SENTON"), KEY_SENTON},
    {SPAN_LIT("SENTSINCE"), KEY_SENTSINCE},
};

static const struct span header_keys[] = {
    SPAN_LIT("BCC"),
    SPAN_LIT("CC"),
    SPAN_LIT("FROM"),
    SPAN_LIT("SUBJECT"),
    SPAN_LIT("TO"),
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What came of looking for a key of one sort. */
enum found {
	NO,
	YES,
	WRONG
};

static enum found
take_flag(struct criteria *c, struct parse *p, size_t *key)
{
	struct span name;

	for (size_t i = 0; i < COUNT(flag_keys); i++)
		if (parse_word(p, flag_keys[i].name)) {
			*key = add(c, KEY_FLAGS);
			c->v[*key].bits = flag_keys[i].bits;
			c->v[*key].want = flag_keys[i].want;
			return YES;
		}
	if (parse_word(p, SPAN_LIT("RECENT"))) {
		*key = add(c, KEY_RECENT);
		c->v[*key].want = true;
		return YES;
	}
	if (parse_word(p, SPAN_LIT("OLD"))) {
		*key = add(c, KEY_RECENT);
		return YES;
	}
	*key = add(c, KEY_KEYWORD);
	c->v[*key].want = parse_word(p, SPAN_LIT("KEYWORD"));
	if (!c->v[*key].want && !parse_word(p, SPAN_LIT("UNKEYWORD"))) {
		c->n--;
		return NO;
	}
	if (!parse_char(p, ' ') || !parse_atom(p, &name))
		return WRONG;
	c->v[*key].name = name;
	return YES;
}

static enum found
take_date_or_size(struct criteria *c, struct parse *p, size_t *key)
{
	bool larger;

	for (size_t i = 0; i < COUNT(date_keys); i++)
		if (parse_word(p, date_keys[i].name)) {
			*key = add(c, date_keys[i].kind);
			c->v[*key].cost =
			    date_keys[i].kind >= KEY_SENTBEFORE ? 1 : 0;
			return parse_char(p, ' ') &&
				       parse_date(p, &c->v[*key].day)
				   ? YES
				   : WRONG;
		}
	larger = parse_word(p, SPAN_LIT("LARGER"));
	if (!larger && !parse_word(p, SPAN_LIT("SMALLER")))
		return NO;
	*key = add(c, larger ? KEY_LARGER : KEY_SMALLER);
	return parse_char(p, ' ') && parse_number64(p, &c->v[*key].size)
		   ? YES
		   : WRONG;
}

static enum found
take_string(struct criteria *c, struct parse *p, size_t key)
{
	struct span text;

	if (!parse_char(p, ' ') || !parse_astring(p, &text))
		return WRONG;
	criteria_fold(&c->v[key].text, text);
	return c->v[key].text.over ? WRONG : YES;
}

static enum found
take_text(struct criteria *c, struct parse *p, size_t *key)
{
	bool body;

	for (size_t i = 0; i < COUNT(header_keys); i++)
		if (parse_word(p, header_keys[i])) {
			*key = add(c, KEY_HEADER);
			c->v[*key].name = header_keys[i];
			c->v[*key].cost = 1;
			return take_string(c, p, *key);
		}
	if (parse_word(p, SPAN_LIT("HEADER"))) {
		*key = add(c, KEY_HEADER);
		c->v[*key].cost = 2;
		if (!parse_char(p, ' ') ||
		    !parse_astring(p, &c->v[*key].name) ||
		    c->v[*key].name.n == 0)
			return WRONG;
		return take_string(c, p, *key);
	}
	body = parse_word(p, SPAN_LIT("BODY"));
	if (!body && !parse_word(p, SPAN_LIT("TEXT")))
		return NO;
	*key = add(c, body ? KEY_BODY : KEY_TEXT);
	c->v[*key].cost = 2;
	return take_string(c, p, *key);
}

static bool take_key(
    struct criteria *c, struct parse *p, size_t *key, unsigned depth);

static void
adopt(struct criteria *c, size_t parent, size_t child)
{
	c->v[child].next = c->v[parent].child;
	c->v[parent].child = child;
	if (c->v[child].cost > c->v[parent].cost)
		c->v[parent].cost = c->v[child].cost;
}

/* Keys up to `end` (')' or, for the whole, the end of the text). */
static bool
take_keys(struct criteria *c, struct parse *p, size_t parent, unsigned depth)
{
	do {
		size_t key;

		if (!take_key(c, p, &key, depth))
			return false;
		adopt(c, parent, key);
	} while (parse_char(p, ' '));
	return true;
}

/* `n` keys as children of a new one */
static enum found
take_children(
    struct criteria *c, struct parse *p, size_t key, unsigned n, unsigned depth)
{
	while (n-- > 0) {
		size_t child;

		if (!parse_char(p, ' ') || !take_key(c, p, &child, depth))
			return WRONG;
		adopt(c, key, child);
	}
	return YES;
}

/* NEW is RECENT UNSEEN */
static void
take_new(struct criteria *c, size_t *key)
{
	size_t recent, unseen;

	*key = add(c, KEY_AND);
	recent = add(c, KEY_RECENT);
	c->v[recent].want = true;
	unseen = add(c, KEY_FLAGS);
	c->v[unseen].bits = MAILDIR_SEEN;
	adopt(c, *key, recent);
	adopt(c, *key, unseen);
}

static enum found
take_other(struct criteria *c, struct parse *p, size_t *key, unsigned depth)
{
	bool uid = parse_word(p, SPAN_LIT("UID"));

	if (uid || (parse_peek(p) >= '0' && parse_peek(p) <= '9') ||
	    parse_peek(p) == '*') {
		*key = add(c, uid ? KEY_UID : KEY_SET);
		return (!uid || parse_char(p, ' ')) &&
			       parse_set(p, &c->v[*key].name)
			   ? YES
			   : WRONG;
	}
	if (parse_char(p, '(')) {
		*key = add(c, KEY_AND);
		return take_keys(c, p, *key, depth) && parse_char(p, ')')
			   ? YES
			   : WRONG;
	}
	if (parse_word(p, SPAN_LIT("NOT"))) {
		*key = add(c, KEY_NOT);
		return take_children(c, p, *key, 1, depth);
	}
	if (parse_word(p, SPAN_LIT("OR"))) {
		*key = add(c, KEY_OR);
		return take_children(c, p, *key, 2, depth);
	}
	if (parse_word(p, SPAN_LIT("NEW"))) {
		take_new(c, key);
		return YES;
	}
	if (!parse_word(p, SPAN_LIT("ALL")))
		return NO;
	*key = add(c, KEY_ALL);
	return YES;
}

static bool
take_key(struct criteria *c, struct parse *p, size_t *key, unsigned depth)
{
	enum found found;

	if (depth > CRITERIA_DEPTH || c->n + 3 > CRITERIA_MAX)
		return false;
	found = take_other(c, p, key, depth + 1);
	if (found == NO)
		found = take_date_or_size(c, p, key);
	if (found == NO)
		found = take_text(c, p, key);
	if (found == NO)
		found = take_flag(c, p, key);
	return found == YES;
}

static bool
take_charset(struct criteria *c, struct parse *p)
{
	struct span name;

	if (!parse_word(p, SPAN_LIT("CHARSET")))
		return true;
	if (!parse_char(p, ' ') || !parse_astring(p, &name) ||
	    !parse_char(p, ' '))
		return false;
	c->bad_charset = !span_eq_ci(name, SPAN_LIT("UTF-8")) &&
			 !span_eq_ci(name, SPAN_LIT("US-ASCII"));
	return !c->bad_charset;
}

bool
criteria_parse(struct criteria *c, struct parse *p)
{
	*c = (struct criteria){0};
	if (!take_charset(c, p))
		return false;
	return take_keys(c, p, add(c, KEY_AND), 0) && parse_end(p);
}

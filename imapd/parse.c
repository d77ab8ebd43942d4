/*
 * Reading a command: see parse.h.
 */
#include <stdlib.h>

#include "imapd/parse.h"
#include "lib/base/mem.h"
#include "lib/base/num.h"
#include "lib/base/banned.h"

struct parse_piece {
	struct parse_piece *next;
	char text[];
};

void
parse_init(struct parse *p, struct span text)
{
	*p = (struct parse){.rest = text};
}

void
parse_fini(struct parse *p)
{
	struct parse_piece *piece;

	while ((piece = p->pieces) != NULL) {
		p->pieces = piece->next;
		free(piece);
	}
	p->rest = SPAN_NONE;
}

bool
parse_end(const struct parse *p)
{
	return p->rest.n == 0;
}

int
parse_peek(const struct parse *p)
{
	return span_at(p->rest, 0);
}

bool
parse_char(struct parse *p, char c)
{
	if (parse_peek(p) != (unsigned char)c)
		return false;
	p->rest = span_from(p->rest, 1);
	return true;
}

/* RFC 3501: CHAR without atom-specials; ']' where a table wants it. */
static bool
atom_char(int c)
{
	return c > 0x20 && c < 0x7f && strchr("(){%*\"\\", c) == NULL;
}

static bool
list_char(int c)
{
	return atom_char(c) || c == '%' || c == '*';
}

static bool
tag_char(int c)
{
	return atom_char(c) && c != '+';
}

static bool
run(struct parse *p, bool (*is)(int c), size_t max, struct span *out)
{
	size_t n = 0;

	while (n < p->rest.n && is((unsigned char)p->rest.p[n]))
		n++;
	if (n == 0 || n > max)
		return false;
	*out = span_head(p->rest, n);
	p->rest = span_from(p->rest, n);
	return true;
}

bool
parse_word(struct parse *p, struct span word)
{
	if (!span_starts_ci(p->rest, word) ||
	    atom_char(span_at(p->rest, word.n)))
		return false;
	p->rest = span_from(p->rest, word.n);
	return true;
}

bool
parse_tag(struct parse *p, struct span *tag)
{
	return run(p, tag_char, PARSE_TAG_MAX, tag);
}

bool
parse_atom(struct parse *p, struct span *atom)
{
	return run(p, atom_char, SIZE_MAX, atom);
}

static struct span
unescape(struct parse *p, struct span s)
{
	struct parse_piece *piece = mem_alloc(sizeof(*piece) + s.n);
	size_t n = 0;

	piece->next = p->pieces;
	p->pieces = piece;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		piece->text[n++] = s.p[i];
	}
	return span_make(piece->text, n);
}

static bool
quoted(struct parse *p, struct span *s)
{
	struct span rest = p->rest;
	bool escapes = false;
	size_t i = 1;

	while (i < rest.n && rest.p[i] != '"') {
		char c = rest.p[i];

		if (c == '\r' || c == '\n' || c == '\0')
			return false;
		if (c == '\\') {
			int next = span_at(rest, i + 1);

			if (next != '"' && next != '\\')
				return false;
			escapes = true;
			i++;
		}
		i++;
	}
	if (i >= rest.n)
		return false;
	*s = span_head(span_from(rest, 1), i - 1);
	if (i == 1)
		*s = SPAN_LIT("");
	p->rest = span_from(rest, i + 1);
	if (escapes)
		*s = unescape(p, *s);
	return true;
}

static bool
literal(struct parse *p, struct span *s)
{
	struct span head = p->rest, rest;
	size_t end = span_find(head, '\n');
	uint64_t n;

	if (end == head.n || end < 3 || head.p[end - 1] != '\r' ||
	    head.p[end - 2] != '}')
		return false;
	rest = span_from(head, end + 1);
	head = span_from(span_head(head, end - 2), 1);
	if (head.n > 0 && head.p[head.n - 1] == '+')
		head = span_head(head, head.n - 1);
	if (!num_u64_padded(head, &n) || n > rest.n)
		return false;
	/* RFC 3501 section 9, CHAR8 */
	if (memchr(rest.p == NULL ? "" : rest.p, '\0', (size_t)n) != NULL)
		return false;
	*s = n == 0 ? SPAN_LIT("") : span_head(rest, (size_t)n);
	p->rest = span_from(rest, (size_t)n);
	return true;
}

bool
parse_string(struct parse *p, struct span *s)
{
	switch (parse_peek(p)) {
	case '"':
		return quoted(p, s);
	case '{':
		return literal(p, s);
	default:
		return false;
	}
}

bool
parse_astring(struct parse *p, struct span *s)
{
	return parse_string(p, s) || parse_atom(p, s);
}

bool
parse_list_mailbox(struct parse *p, struct span *s)
{
	return parse_string(p, s) || run(p, list_char, SIZE_MAX, s);
}

static bool
digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool
number(struct parse *p, uint64_t min, uint64_t max, uint64_t *n)
{
	struct span before = p->rest, text;

	if (run(p, digit, 20, &text) && num_u64_padded(text, n) && *n >= min &&
	    *n <= max)
		return true;
	p->rest = before;
	return false;
}

bool
parse_number(struct parse *p, uint32_t *n)
{
	uint64_t wide;

	if (!number(p, 0, UINT32_MAX, &wide))
		return false;
	*n = (uint32_t)wide;
	return true;
}

bool
parse_nz_number(struct parse *p, uint32_t *n)
{
	uint64_t wide;

	if (!number(p, 1, UINT32_MAX, &wide))
		return false;
	*n = (uint32_t)wide;
	return true;
}

bool
parse_number64(struct parse *p, uint64_t *n)
{
	return number(p, 0, INT64_MAX, n);
}

static bool
set_number(struct parse *p)
{
	uint32_t n;

	return parse_char(p, '*') || parse_nz_number(p, &n);
}

bool
parse_set(struct parse *p, struct span *set)
{
	struct span from = p->rest;
	bool ok;

	do
		ok = set_number(p) && (!parse_char(p, ':') || set_number(p));
	while (ok && parse_char(p, ','));
	if (!ok) {
		p->rest = from;
		return false;
	}
	*set = span_head(from, from.n - p->rest.n);
	return true;
}

/* Days since 1970-01-01; the month counted from 1. */
static int64_t
days_of(int64_t year, int64_t month, int64_t day)
{
	static const int before[] = {
	    0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int64_t y = year - 1;
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return y * 365 + y / 4 - y / 100 + y / 400 - 719162 +
	       before[month - 1] + (leap && month > 2) + day - 1;
}

/* "Feb" to 2; 0: none */
static int64_t
month_of(struct span s)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (unsigned i = 0; i < 12; i++)
		if (span_eq_ci(s, span_make(names + 3 * (size_t)i, 3)))
			return (int64_t)i + 1;
	return 0;
}

/* day "-" month "-" year, of which `day` is read already */
static bool
month_and_year(struct parse *p, uint64_t day, int64_t *days)
{
	static const int lengths[] = {
	    31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t month;
	uint64_t year;
	struct span name;

	if (!parse_char(p, '-'))
		return false;
	name = span_head(p->rest, 3);
	month = month_of(name);
	p->rest = span_from(p->rest, 3);
	if (month == 0 || day < 1 || day > (uint64_t)lengths[month - 1] ||
	    !parse_char(p, '-') || !number(p, 1, 9999, &year))
		return false;
	*days = days_of((int64_t)year, month, (int64_t)day);
	return true;
}

bool
parse_date(struct parse *p, int64_t *days)
{
	struct span before = p->rest;
	bool in_quotes = parse_char(p, '"');
	uint64_t day;

	if (number(p, 1, 31, &day) && month_and_year(p, day, days) &&
	    (!in_quotes || parse_char(p, '"')))
		return true;
	p->rest = before;
	return false;
}

/* "15:04:05 +0700" */
static bool
clock_and_zone(struct parse *p, int64_t *seconds)
{
	uint64_t h, m, s, zone;
	bool east;

	if (!number(p, 0, 23, &h) || !parse_char(p, ':') ||
	    !number(p, 0, 59, &m) || !parse_char(p, ':') ||
	    !number(p, 0, 60, &s) || !parse_char(p, ' '))
		return false;
	east = parse_char(p, '+');
	if ((!east && !parse_char(p, '-')) || !number(p, 0, 9959, &zone))
		return false;
	*seconds = (int64_t)(h * 3600 + m * 60 + s);
	zone = zone / 100 * 3600 + zone % 100 * 60;
	*seconds += east ? -(int64_t)zone : (int64_t)zone;
	return true;
}

bool
parse_date_time(struct parse *p, int64_t *seconds)
{
	struct span before = p->rest;
	int64_t days;
	uint64_t day;

	if (parse_char(p, '"')) {
		/* date-day-fixed: a space may stand for the first digit */
		(void)parse_char(p, ' ');
		if (number(p, 1, 31, &day) && month_and_year(p, day, &days) &&
		    parse_char(p, ' ') && clock_and_zone(p, seconds) &&
		    parse_char(p, '"')) {
			*seconds += days * 86400;
			return true;
		}
	}
	p->rest = before;
	return false;
}

/*
 * Address literals: see literal.h. The addresses are read here and not by
 * inet_pton, which knows neither Snum's zeros nor that "::" stands for two
 * groups at least.
 */
#include <arpa/inet.h>

#include "lib/addr/literal.h"
#include "lib/base/banned.h"

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool
is_let_dig(int c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int
lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/* Snum is decimal whatever zeros are in front (RFC 5321 4.1.3). */
static bool
read_ipv4(struct span s, uint8_t out[4])
{
	size_t i = 0;

	for (size_t part = 0; part < 4; part++) {
		size_t start;
		int v = 0;

		if (part > 0 && span_at(s, i++) != '.')
			return false;
		start = i;
		while (is_digit(span_at(s, i)) && i - start < 3)
			v = v * 10 + s.p[i++] - '0';
		if (i == start || v > 255)
			return false;
		out[part] = (uint8_t)v;
	}
	return i == s.n;
}

struct ipv6 {
	uint8_t bytes[16];
	size_t n;   /* bytes read */
	size_t gap; /* where "::" stands, or NO_GAP */
};

#define NO_GAP 17

/* One to four hexadecimal digits; how many, or 0. */
static size_t
read_group(struct span s, struct ipv6 *a)
{
	unsigned v = 0;
	size_t i = 0;

	for (; i < 4; i++) {
		int c = lower(span_at(s, i));

		if (is_digit(c))
			v = v << 4 | (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (unsigned)(c - 'a' + 10);
		else
			break;
	}
	if (i == 0 || a->n > 14)
		return 0;
	a->bytes[a->n++] = (uint8_t)(v >> 8);
	a->bytes[a->n++] = (uint8_t)v;
	return i;
}

static bool
read_groups(struct span s, struct ipv6 *a)
{
	while (s.n > 0) {
		size_t used;

		if (span_find(s, ':') == s.n && span_find(s, '.') < s.n) {
			if (a->n > 12 || !read_ipv4(s, a->bytes + a->n))
				return false;
			a->n += 4;
			return true;
		}
		used = read_group(s, a);
		s = span_from(s, used);
		if (used == 0)
			return false;
		if (s.n == 0)
			return true;
		if (s.n == 1 || s.p[0] != ':')
			return false;
		s = span_from(s, 1);
		if (s.p[0] != ':')
			continue;
		if (a->gap != NO_GAP)
			return false;
		a->gap = a->n;
		s = span_from(s, 1);
	}
	return true;
}

static bool
read_ipv6(struct span s, uint8_t out[16])
{
	struct ipv6 a = {.gap = NO_GAP};

	if (span_starts(s, SPAN_LIT("::"))) {
		a.gap = 0;
		s = span_from(s, 2);
	}
	if (!read_groups(s, &a))
		return false;
	if (a.gap == NO_GAP) {
		memcpy(out, a.bytes, 16);
		return a.n == 16;
	}
	/* "::" stands for two groups at least */
	if (a.n > 12)
		return false;
	memset(out, 0, 16);
	memcpy(out, a.bytes, a.gap);
	memcpy(out + 16 - (a.n - a.gap), a.bytes + a.gap, a.n - a.gap);
	return true;
}

/* Standardized-tag is Ldh-str: hyphens anywhere but in the end. */
static bool
put_general(struct span tag, struct span rest, struct buf *box)
{
	for (size_t i = 0; i < tag.n; i++) {
		if (!is_let_dig(span_at(tag, i)) && tag.p[i] != '-')
			return false;
		(void)buf_putc(box, (char)lower(tag.p[i]));
	}
	(void)buf_putc(box, ':');
	(void)buf_put_span(box, rest);
	return tag.n > 0 && tag.p[tag.n - 1] != '-' && rest.n > 0;
}

bool
addr_literal(struct span s, struct buf *box)
{
	char text[INET6_ADDRSTRLEN];
	struct span tag, rest = s;
	uint8_t bytes[16];
	int family = AF_INET6;

	tag = span_cut(&rest, ':');
	if (read_ipv4(s, bytes))
		family = AF_INET;
	else if (!span_eq_ci(tag, SPAN_LIT("IPv6")))
		return put_general(tag, rest, box);
	else if (!read_ipv6(rest, bytes))
		return false;
	if (inet_ntop(family, bytes, text, sizeof(text)) == NULL)
		return false;
	if (family == AF_INET6)
		(void)buf_puts(box, "IPv6:");
	(void)buf_puts(box, text);
	return true;
}

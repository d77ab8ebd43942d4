/*
 * Borrowed text: see span.h. Pure; knows nothing of what the bytes mean.
 */
#include "lib/base/mem.h"
#include "lib/base/span.h"
#include "lib/base/banned.h"

static int
lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

bool
span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
span_eq_ci(struct span a, struct span b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool
span_starts(struct span s, struct span prefix)
{
	return s.n >= prefix.n && span_eq(span_head(s, prefix.n), prefix);
}

bool
span_starts_ci(struct span s, struct span prefix)
{
	return s.n >= prefix.n && span_eq_ci(span_head(s, prefix.n), prefix);
}

bool
span_is_ascii(struct span s)
{
	unsigned char all = 0;

	for (size_t i = 0; i < s.n; i++)
		all |= (unsigned char)s.p[i];
	return all < 0x80;
}

int
span_cmp(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (d != 0)
		return d;
	return a.n < b.n ? -1 : a.n > b.n;
}

size_t
span_find(struct span s, char c)
{
	const char *p = s.n == 0 ? NULL : memchr(s.p, c, s.n);

	return p == NULL ? s.n : (size_t)(p - s.p);
}

size_t
span_rfind(struct span s, char c)
{
	const char *p = s.n == 0 ? NULL : memrchr(s.p, c, s.n);

	return p == NULL ? s.n : (size_t)(p - s.p);
}

struct span
span_trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s.p++, s.n--;
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

struct span
span_cut(struct span *s, char c)
{
	size_t i = span_find(*s, c);
	struct span head = span_head(*s, i);

	if (i < s->n)
		*s = (struct span){s->p + i + 1, s->n - i - 1};
	else
		*s = SPAN_NONE;
	return head;
}

char *
span_dup(struct span s)
{
	char *p = mem_alloc(s.n + 1);

	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

bool
span_copy(struct span s, char *dst, size_t dst_size)
{
	dst[0] = '\0';
	if (s.n >= dst_size || span_find(s, '\0') < s.n)
		return false;
	if (s.n > 0)
		memcpy(dst, s.p, s.n);
	dst[s.n] = '\0';
	return true;
}

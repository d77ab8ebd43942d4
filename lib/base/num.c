/*
 * Strict numbers: see num.h.
 */
#include "lib/base/num.h"
#include "lib/base/banned.h"

struct unit {
	const char *name;
	uint64_t factor;
};

bool
num_u64_padded(struct span s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		uint64_t d = (uint64_t)((unsigned char)s.p[i]) - '0';

		if (d > 9 || v > (UINT64_MAX - d) / 10)
			return false;
		v = v * 10 + d;
	}
	*out = v;
	return true;
}

bool
num_u64(struct span s, uint64_t *out)
{
	if (s.n > 1 && s.p[0] == '0')
		return false;
	return num_u64_padded(s, out);
}

bool
num_range(struct span s, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t v;

	if (!num_u64(s, &v) || v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool
num_hex(struct span s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 16)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		uint64_t d;

		if (c >= '0' && c <= '9')
			d = (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			d = (uint64_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			d = (uint64_t)(c - 'A' + 10);
		else
			return false;
		v = v << 4 | d;
	}
	*out = v;
	return true;
}

static bool
with_unit(struct span s, const struct unit *units, uint64_t *out)
{
	size_t digits = 0;
	uint64_t v;

	while (digits < s.n && s.p[digits] >= '0' && s.p[digits] <= '9')
		digits++;
	if (!num_u64(span_head(s, digits), &v))
		return false;
	s = (struct span){s.p + digits, s.n - digits};
	for (const struct unit *u = units; u->name != NULL; u++) {
		if (!span_eq(s, span_of(u->name)))
			continue;
		/* factor 0: only a bare zero may go without its unit */
		if (u->factor == 0)
			return *out = 0, v == 0;
		if (v > UINT64_MAX / u->factor)
			return false;
		*out = v * u->factor;
		return true;
	}
	return false;
}

bool
num_duration(struct span s, uint64_t *ms)
{
	static const struct unit units[] = {
	    {"", 0},
	    {"ms", 1},
	    {"s", 1000},
	    {"m", 60000},
	    {"h", 3600000},
	    {"d", 86400000},
	    {"w", 604800000},
	    {NULL, 0},
	};

	return with_unit(s, units, ms);
}

bool
num_size(struct span s, uint64_t *bytes)
{
	static const struct unit units[] = {
	    {"", 1},
	    {"B", 1},
	    {"kB", 1024},
	    {"MB", 1048576},
	    {"GB", 1073741824},
	    {"TB", 1099511627776},
	    {NULL, 0},
	};

	return with_unit(s, units, bytes);
}

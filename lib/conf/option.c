/*
 * The table of options and looking things up in it: see option.h. Holds
 * constants only.
 */
#include "lib/conf/option.h"
#include "lib/base/banned.h"

/* what configure says; the usual places when nothing is said */
#ifdef LOCALSTATEDIR
#define CONF_STATE_DIR LOCALSTATEDIR
#else
#define CONF_STATE_DIR "/var"
#endif
#ifdef RUNSTATEDIR
#define CONF_RUN_DIR RUNSTATEDIR
#else
#define CONF_RUN_DIR "/run"
#endif

#define CONF_WORD(NAME, word) word " "

/* keys longer than this are not compared: ours are shorter */
#define NEAR_MAX 32

/* section of a row, by its lower-case name */
enum {
	IN_TOP,
#define TOP(...)
#define SECTION(NAME, name, help) IN_##name,
#define OPTION(...)
#define END(name)
#include "lib/conf/options.def"
#undef TOP
#undef SECTION
#undef OPTION
};

const struct conf_option conf_option_table[CONF_ID_COUNT] = {
#define TOP(key, TYPE, preset, low, high, help)                             \
	{CONF_SECTION_TOP, #key, #key, CONF_TYPE_##TYPE, preset, low, high, \
	    help, offsetof(struct conf, key)},
#define SECTION(NAME, name, help)
#define OPTION(in, key, TYPE, preset, low, high, help)                     \
	{(enum conf_section)IN_##in, #in "." #key, #key, CONF_TYPE_##TYPE, \
	    preset, low, high, help, offsetof(struct conf, in.key)},
#include "lib/conf/options.def"
#undef TOP
#undef SECTION
#undef OPTION
};

const struct conf_option_section conf_option_sections[CONF_SECTION_COUNT] = {
    {"", "This host"},
#define TOP(...)
#define SECTION(NAME, name, help) {#name, help},
#define OPTION(...)
#include "lib/conf/options.def"
#undef TOP
#undef SECTION
#undef OPTION
#undef END
};

int
conf_option_find(enum conf_section section, struct span key)
{
	for (int i = 0; i < CONF_ID_COUNT; i++)
		if (conf_option_table[i].section == section &&
		    span_eq(key, span_of(conf_option_table[i].key)))
			return i;
	return -1;
}

int
conf_option_find_section(struct span name)
{
	for (int i = CONF_SECTION_TOP + 1; i < CONF_SECTION_COUNT; i++)
		if (span_eq(name, span_of(conf_option_sections[i].name)))
			return i;
	return -1;
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int
lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c == '-' ? '_' : c;
}

/*
 * Insertions, deletions, changes and swaps of neighbours between two keys of
 * at most NEAR_MAX bytes; case and the kind of dash do not count.
 */
static size_t
distance(struct span a, struct span b)
{
	size_t d[NEAR_MAX + 1][NEAR_MAX + 1];

	for (size_t i = 0; i <= a.n; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= b.n; j++)
		d[0][j] = j;
	for (size_t k = 0; k < a.n * b.n; k++) {
		size_t i = k / b.n + 1, j = k % b.n + 1;
		int x = lower(span_at(a, i - 1)), y = lower(span_at(b, j - 1));

		d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
		    d[i - 1][j - 1] + (x != y));
		if (i > 1 && j > 1 && x == lower(span_at(b, j - 2)) &&
		    y == lower(span_at(a, i - 2)))
			d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
	}
	return d[a.n][b.n];
}

static void
nearer(struct span key, const char *name, const char **best, size_t *best_d)
{
	size_t d = distance(key, span_of(name));

	if (d < *best_d) {
		*best = name;
		*best_d = d;
	}
}

const char *
conf_option_nearest(enum conf_section section, struct span key)
{
	const char *best = NULL;
	/* plausible: a third of it may be wrong */
	size_t best_d = key.n / 3 + 1;

	if (key.n < 2 || key.n > NEAR_MAX)
		return NULL;
	for (int i = 0; i < CONF_ID_COUNT; i++)
		if (conf_option_table[i].section == section)
			nearer(key, conf_option_table[i].key, &best, &best_d);
	for (int i = CONF_SECTION_TOP + 1;
	     section == CONF_SECTION_TOP && i < CONF_SECTION_COUNT; i++)
		nearer(key, conf_option_sections[i].name, &best, &best_d);
	return best;
}

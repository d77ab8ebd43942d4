/*
 * Where everything in the file stands. This pass sees the YAML events, so it
 * finds each mistake of structure with its place; what the values mean is
 * not its business. Pure, fuzzed.
 */
#ifndef LIB_CONF_PLACES_H
#define LIB_CONF_PLACES_H

#include "lib/conf/option.h"
#include "lib/conf/report.h"

/* One option in the file. */
struct conf_places_option {
	bool seen; /* it is there */
	bool bad;  /* and was reported: its value is not to be used */
	struct conf_place key;
	struct conf_place value;
	struct conf_place *items; /* of a list */
	size_t n_items;
};

struct conf_places_section {
	bool seen;
	bool omit; /* nothing in it is to be used */
	struct conf_place key;
};

struct conf_places {
	struct conf_places_option options[CONF_ID_COUNT];
	struct conf_places_section sections[CONF_SECTION_COUNT];
	bool mapping; /* the file is one, so that it has options at all */
	bool broken;  /* no sense in reading it any further */
};

/*
 * Fill *places (zeroed by the caller, released with conf_places_fini) and add
 * what is wrong to *report.
 */
void conf_places_find(
    struct span text, struct conf_places *places, struct conf_report *report);
void conf_places_fini(struct conf_places *places);

#endif

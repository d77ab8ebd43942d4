/*
 * The rows of options.def as data, for the other files of this folder.
 */
#ifndef LIB_CONF_OPTION_H
#define LIB_CONF_OPTION_H

#include "lib/base/span.h"
#include "lib/conf/conf.h"

enum conf_type {
	CONF_TYPE_NUMBER,
	CONF_TYPE_SIZE,
	CONF_TYPE_DURATION,
	CONF_TYPE_BOOL,
	CONF_TYPE_CHOICE,
	CONF_TYPE_HOST,
	CONF_TYPE_ADDRESS,
	CONF_TYPE_TEXT,
	CONF_TYPE_PATH,
	CONF_TYPE_DOMAINS,
	CONF_TYPE_ENDPOINTS,
	CONF_TYPE_SERVERS,
	CONF_TYPE_STUBS,
	CONF_TYPE_NETWORKS,
	CONF_TYPE_DELIMITERS,
	CONF_TYPE_ALIAS_DOMAINS,
	CONF_TYPE_ROUTES,
	CONF_TYPE_PAIRS,
	CONF_TYPE_WAYS,
};

/* The index of each option, to name one in code. */
enum conf_id {
#define TOP(key, ...) CONF_ID_##key,
#define SECTION(NAME, name, help)
#define OPTION(section, key, ...) CONF_ID_##section##_##key,
#define END(name)
#include "lib/conf/options.def"
#undef TOP
#undef SECTION
#undef OPTION
#undef END
	CONF_ID_COUNT
};

struct conf_option {
	enum conf_section section;
	const char *path; /* "smtpd.max_sessions" */
	const char *key;  /* "max_sessions" */
	enum conf_type type;
	const char *preset; /* NULL: has to be given */
	const char *low;
	const char *high;
	const char *help;
	size_t offset; /* of its member in struct conf */
};

struct conf_option_section {
	const char *name; /* "" for the top level */
	const char *help;
};

extern const struct conf_option conf_option_table[CONF_ID_COUNT];
extern const struct conf_option_section
    conf_option_sections[CONF_SECTION_COUNT];

/* Index in its table of an option of that section, -1 when there is none. */
int conf_option_find(enum conf_section section, struct span key);
/* The same for a section (not the top level). */
int conf_option_find_section(struct span name);

/*
 * What the unknown key was probably meant to be, among what may stand in that
 * section; static; NULL when nothing is near.
 */
const char *conf_option_nearest(enum conf_section section, struct span key);

static inline bool
conf_option_is_list(const struct conf_option *o)
{
	return o->type == CONF_TYPE_DOMAINS || o->type == CONF_TYPE_ENDPOINTS ||
	       o->type == CONF_TYPE_SERVERS || o->type == CONF_TYPE_STUBS ||
	       o->type == CONF_TYPE_NETWORKS ||
	       o->type == CONF_TYPE_ALIAS_DOMAINS ||
	       o->type == CONF_TYPE_ROUTES || o->type == CONF_TYPE_PAIRS ||
	       o->type == CONF_TYPE_WAYS;
}

/* Text, so that an empty value differs from none. */
static inline bool
conf_option_is_text(const struct conf_option *o)
{
	return o->type == CONF_TYPE_HOST || o->type == CONF_TYPE_ADDRESS ||
	       o->type == CONF_TYPE_TEXT || o->type == CONF_TYPE_PATH ||
	       o->type == CONF_TYPE_DELIMITERS;
}

static inline void *
conf_option_field(const struct conf_option *o, struct conf *conf)
{
	return (char *)conf + o->offset;
}

static inline const void *
conf_option_peek(const struct conf_option *o, const struct conf *conf)
{
	return (const char *)conf + o->offset;
}

#endif

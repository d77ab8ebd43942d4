/*
 * One value: from text, strictly and within its row's bounds, and back.
 * Pure, fuzzed.
 */
#ifndef LIB_CONF_VALUE_H
#define LIB_CONF_VALUE_H

#include "lib/base/buf.h"
#include "lib/conf/option.h"

/* How numbers with a unit are written. */
enum conf_form {
	CONF_FORM_FILE, /* "5m", "25MB" */
	CONF_FORM_WIRE, /* ms, bytes */
};

/*
 * Only characters that may stand in a value: valid UTF-8, no control
 * characters, nothing that a YAML file could not show as it is.
 */
bool conf_value_clean(struct span text);

/*
 * Put what the text means into the option's member of conf; what was there is
 * released. A list gets one more item. False, with conf unchanged, when the
 * text is not what the row asks for.
 */
bool conf_value_set(const struct conf_option *o, enum conf_form form,
    struct span text, struct conf *conf);
/* The row's default into conf, which has none there yet. */
void conf_value_preset(const struct conf_option *o, struct conf *conf);
/* Release the option's member; it is empty afterwards. */
void conf_value_clear(const struct conf_option *o, struct conf *conf);

/*
 * "a number from 1 to 100000": what one value (one item of a list) has to be,
 * appended. `found` is what stood there instead: some get a hint.
 */
void conf_value_expected(
    const struct conf_option *o, struct span found, struct buf *out);
/* The same for all of a list: "a list of domain names". */
void conf_value_expected_list(const struct conf_option *o, struct buf *out);

/* Value (of a list: item i) as text, appended; true when it fits. */
bool conf_value_put(const struct conf_option *o, enum conf_form form,
    const struct conf *conf, size_t i, struct buf *out);
/* Number of items of a list; 1 for anything else. */
size_t conf_value_count(const struct conf_option *o, const struct conf *conf);

#endif

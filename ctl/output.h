/*
 * Rows of answers ("key=value key=value", values by enc_line), and JSON out
 * of them (RFC 8259).
 */
#ifndef CTL_OUTPUT_H
#define CTL_OUTPUT_H

#include "lib/base/buf.h"

#define OUTPUT_KEYS_MAX 64

struct output_pair {
	struct span key;
	char *value; /* decoded */
	size_t n;    /* its bytes: it may hold NUL */
};

struct output_row {
	char *text; /* what the keys point into */
	size_t n;
	struct output_pair pairs[OUTPUT_KEYS_MAX];
};

/* Take a row apart; pieces without '=' and more keys than fit are left out. */
void output_parse(struct output_row *row, struct span text);
void output_fini(struct output_row *row);
/* The value, or "" without such a key; borrowed. */
struct span output_get(const struct output_row *row, const char *key);
uint64_t output_number(const struct output_row *row, const char *key);

/* A JSON string with its quotes, appended; what is no UTF-8 becomes U+FFFD. */
void output_json_string(struct buf *b, struct span s);
/*
 * An object of the row's pairs without `kind`, appended. A value is a number
 * or true and false (of yes and no) where its key is in no list of `texts`,
 * names with spaces between; else a string.
 */
void output_json_row(
    struct buf *b, const struct output_row *row, const char *texts);
/* Text for a terminal: control characters become '?'. Appended. */
void output_plain(struct buf *b, struct span s);

#endif

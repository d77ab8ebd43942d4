/*
 * Reads a command's text from left to right by the grammar of RFC 3501 section
 * 9. Each function takes what it is named after and returns true, or takes
 * nothing and returns false. Spans that come out borrow from the text or, for
 * quoted strings with escapes, from the parse itself. Pure, fuzzed.
 */
#ifndef IMAPD_PARSE_H
#define IMAPD_PARSE_H

#include "lib/base/buf.h"

struct parse {
	struct span rest; /* not yet read */
	/* private: strings without their escapes */
	struct parse_piece *pieces;
};

/* The text is borrowed. */
void parse_init(struct parse *p, struct span text);
void parse_fini(struct parse *p);

bool parse_end(const struct parse *p);
/* The next byte; -1 at the end. */
int parse_peek(const struct parse *p);
/* Exactly this byte. */
bool parse_char(struct parse *p, char c);
/* This word, in any case, with no atom character behind it. */
bool parse_word(struct parse *p, struct span word);

/* tag: letters as RFC 3501 has them, 1 to PARSE_TAG_MAX. */
bool parse_tag(struct parse *p, struct span *tag);
#define PARSE_TAG_MAX 64
/* An atom; it may hold ']', as ASTRING-CHAR does. */
bool parse_atom(struct parse *p, struct span *atom);
/* A quoted string or a literal. */
bool parse_string(struct parse *p, struct span *s);
bool parse_astring(struct parse *p, struct span *s);
/* list-mailbox: an astring that may hold the wildcards '%' and '*'. */
bool parse_list_mailbox(struct parse *p, struct span *s);
/* number: 32 bits; nz_number: not 0. */
bool parse_number(struct parse *p, uint32_t *n);
bool parse_nz_number(struct parse *p, uint32_t *n);
/* number64 (RFC 9051): up to 2^63 - 1. */
bool parse_number64(struct parse *p, uint64_t *n);
/* sequence-set, checked, as it stands: "1:4,7,*" or "$" (not taken). */
bool parse_set(struct parse *p, struct span *set);
/*
 * date: "1-Feb-2026", in quotes or not: days since 1970-01-01 in the proleptic
 * Gregorian calendar.
 */
bool parse_date(struct parse *p, int64_t *days);
/* date-time in quotes: seconds since 1970. */
bool parse_date_time(struct parse *p, int64_t *seconds);

#endif

/*
 * The configuration, mailstead.yaml: one struct with a member for each row of
 * options.def. A struct conf is made by conf_load or conf_decode, whole and
 * checked, and does not change afterwards: every value in it is within its
 * row's bounds. Pure but for conf_load, fuzzed.
 */
#ifndef LIB_CONF_CONF_H
#define LIB_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/why.h"

/* the largest file, list and report that are taken or made */
#define CONF_FILE_MAX   1048576
#define CONF_LIST_MAX   10000
#define CONF_REPORT_MAX 100
/* of tls.more: each is two descriptors at each worker that serves TLS */
#define CONF_PAIRS_MAX 63

struct conf_list {
	char **v; /* n strings, then NULL; NULL itself when n is 0 */
	size_t n;
};

/* The words of each CHOICE; the value is the index of its word. */
/* in OpenSSL's order */
#define CONF_TLS_VERSIONS(W) \
	W(TLS_V1_0, "TLSv1") \
	W(TLS_V1_1, "TLSv1.1") W(TLS_V1_2, "TLSv1.2") W(TLS_V1_3, "TLSv1.3")
#define CONF_RESOLVER_MODES(W) \
	W(RESOLVER_RECURSIVE, "recursive") W(RESOLVER_FORWARD, "forward")
#define CONF_RELAY_TLS(W)                   \
	W(RELAY_TLS_NONE, "none")           \
	W(RELAY_TLS_MAY, "may")             \
	W(RELAY_TLS_DANE, "dane")           \
	W(RELAY_TLS_ENCRYPT, "encrypt")     \
	W(RELAY_TLS_DANE_ONLY, "dane-only") \
	W(RELAY_TLS_VERIFY, "verify") W(RELAY_TLS_IMPLICIT, "implicit")
#define CONF_SCRAMS(W) \
	W(SCRAM_NONE, "none") W(SCRAM_SHA_256, "sha-256") W(SCRAM_ALL, "all")
#define CONF_SENDER_RIGHTS(W)                 \
	W(SENDER_RIGHTS_NONE, "none")         \
	W(SENDER_RIGHTS_ENVELOPE, "envelope") \
	W(SENDER_RIGHTS_HEADER, "header")
#define CONF_AUDIENCES(W)        \
	W(AUDIENCE_NONE, "none") \
	W(AUDIENCE_USERS, "users") W(AUDIENCE_ALL, "all")
#define CONF_FORWARDS(W)                  \
	W(FORWARD_NONE, "none")           \
	W(FORWARD_ADDRESSES, "addresses") \
	W(FORWARD_ALL, "all")
#define CONF_LOG_LEVELS(W)        \
	W(LOG_ERROR, "error")     \
	W(LOG_WARNING, "warning") \
	W(LOG_NOTICE, "notice") W(LOG_INFO, "info") W(LOG_DEBUG, "debug")

#define CONF_CONSTANT(NAME, word) CONF_##NAME,
enum conf_tls_version {
	CONF_TLS_VERSIONS(CONF_CONSTANT)
};
enum conf_resolver_mode {
	CONF_RESOLVER_MODES(CONF_CONSTANT)
};
enum conf_relay_tls {
	CONF_RELAY_TLS(CONF_CONSTANT)
};
enum conf_scram {
	CONF_SCRAMS(CONF_CONSTANT)
};
enum conf_sender_rights {
	CONF_SENDER_RIGHTS(CONF_CONSTANT)
};
enum conf_audience {
	CONF_AUDIENCES(CONF_CONSTANT)
};
enum conf_forward {
	CONF_FORWARDS(CONF_CONSTANT)
};
enum conf_log_level {
	CONF_LOG_LEVELS(CONF_CONSTANT)
};
#undef CONF_CONSTANT

enum conf_section {
	CONF_SECTION_TOP,
#define TOP(...)
#define SECTION(NAME, name, help) CONF_SECTION_##NAME,
#define OPTION(...)
#define END(name)
#include "lib/conf/options.def"
#undef SECTION
	CONF_SECTION_COUNT
};

/* Bits that choose sections: CONF_TOP, CONF_PATHS, CONF_SMTPD ... */
enum conf_bits {
	CONF_TOP = 1 << CONF_SECTION_TOP,
#define SECTION(NAME, name, help) CONF_##NAME = 1 << CONF_SECTION_##NAME,
#include "lib/conf/options.def"
#undef TOP
#undef SECTION
#undef OPTION
#undef END
	CONF_ALL = (1 << CONF_SECTION_COUNT) - 1
};

/* Characters that may stand between a user and a detail. */
#define CONF_DELIMITERS "+-=_~!%"

/* The C type of each type of options.def. */
#define CONF_C_NUMBER        uint64_t
#define CONF_C_SIZE          uint64_t /* bytes */
#define CONF_C_DURATION      uint64_t /* milliseconds */
#define CONF_C_BOOL          bool
#define CONF_C_CHOICE        int
#define CONF_C_HOST          char *           /* LDH, lower case, <= 253 */
#define CONF_C_ADDRESS       char *           /* local@domain */
#define CONF_C_TEXT          char *           /* no control character */
#define CONF_C_PATH          char *           /* absolute */
#define CONF_C_DOMAINS       struct conf_list /* each as HOST */
#define CONF_C_ENDPOINTS     struct conf_list /* for conf_endpoint_parse */
#define CONF_C_SERVERS       struct conf_list /* the same, without `*` and port 0 */
#define CONF_C_STUBS         struct conf_list /* domain=server */
#define CONF_C_NETWORKS      struct conf_list /* for network_parse */
#define CONF_C_DELIMITERS    char * /* of CONF_DELIMITERS, each once */
#define CONF_C_ALIAS_DOMAINS struct conf_list /* domain=domain */
#define CONF_C_ROUTES        struct conf_list /* domain, domain=host:port */
#define CONF_C_PAIRS         struct conf_list /* certificate=key, as PATHs */
#define CONF_C_WAYS          struct conf_list /* for conf_way_parse */

/*
 * conf->hostname, conf->smtpd.max_sessions and so on. `sections` says which
 * are there: all after conf_load; after conf_decode those that were sent, and
 * the others are zero. Strings are never NULL in a section that is there.
 */
struct conf {
	uint32_t sections;
#define TOP(key, TYPE, ...)             CONF_C_##TYPE key;
#define SECTION(NAME, name, help)       struct {
#define OPTION(section, key, TYPE, ...) CONF_C_##TYPE key;
#define END(name) \
	}         \
	name;
#include "lib/conf/options.def"
#undef TOP
#undef SECTION
#undef OPTION
#undef END
};

/*
 * Read and check the file behind fd, which stays the caller's. `name` is what
 * reports call it. RC_OK: *out is owned by the caller. RC_PERM: the file has
 * mistakes; RC_TEMP: it cannot be read. Then *out is NULL and `errors` has a
 * line for each mistake behind it, in the order of the file, like
 *   mailstead.yaml:12:7: smtpd.max_sessions: expected a number from 1 to
 *   100000, found "many"
 * (on one line) with line and column of the value, or of an unknown key. At
 * most CONF_REPORT_MAX of them, then one that counts the rest.
 */
enum rc conf_load(
    int fd, const char *name, struct conf **out, struct buf *errors);

/* The same from memory; never RC_TEMP. */
enum rc conf_load_text(
    struct span text, const char *name, struct conf **out, struct buf *errors);

void conf_free(struct conf **conf);

/*
 * The chosen sections (CONF_x bits, each present in conf) as canonical text,
 * a line for each option, appended: "smtpd.max_sessions=1000\n". Durations are
 * in ms, sizes in bytes, text goes through enc_line, list items are separated
 * by one space. False, with out->over set, when it does not fit.
 */
bool conf_encode(const struct conf *conf, uint32_t sections, struct buf *out);

/*
 * The inverse: takes what conf_encode makes of whole sections and nothing
 * else, RC_PERM (*out NULL) for any other text. *out is owned by the caller.
 */
enum rc conf_decode(struct span text, struct conf **out, struct why *why);

/*
 * The sections that are there as a file for people: every option with its
 * help and bounds as a comment, appended. When all are there it loads back to
 * the same configuration. False, with out->over set, when it does not fit.
 */
bool conf_dump(const struct conf *conf, struct buf *out);

#endif

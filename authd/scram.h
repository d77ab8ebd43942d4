/*
 * SCRAM, the server's side: RFC 5802, RFC 7677; channel binding tls-exporter,
 * RFC 9266. The messages of one exchange, and what is kept of a password for
 * it. Pure, fuzzed.
 */
#ifndef AUTHD_SCRAM_H
#define AUTHD_SCRAM_H

#include "lib/base/buf.h"
#include "lib/base/why.h"

/*
 * How often a password is hashed: each client does so at each log-in, whoever
 * has stolen a verifier for each guess. RFC 7677 wants 4,096 or more; Cyrus
 * SASL 2.1.28 refuses more than 65,536.
 */
#define SCRAM_ITERATIONS 60000
#define SCRAM_KEY_MAX    32
#define SCRAM_SALT       16
#define SCRAM_SALT_MAX   64
#define SCRAM_NONCE_MAX  512 /* bytes of a client's */
#define SCRAM_TEXT_MAX   384 /* of a verifier */

enum scram_hash {
	SCRAM_SHA_256,
	SCRAM_SHA_1,
	SCRAM_HASHES
};

/* What is kept instead of a password. */
struct scram_verifier {
	uint32_t iterations;
	size_t salt_n;
	unsigned char salt[SCRAM_SALT_MAX];
	unsigned char stored_key[SCRAM_KEY_MAX]; /* of the hash's length */
	unsigned char server_key[SCRAM_KEY_MAX]; /* likewise */
};

/*
 * "SCRAM-SHA-256", ...; with "-PLUS" the client binds the exchange to its TLS
 * connection. False: none of these.
 */
bool scram_mechanism(struct span name, enum scram_hash *hash, bool *plus);

/*
 * The keys of a password (SASLprep, RFC 4013) with v's salt and iterations;
 * slow. False: the password may not be used, or memory is short.
 */
bool scram_verifier_make(
    enum scram_hash hash, struct span password, struct scram_verifier *v);
/* "SCRAM-SHA-256$60000:salt$StoredKey:ServerKey", RFC 5803; appended. */
bool scram_verifier_put(
    struct buf *out, enum scram_hash hash, const struct scram_verifier *v);
/* Its inverse. False: none of this hash. */
bool scram_verifier_parse(
    struct span text, enum scram_hash hash, struct scram_verifier *v);
/* A verifier like others, with this salt, that no proof fits. */
void scram_verifier_none(struct span salt, struct scram_verifier *v);

/* What the front knows about the connection. */
struct scram_channel {
	bool plus;           /* the mechanism is a -PLUS */
	bool plus_offered;   /* such mechanisms are offered on it */
	struct span binding; /* of tls-exporter; empty: it has none */
};

/* One exchange; zero before the first call. */
struct scram {
	enum scram_hash hash;
	char *login; /* as the client says it, decoded */
	size_t login_n;
	char *authzid; /* likewise; "" for none */
	size_t authzid_n;
	struct buf bound; /* GS2 header and binding: what c= has to be */
	struct buf said;  /* client-first-bare, then server-first behind it */
	struct buf nonce; /* the client's, then both */
	struct scram_verifier v;
};

/*
 * The client's first message. RC_OK: login and authzid are known. RC_PERM:
 * malformed, longer than a login can be, or the binding is not as it has to be
 * (`why` says so; login is known then). Either way scram_fini() is due.
 */
enum rc scram_first(struct scram *s, enum scram_hash hash,
    const struct scram_channel *channel, struct span message, struct why *why);
/*
 * The server's first message, appended to out. `nonce`: printable, without a
 * comma, and new each time.
 */
bool scram_challenge(struct scram *s, const struct scram_verifier *v,
    struct span nonce, struct buf *out);
/*
 * The client's last message: does the proof fit? Then the server's last one is
 * appended to out. In time that does not depend on the verifier.
 */
bool scram_final(struct scram *s, struct span message, struct buf *out);
/* Release and wipe. */
void scram_fini(struct scram *s);

#endif

/*
 * One line of the accounts file, which authd writes and the directory is
 * compiled from:
 *
 *   login hash [name=...] [state=...] [scram=...] [app=...]
 *
 * with one space between fields. login: the mailbox, through enc_line; hash:
 * crypt(3) text, or "!" for nobody logs in; name: display name, through
 * enc_line; state: reserved, any enc_line text; scram: of the same password,
 * as RFC 5803 writes it, one a mechanism; app: an application password, as
 * authd/app.h has it, each another one. The line end is not part of it. Pure,
 * fuzzed.
 */
#ifndef LIB_DIRECTORY_ACCOUNT_H
#define LIB_DIRECTORY_ACCOUNT_H

#include "lib/base/buf.h"
#include "lib/base/why.h"

#define ACCOUNT_HASH_MAX  384 /* bytes; crypt(3)'s own bound */
#define ACCOUNT_NAME_MAX  256
#define ACCOUNT_STATE_MAX 64
#define ACCOUNT_SCRAM_MAX 4  /* mechanisms */
#define ACCOUNT_APP_MAX   16 /* application passwords */

struct account {
	struct buf login; /* canonical mailbox, as addr_mailbox gives it */
	struct span hash; /* secret; borrowed, opaque */
	struct span scram[ACCOUNT_SCRAM_MAX]; /* the same */
	size_t n_scram;
	struct span app[ACCOUNT_APP_MAX]; /* the same */
	size_t n_app;
	struct buf name;  /* no control characters; "": none */
	struct buf state; /* the same */
};

void account_init(struct account *a);
void account_fini(struct account *a);

/* Is this line of the file empty or a comment, and no account? */
bool account_is_comment(struct span line);

/*
 * Take one line apart; *out has been initialised and its fields are replaced.
 * The hash points into `line`. RC_PERM 5.3.5 when it is no account: what *out
 * holds then is of no use. The reason never shows what stands in the line.
 */
enum rc account_parse(struct span line, struct account *out, struct why *why);

/*
 * The canonical line of `a`, appended. False, with nothing added, when it does
 * not fit. account_parse takes what this makes, provided that a is what it
 * says above.
 */
bool account_format(struct buf *out, const struct account *a);

#endif

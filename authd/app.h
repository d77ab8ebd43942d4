/*
 * Application passwords: further passwords of an account, each for one program
 * or device, with a name by which it can be taken back, and for some services
 * only. They are made here and never chosen, so a fast digest of them is
 * enough: nobody tries 2^100. Pure but for the random bytes; fuzzed.
 */
#ifndef AUTHD_APP_H
#define AUTHD_APP_H

#include "authd/service.h"
#include "lib/base/why.h"

#define APP_NAME_MAX 64 /* bytes */
#define APP_SECRET   20 /* characters of 5 bits */
#define APP_SHOWN    (APP_SECRET + APP_SECRET / 4 - 1)
#define APP_MADE     10 /* 2026-11-28 */
#define APP_SALT     16
#define APP_DIGEST   32
#define APP_TEXT_MAX 384 /* of a field of the accounts file */

/* What is kept of one. */
struct app {
	char name[APP_NAME_MAX + 1];
	unsigned services; /* a set, see service.h */
	char made[APP_MADE + 1];
	unsigned char salt[APP_SALT];
	unsigned char digest[APP_DIGEST];
};

/*
 * A new one of that name, for those services, made now (UTC); `shown` gets the
 * password as people are shown it: groups of four letters and digits. RC_PERM
 * 5.3.5: the name is empty, too long, or has a ':' or a control character.
 */
enum rc app_make(struct app *app, struct span name, unsigned services,
    char shown[APP_SHOWN + 1], struct why *why);

/* Is this its password? Case, spaces and '-' make no difference, and letters
 * that look like digits are taken for these. In time that does not depend on
 * what is kept. */
bool app_fits(const struct app *app, struct span password);

/* "NAME:imap,smtp:2026-11-28:SALT:DIGEST" (name by enc_line, the last two by
 * enc_base64); appended. */
bool app_put(struct buf *out, const struct app *app);
/* Its inverse. False: malformed. */
bool app_parse(struct span text, struct app *app);

#endif

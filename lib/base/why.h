/*
 * Results and reasons. A callee that fails fills the caller's struct why once;
 * it then travels unchanged to the log, the SMTP reply and the bounce.
 */
#ifndef LIB_BASE_WHY_H
#define LIB_BASE_WHY_H

enum rc {
	RC_OK,
	RC_WAIT, /* started; the callback will run */
	RC_TEMP, /* failed now, may work later: 4yz */
	RC_PERM, /* failed for good: 5yz */
};

#define WHY_STATUS_MAX 12
#define WHY_TEXT_MAX   320

/* RFC 3463 enhanced status ("4.3.0") and one line of printable text. */
struct why {
	enum rc rc;
	char status[WHY_STATUS_MAX];
	char text[WHY_TEXT_MAX];
};

/*
 * Fill `why` (may be NULL: then only `rc` is returned). Text longer than
 * WHY_TEXT_MAX - 1 is cut; bytes outside 0x20..0x7e become '?'. Returns rc.
 */
enum rc why_set(struct why *why, enum rc rc, const char *status,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The same, with ": " and the text of errno (as on entry) behind it. */
enum rc why_sys(struct why *why, enum rc rc, const char *status,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* "ok", "wait", "temp", "perm": for logs. Static. */
const char *why_rc_name(enum rc rc);

#endif

/*
 * What a sender asks about notices, as parameters of MAIL and RCPT: NOTIFY,
 * ORCPT, RET and ENVID, RFC 3461 section 4; and xtext, in which two of them
 * are written. Pure, fuzzed.
 */
#ifndef LIB_ADDR_DSN_H
#define LIB_ADDR_DSN_H

#include "lib/base/buf.h"

/* RFC 3461 5.4: longer ones are refused. */
#define ADDR_DSN_ENVID_MAX 100
#define ADDR_DSN_ORCPT_MAX 500

/* NOTIFY: when the sender wants to hear of a recipient. Bits. */
enum addr_dsn_notify {
	ADDR_DSN_UNSAID = 0, /* of failures and, perhaps, of delays */
	ADDR_DSN_SUCCESS = 1,
	ADDR_DSN_FAILURE = 2,
	ADDR_DSN_DELAY = 4,
	ADDR_DSN_NEVER = 8, /* stands alone */
};

/* RET: what of the message comes back with a failure. */
enum addr_dsn_ret {
	ADDR_DSN_RET_UNSAID,
	ADDR_DSN_RET_FULL,
	ADDR_DSN_RET_HDRS,
	ADDR_DSN_RET_COUNT,
};

/* "SUCCESS,DELAY" in any case and order; false, with *notify unchanged. */
bool addr_dsn_notify(struct span text, uint8_t *notify);
/* May it stand in an envelope? */
bool addr_dsn_notify_ok(unsigned notify);
/* The same in RFC 3461's words; nothing of UNSAID. */
void addr_dsn_put_notify(struct buf *b, unsigned notify);

/* "FULL", "HDRS"; false, with *ret unchanged. */
bool addr_dsn_ret(struct span text, uint8_t *ret);
/* The word, "" of UNSAID: static. */
const char *addr_dsn_ret_text(unsigned ret);

/*
 * ENVID's value, "addr-type;address" of ORCPT: xtext of printable ASCII. It
 * is appended as it is to be passed on: unchanged, but hexadecimal digits are
 * capitals, and letters beyond ASCII in an address of type utf-8 become
 * "\x{E9}" (RFC 6533 3), so that it can go by servers that know ASCII only.
 * False: it is none, or longer than its maximum; *b is as before.
 */
bool addr_dsn_envid(struct buf *b, struct span text);
bool addr_dsn_orcpt(struct buf *b, struct span text);

/* Any text as xtext, appended. */
void addr_dsn_put_xtext(struct buf *b, struct span plain);

/*
 * What xtext stands for (RFC 3461 4), appended; what is none is appended as it
 * is.
 */
void addr_dsn_put_plain(struct buf *b, struct span xtext);

/*
 * An address of type utf-8 (RFC 6533 3) as "\x{E9}" where it is beyond ASCII,
 * or what that stands for; appended. What is neither goes as it is.
 */
void addr_dsn_put_embedded(struct buf *b, struct span utf8);
void addr_dsn_put_unembedded(struct buf *b, struct span text);

#endif

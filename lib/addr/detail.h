/*
 * "user+detail" (RFC 5233): a local part whose end is the user's own affair.
 * Which characters may stand between is a setting, "" for none; neither '"'
 * nor '\\' is one of them. Pure, fuzzed.
 */
#ifndef LIB_ADDR_DETAIL_H
#define LIB_ADDR_DETAIL_H

#include "lib/base/buf.h"

/*
 * The bases of a canonical local part, longest first: "a-b+c" with "+-" has
 * "a-b", then "a". *at is SIZE_MAX before the first and is moved on. Each is
 * canonical (no longer quoted where it need not be) and replaces what is in
 * `base`. False when there is none left.
 */
bool addr_detail_base(
    struct span local, const char *delimiters, size_t *at, struct buf *base);

/*
 * Is `mailbox` (canonical) `account` with a detail? The account is a canonical
 * mailbox, or a name without '@'; letters compare without case, and the domain
 * does not count. Then the account's address with that detail is appended, at
 * the account's domain, or at the mailbox's where it has none. False also when
 * it does not fit.
 */
bool addr_detail_of(struct span mailbox, struct span account,
    const char *delimiters, struct buf *out);

#endif

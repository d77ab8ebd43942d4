/*
 * Addresses beyond ASCII, RFC 6531: which text they may be of, how their
 * domains are written for programs that know ASCII only, and how local parts
 * of our own mailboxes compare. Pure, fuzzed with path.h.
 */
#ifndef LIB_ADDR_BEYOND_H
#define LIB_ADDR_BEYOND_H

#include "lib/base/buf.h"

/*
 * Well-formed UTF-8 (RFC 3629) without control characters beyond ASCII (U+0080
 * to U+009F), line and paragraph separators, which would end a line somewhere.
 * ASCII is not looked at.
 */
bool addr_beyond_ok(struct span text);

/*
 * The domain with A-labels in place of U-labels (RFC 5891), all letters small:
 * "Bücher.example" is "xn--bcher-kva.example". What is ASCII is only made
 * small. False, with *out as before: it is no domain (IDNA2008), or does not
 * fit. Whether it is a host name is not looked at.
 */
bool addr_beyond_domain(struct span domain, struct buf *out);

/*
 * An address as a user writes it, its domain with A-labels: what stands behind
 * the last '@', if that is a domain; anything else is appended as it is.
 */
void addr_beyond_written(struct span address, struct buf *out);

/*
 * As which key a local part of ours is looked up: letters small, and in one
 * normal form (NFC) where it is not ASCII. Text that is not UTF-8 is only made
 * small. Appended; false, with *out as before, when it does not fit.
 */
bool addr_beyond_fold(struct span local, struct buf *out);

#endif

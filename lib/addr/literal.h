/*
 * Address literals, RFC 5321 4.1.3. Private to lib/addr. Pure, fuzzed.
 */
#ifndef LIB_ADDR_LITERAL_H
#define LIB_ADDR_LITERAL_H

#include "lib/base/buf.h"

/*
 * Append what stands between the brackets canonically: "192.0.2.1",
 * "IPv6:2001:db8::1" (RFC 5952), or a general literal with its tag in lower
 * case. `s` holds only 0x21 to 0x7e. False when it is none of these; what
 * has been appended then is of no use.
 */
bool addr_literal(struct span s, struct buf *box);

#endif

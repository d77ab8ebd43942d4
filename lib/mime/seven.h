/*
 * A message for a server that takes seven bits only (RFC 6152 3): each part
 * with octets beyond ASCII in it gets an encoding and says so, all others stay
 * as they are, to the octet; what has parts says 8bit no more. Of parts that
 * say quoted-printable or base64 and hold such octets all the same these are
 * encoded, and left out. Header fields are not changed; in a preamble or
 * epilogue, which nobody reads, such octets become '?'. Pure, fuzzed.
 */
#ifndef LIB_MIME_SEVEN_H
#define LIB_MIME_SEVEN_H

#include <stdint.h>

#include "lib/base/why.h"
#include "lib/mime/source.h"

/* Takes the next octets; false: it cannot take any more, errno says why. */
typedef bool mime_seven_write(void *ctx, struct span text);

/*
 * Write `size` bytes of the source, whose lines end with CRLF. RC_TEMP: it
 * cannot be read, or written. RC_PERM 5.6.3: a part cannot be encoded (it is
 * of an encoding that nobody knows, or of a type that allows none); what was
 * written is of no use then.
 */
enum rc mime_seven(const struct mime_source *source, uint64_t size,
    mime_seven_write *write, void *ctx, struct why *why);

#endif

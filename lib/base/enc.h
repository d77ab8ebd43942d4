/*
 * Text encodings of bytes. Pure, fuzzed.
 */
#ifndef LIB_BASE_ENC_H
#define LIB_BASE_ENC_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"

/* RFC 4648 section 4, padded, no line breaks; appended. */
bool enc_base64(struct buf *b, struct span s);
/*
 * Strict inverse: padded, no white space, unused bits zero. False (with *b as
 * before) on anything else or when it does not fit.
 */
bool enc_unbase64(struct buf *b, struct span s);
/* Lower-case hexadecimal, appended. */
bool enc_hex(struct buf *b, struct span s);
/*
 * Percent encoding for one-line text files: every byte outside 0x21..0x7e and
 * each of `%<>="` becomes %XX; appended. Reversible; the result has no space.
 */
bool enc_line(struct buf *b, struct span s);
/* Inverse of enc_line; takes any %XX. False (with *b as before) if malformed.
 */
bool enc_unline(struct buf *b, struct span s);
/* CRC-32C (Castagnoli) of more bytes; start with 0. */
uint32_t enc_crc32c(uint32_t crc, const void *data, size_t n);

#endif

/*
 * Text encodings of bytes: see enc.h.
 */
#include <pthread.h>

#include "lib/base/enc.h"
#include "lib/base/banned.h"

static const char b64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex[] = "0123456789abcdef";

bool
enc_base64(struct buf *b, struct span s)
{
	char *to = buf_reserve(b, (s.n + 2) / 3 * 4);
	size_t n = 0;

	if (to == NULL)
		return false;
	for (size_t i = 0; i < s.n; i += 3) {
		uint32_t v = (uint32_t)span_at(s, i) << 16;

		if (i + 1 < s.n)
			v |= (uint32_t)span_at(s, i + 1) << 8;
		if (i + 2 < s.n)
			v |= (uint32_t)span_at(s, i + 2);
		to[n++] = b64[v >> 18 & 63];
		to[n++] = b64[v >> 12 & 63];
		to[n++] = i + 1 < s.n ? b64[v >> 6 & 63] : '=';
		to[n++] = i + 2 < s.n ? b64[v & 63] : '=';
	}
	b->n += n;
	return true;
}

static int
b64_value(int c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool
enc_unbase64(struct buf *b, struct span s)
{
	size_t before = b->n, pad = 0;

	if (s.n % 4 != 0)
		return false;
	while (pad < 2 && pad < s.n && s.p[s.n - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < s.n; i += 4) {
		size_t here = i + 4 == s.n ? 4 - pad : 4;
		uint32_t v = 0;
		char out[3];

		for (size_t j = 0; j < 4; j++) {
			int d = j < here ? b64_value(span_at(s, i + j)) : 0;

			if (d < 0)
				goto bad;
			v = v << 6 | (uint32_t)d;
		}
		out[0] = (char)(v >> 16);
		out[1] = (char)(v >> 8);
		out[2] = (char)v;
		if ((here < 4 && out[2] != 0) || (here < 3 && out[1] != 0))
			goto bad;
		if (!buf_put(b, out, here - 1))
			goto bad;
	}
	return true;
bad:
	b->n = before;
	return false;
}

bool
enc_hex(struct buf *b, struct span s)
{
	char *to = buf_reserve(b, s.n * 2);

	if (to == NULL)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		*to++ = hex[(unsigned char)s.p[i] >> 4];
		*to++ = hex[(unsigned char)s.p[i] & 15];
	}
	b->n += s.n * 2;
	return true;
}

static bool
line_plain(unsigned char c)
{
	return c > 0x20 && c < 0x7f && c != '%' && c != '<' && c != '>' &&
	       c != '=' && c != '"';
}

bool
enc_line(struct buf *b, struct span s)
{
	size_t before = b->n;

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char out[3] = {'%', hex[c >> 4], hex[c & 15]};

		if (line_plain(c) ? !buf_putc(b, (char)c)
				  : !buf_put(b, out, 3)) {
			b->n = before;
			return false;
		}
	}
	return true;
}

static int
hex_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
enc_unline(struct buf *b, struct span s)
{
	size_t before = b->n;

	for (size_t i = 0; i < s.n; i++) {
		int hi, lo, c = span_at(s, i);

		if (c == '%') {
			hi = hex_value(span_at(s, i + 1));
			lo = hex_value(span_at(s, i + 2));
			if (hi < 0 || lo < 0)
				goto bad;
			c = hi << 4 | lo;
			i += 2;
		}
		if (!buf_putc(b, (char)c))
			goto bad;
	}
	return true;
bad:
	b->n = before;
	return false;
}

static uint32_t crc_table[8][256];

static void
crc_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78U : c >> 1;
		crc_table[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			crc_table[k][i] =
			    crc_table[k - 1][i] >> 8 ^
			    crc_table[0][crc_table[k - 1][i] & 255];
}

uint32_t
enc_crc32c(uint32_t crc, const void *data, size_t n)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const unsigned char *p = data;

	(void)pthread_once(&once, crc_init); /* fails only on a bad argument */
	crc = ~crc;
	for (; n >= 8; n -= 8, p += 8) {
		uint32_t lo =
		    crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 |
			      (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);

		crc = crc_table[7][lo & 255] ^ crc_table[6][lo >> 8 & 255] ^
		      crc_table[5][lo >> 16 & 255] ^ crc_table[4][lo >> 24] ^
		      crc_table[3][p[4]] ^ crc_table[2][p[5]] ^
		      crc_table[1][p[6]] ^ crc_table[0][p[7]];
	}
	for (; n > 0; n--, p++)
		crc = crc >> 8 ^ crc_table[0][(crc ^ *p) & 255];
	return ~crc;
}

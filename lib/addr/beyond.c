/*
 * Addresses beyond ASCII: see beyond.h. libunistring and libidn2 have the
 * tables; ASCII, which is nearly everything, does not ask them.
 */
#include <idn2.h>
#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "lib/addr/beyond.h"
#include "lib/base/banned.h"

bool
addr_beyond_ok(struct span text)
{
	const uint8_t *p = (const uint8_t *)text.p;
	size_t i = span_is_ascii(text) ? text.n : 0;

	while (i < text.n) {
		ucs4_t c;
		int n = u8_mbtoucr(&c, p + i, text.n - i);

		if (n <= 0 || (c >= 0x80 && c < 0xa0) || c == 0x2028 ||
		    c == 0x2029)
			return false;
		i += (size_t)n;
	}
	return true;
}

static bool
put_small(struct span s, struct buf *out)
{
	size_t at = out->n;

	if (!buf_put_span(out, s))
		return false;
	for (; at < out->n; at++)
		if (out->p[at] >= 'A' && out->p[at] <= 'Z')
			out->p[at] = (char)(out->p[at] + ('a' - 'A'));
	return true;
}

bool
addr_beyond_domain(struct span domain, struct buf *out)
{
	uint8_t *ascii = NULL;
	char *text;
	bool ok;

	if (span_is_ascii(domain))
		return put_small(domain, out);
	text = span_dup(domain);
	ok = strlen(text) == domain.n &&
	     idn2_lookup_u8((const uint8_t *)text, &ascii,
		 IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL |
		     IDN2_USE_STD3_ASCII_RULES) == IDN2_OK &&
	     put_small(span_of((const char *)ascii), out);
	idn2_free(ascii);
	free(text);
	return ok;
}

void
addr_beyond_written(struct span address, struct buf *out)
{
	size_t at = span_rfind(address, '@');
	struct span domain = span_from(address, at + 1);

	buf_put_span(out, span_head(address, at + 1));
	if (span_is_ascii(domain) || !addr_beyond_domain(domain, out))
		buf_put_span(out, domain);
}

bool
addr_beyond_fold(struct span local, struct buf *out)
{
	uint8_t *parts = NULL, *folded = NULL;
	size_t n_parts = 0, n = 0;
	bool ok;

	if (span_is_ascii(local) ||
	    u8_check((const uint8_t *)local.p, local.n) != NULL)
		return put_small(local, out);
	/* Unicode 3.13 D145: what is folded twice is as if folded once */
	parts = u8_normalize(
	    UNINORM_NFD, (const uint8_t *)local.p, local.n, NULL, &n_parts);
	if (parts != NULL)
		folded =
		    u8_casefold(parts, n_parts, NULL, UNINORM_NFC, NULL, &n);
	ok = folded != NULL ? buf_put(out, folded, n) : put_small(local, out);
	free(parts);
	free(folded);
	return ok;
}

/*
 * Flags: see flags.h.
 */
#include "lib/maildir/flags.h"
#include "lib/base/banned.h"

static const char capitals[] = "DFPRST";

static uint32_t
bit_of(char letter)
{
	const char *at;

	if (letter >= 'a' && letter <= 'z')
		return MAILDIR_KEYWORD((unsigned)(letter - 'a'));
	at = letter == '\0' ? NULL : strchr(capitals, letter);
	return at == NULL ? 0 : UINT32_C(1) << (at - capitals);
}

uint32_t
maildir_flags_parse(struct span letters)
{
	uint32_t flags = 0;

	for (size_t i = 0; i < letters.n; i++)
		flags |= bit_of(letters.p[i]);
	return flags;
}

void
maildir_flags_put(struct buf *b, uint32_t flags, struct span old)
{
	for (int i = 'A'; i <= 'z'; i++) {
		char c = (char)i;
		uint32_t bit = bit_of(c);
		bool strange = c <= 'Z' && bit == 0;

		if ((flags & bit) != 0 ||
		    (strange && span_find(old, c) < old.n))
			buf_putc(b, c);
	}
}

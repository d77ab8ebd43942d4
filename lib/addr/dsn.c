/*
 * Parameters of RFC 3461: see dsn.h.
 */
#include <unistr.h>

#include "lib/addr/beyond.h"
#include "lib/addr/dsn.h"
#include "lib/base/banned.h"

static const struct {
	struct span word;
	unsigned bit;
} words[] = {
    {SPAN_LIT("SUCCESS"), ADDR_DSN_SUCCESS},
    {SPAN_LIT("FAILURE"), ADDR_DSN_FAILURE},
    {SPAN_LIT("DELAY"), ADDR_DSN_DELAY},
    {SPAN_LIT("NEVER"), ADDR_DSN_NEVER},
};

#define WORDS (sizeof(words) / sizeof(words[0]))

static unsigned
bit_of(struct span word)
{
	for (size_t i = 0; i < WORDS; i++)
		if (span_eq_ci(words[i].word, word))
			return words[i].bit;
	return 0;
}

bool
addr_dsn_notify_ok(unsigned notify)
{
	return notify <= ADDR_DSN_NEVER;
}

bool
addr_dsn_notify(struct span text, uint8_t *notify)
{
	unsigned all = 0;

	if (text.n == 0)
		return false;
	while (text.p != NULL) {
		unsigned bit = bit_of(span_cut(&text, ','));

		if (bit == 0)
			return false;
		all |= bit;
	}
	if (!addr_dsn_notify_ok(all))
		return false;
	*notify = (uint8_t)all;
	return true;
}

void
addr_dsn_put_notify(struct buf *b, unsigned notify)
{
	const char *before = "";

	for (size_t i = 0; i < WORDS; i++)
		if ((notify & words[i].bit) != 0) {
			buf_puts(b, before);
			buf_put_span(b, words[i].word);
			before = ",";
		}
}

static const char *const rets[] = {"", "FULL", "HDRS"};

bool
addr_dsn_ret(struct span text, uint8_t *ret)
{
	for (unsigned i = ADDR_DSN_RET_FULL; i < ADDR_DSN_RET_COUNT; i++)
		if (span_eq_ci(text, span_of(rets[i]))) {
			*ret = (uint8_t)i;
			return true;
		}
	return false;
}

const char *
addr_dsn_ret_text(unsigned ret)
{
	return ret < ADDR_DSN_RET_COUNT ? rets[ret] : "";
}

static int
digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What "+41" at i stands for; -1: it is none. */
static int
hexchar(struct span s, size_t i)
{
	int high = digit(span_at(s, i + 1)), low = digit(span_at(s, i + 2));

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Also in the decoded text: RFC 3461 4.2, 4.4. */
static bool
is_printable(int c)
{
	return c >= ' ' && c <= '~';
}

static bool
put_xtext(struct buf *b, struct span text)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t before = b->n;
	bool ok = text.n > 0;

	for (size_t i = 0; ok && i < text.n; i++) {
		int c = span_at(text, i);

		if (c == '+') {
			c = hexchar(text, i);
			ok = is_printable(c);
			i += 2;
			if (ok)
				buf_putf(
				    b, "+%c%c", digits[c / 16], digits[c % 16]);
		} else {
			/* the space, and '=', which would end a key */
			ok = is_printable(c) && c != ' ' && c != '=';
			buf_putc(b, (char)c);
		}
	}
	if (!ok || b->over)
		b->n = before;
	return ok && !b->over;
}

bool
addr_dsn_envid(struct buf *b, struct span text)
{
	return text.n <= ADDR_DSN_ENVID_MAX && put_xtext(b, text);
}

/* An atom, RFC 5321 4.1.2; registered ones are made of these. */
static bool
is_type(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '-' || c == '_'))
			return false;
	}
	return s.n > 0;
}

bool
addr_dsn_orcpt(struct buf *b, struct span text)
{
	struct span address = text, type = span_cut(&address, ';');
	size_t before = b->n;
	struct buf ascii;
	bool ok;

	if (text.n > ADDR_DSN_ORCPT_MAX || !is_type(type))
		return false;
	buf_init(&ascii, ADDR_DSN_ORCPT_MAX);
	if (!span_is_ascii(address) && span_eq_ci(type, SPAN_LIT("utf-8")) &&
	    addr_beyond_ok(address)) {
		addr_dsn_put_embedded(&ascii, address);
		address = ascii.over ? SPAN_NONE : buf_span(&ascii);
	}
	buf_put_span(b, type);
	buf_putc(b, ';');
	ok = put_xtext(b, address) && b->n - before <= ADDR_DSN_ORCPT_MAX;
	if (!ok)
		b->n = before;
	buf_fini(&ascii);
	return ok;
}

void
addr_dsn_put_embedded(struct buf *b, struct span utf8)
{
	const uint8_t *p = (const uint8_t *)utf8.p;

	for (size_t i = 0; i < utf8.n;) {
		ucs4_t c;
		int n = u8_mbtoucr(&c, p + i, utf8.n - i);

		if (n <= 1)
			buf_putc(b, utf8.p[i]);
		else
			buf_putf(b, "\\x{%X}", (unsigned)c);
		i += n <= 1 ? 1U : (size_t)n;
	}
}

/* What "\x{E9}" at the beginning stands for, and how long it is; 0: none. */
static size_t
embedded(struct span s, ucs4_t *c)
{
	size_t i = 3;

	*c = 0;
	if (!span_starts(s, SPAN_LIT("\\x{")))
		return 0;
	for (; i < 3 + 6 && digit(span_at(s, i)) >= 0; i++)
		*c = *c * 16 + (ucs4_t)digit(span_at(s, i));
	return i > 3 && span_at(s, i) == '}' ? i + 1 : 0;
}

void
addr_dsn_put_unembedded(struct buf *b, struct span text)
{
	while (text.n > 0) {
		uint8_t utf8[6];
		ucs4_t c;
		size_t n = embedded(text, &c);
		int len = n > 0 && c >= 0x80 ? u8_uctomb(utf8, c, 6) : -1;

		if (len > 0 && addr_beyond_ok(span_make(utf8, (size_t)len))) {
			buf_put(b, utf8, (size_t)len);
		} else {
			n = 1;
			buf_putc(b, text.p[0]);
		}
		text = span_from(text, n);
	}
}

void
addr_dsn_put_xtext(struct buf *b, struct span plain)
{
	for (size_t i = 0; i < plain.n; i++) {
		int c = span_at(plain, i);

		if (is_printable(c) && c != ' ' && c != '+' && c != '=')
			buf_putc(b, (char)c);
		else
			buf_putf(b, "+%02X", (unsigned)c);
	}
}

void
addr_dsn_put_plain(struct buf *b, struct span xtext)
{
	for (size_t i = 0; i < xtext.n; i++) {
		int c = xtext.p[i] == '+' ? hexchar(xtext, i) : -1;

		buf_putc(b, c < 0 ? xtext.p[i] : (char)c);
		i += c < 0 ? 0 : 2;
	}
}

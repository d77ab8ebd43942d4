/*
 * Charsets: see charset.h.
 */
#include <errno.h>
#include <iconv.h>

#include "lib/mime/charset.h"
#include "lib/mime/content.h"
#include "lib/base/banned.h"

#define REPLACEMENT "\xef\xbf\xbd"

void
mime_charset_init(struct mime_charset *c, struct span name)
{
	char text[MIME_CHARSET_MAX];
	iconv_t cd;

	*c = (struct mime_charset){.how = MIME_CHARSET_UTF8};
	if (name.n == 0 || span_eq_ci(name, SPAN_LIT("utf-8")) ||
	    span_eq_ci(name, SPAN_LIT("us-ascii")))
		return;
	if (span_eq_ci(name, SPAN_LIT("iso-8859-1"))) {
		c->how = MIME_CHARSET_LATIN1;
		return;
	}
	/* a name is a word: "//" would tell iconv how to behave */
	if (span_find(name, '/') < name.n || span_find(name, ',') < name.n ||
	    !span_copy(name, text, sizeof(text)))
		return;
	cd = iconv_open("UTF-8", text);
	/* iconv_t is a pointer whose -1 means none */
	if ((intptr_t)cd == -1)
		return;
	c->how = MIME_CHARSET_ICONV;
	c->iconv = cd;
}

void
mime_charset_fini(struct mime_charset *c)
{
	if (c->how == MIME_CHARSET_ICONV)
		(void)iconv_close(c->iconv); /* of our own */
	*c = (struct mime_charset){0};
}

static void
put_latin1(struct span in, struct buf *out)
{
	for (size_t i = 0; i < in.n; i++) {
		unsigned char b = (unsigned char)in.p[i];

		/* over is the caller's */
		if (b < 0x80) {
			(void)buf_putc(out, (char)b);
			continue;
		}
		(void)buf_putc(out, (char)(0xc0 | b >> 6));
		(void)buf_putc(out, (char)(0x80 | (b & 0x3f)));
	}
}

/*
 * Length of the character that s begins with: 0 when it is none, and s.n + 1
 * when it may become one (RFC 3629 4).
 */
static size_t
utf8_length(struct span s)
{
	int c = span_at(s, 0);
	int low = 0x80;
	int high = 0xbf;
	size_t n;

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	n = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : low;
	high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : high;
	for (size_t i = 1; i < n; i++) {
		c = span_at(s, i);
		if (c == -1)
			return s.n + 1;
		if (c < low || c > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

/* How much was used up: all but a character that is not whole. */
static size_t
put_utf8(struct span in, struct buf *out)
{
	size_t i = 0;

	while (i < in.n) {
		struct span rest = span_from(in, i);
		size_t n = utf8_length(rest);

		if (n > rest.n)
			break;
		if (n == 0)
			(void)buf_puts(out, REPLACEMENT); /* over: caller's */
		else
			(void)buf_put(out, rest.p, n); /* likewise */
		i += n == 0 ? 1 : n;
	}
	return i;
}

static size_t
put_iconv(struct mime_charset *c, struct span in, struct buf *out)
{
	/* iconv(3) does not write through it */
	char *from = (char *)(uintptr_t)in.p;
	size_t left = in.n;
	char piece[512];

	while (left > 0) {
		char *to = piece;
		size_t room = sizeof(piece);
		size_t n = iconv(c->iconv, &from, &left, &to, &room);
		int err = n == (size_t)-1 ? errno : 0;

		(void)buf_put(out, piece, sizeof(piece) - room); /* likewise */
		if (err == EINVAL)
			break;
		if (err == EILSEQ) {
			(void)buf_puts(out, REPLACEMENT); /* likewise */
			from++;
			left--;
		}
	}
	return in.n - left;
}

static size_t
convert(struct mime_charset *c, struct span in, struct buf *out)
{
	switch (c->how) {
	case MIME_CHARSET_UTF8:
		return put_utf8(in, out);
	case MIME_CHARSET_LATIN1:
		put_latin1(in, out);
		return in.n;
	case MIME_CHARSET_ICONV:
		return put_iconv(c, in, out);
	}
	return in.n;
}

void
mime_charset_put(struct mime_charset *c, struct span in, struct buf *out)
{
	size_t used;

	/* what was held becomes whole byte by byte */
	while (c->held_n > 0 && in.n > 0) {
		if (c->held_n == sizeof(c->held)) {
			(void)buf_puts(out, REPLACEMENT); /* over: caller's */
			c->held_n = 0;
		}
		c->held[c->held_n++] = in.p[0];
		in = span_from(in, 1);
		used = convert(c, span_make(c->held, c->held_n), out);
		c->held_n -= used;
		memmove(c->held, c->held + used, c->held_n);
	}
	used = convert(c, in, out);
	while (used < in.n && in.n - used > sizeof(c->held)) {
		(void)buf_puts(out, REPLACEMENT); /* likewise */
		used++;
	}
	if (used < in.n) {
		c->held_n = in.n - used;
		memcpy(c->held, in.p + used, c->held_n);
	}
}

void
mime_charset_end(struct mime_charset *c, struct buf *out)
{
	char piece[64];
	char *to = piece;
	size_t room = sizeof(piece);

	/* some charsets keep a letter until they know its accents */
	if (c->how == MIME_CHARSET_ICONV &&
	    iconv(c->iconv, NULL, NULL, &to, &room) != (size_t)-1)
		(void)buf_put(out, piece, sizeof(piece) - room);
	if (c->held_n > 0)
		(void)buf_puts(out, REPLACEMENT); /* over is the caller's */
	c->held_n = 0;
}

void
mime_charset_preload(void)
{
	/* one of each of glibc's modules that mail is written in */
	static const char *const names[] = {"iso-8859-2", "iso-8859-5",
	    "iso-8859-7", "iso-8859-8", "iso-8859-9", "iso-8859-13",
	    "iso-8859-15", "windows-1250", "windows-1251", "windows-1252",
	    "windows-1253", "windows-1254", "windows-1255", "windows-1256",
	    "windows-1257", "windows-1258", "koi8-r", "koi8-u", "iso-2022-jp",
	    "shift_jis", "euc-jp", "gb2312", "gbk", "gb18030", "big5", "euc-kr",
	    "iso-2022-kr", "utf-7", "utf-16", "macintosh", "ibm437", "ibm850",
	    "tis-620"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		iconv_t cd = iconv_open("UTF-8", names[i]);

		/* left open: closing may unload the table */
		if ((intptr_t)cd == -1)
			continue;
	}
}

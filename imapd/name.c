/*
 * Names of mailboxes: see name.h.
 */
#include "imapd/name.h"
#include "lib/maildir/tree.h"
#include "lib/mime/put.h"
#include "lib/base/banned.h"

#define DOT "&AC4-"

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == ',' ? 63 : -1;
}

/* What a shifted sequence means so far. */
struct utf16 {
	uint32_t bits;
	unsigned n_bits;
	unsigned high; /* a surrogate that waits for its other half */
	bool any;
};

/* One unit: printable ASCII must not be encoded, halves come in pairs. */
static bool
take_unit(struct utf16 *u, unsigned unit)
{
	u->any = true;
	if (u->high != 0) {
		u->high = 0;
		return unit >= 0xdc00 && unit <= 0xdfff;
	}
	if (unit >= 0xd800 && unit <= 0xdbff) {
		u->high = unit;
		return true;
	}
	return unit >= 0x80 && !(unit >= 0xdc00 && unit <= 0xdfff);
}

/* "&....-" at the beginning of s: its length; 0: wrong. */
static size_t
shifted(struct span s)
{
	struct utf16 u = {0};
	size_t i = 1;

	if (span_at(s, 1) == '-')
		return 2;
	for (; i < s.n && s.p[i] != '-'; i++) {
		int v = base64_value(s.p[i]);

		if (v < 0)
			return 0;
		u.bits = u.bits << 6 | (unsigned)v;
		u.n_bits += 6;
		if (u.n_bits < 16)
			continue;
		u.n_bits -= 16;
		if (!take_unit(&u, u.bits >> u.n_bits & 0xffff))
			return 0;
		u.bits &= (1U << u.n_bits) - 1;
	}
	/* whole units, rest bits zero, and not cut */
	if (i >= s.n || !u.any || u.high != 0 || u.n_bits >= 6 || u.bits != 0)
		return 0;
	/* two in a row would be one: there is one way to write each name */
	return span_at(s, i + 1) == '&' && span_at(s, i + 2) != '-' ? 0 : i + 1;
}

static bool
put_level(struct span level, struct buf *folder)
{
	size_t n;

	if (level.n == 0)
		return false;
	buf_putc(folder, '.');
	for (size_t i = 0; i < level.n; i += n) {
		char c = level.p[i];

		n = 1;
		if (c < 0x20 || c >= 0x7f || c == '%' || c == '*')
			return false;
		if (c == '&')
			n = shifted(span_from(level, i));
		if (n == 0)
			return false;
		if (c == '.')
			buf_puts(folder, DOT);
		else
			buf_put(folder, level.p + i, n);
	}
	return true;
}

bool
name_to_folder(struct span name, struct buf *folder)
{
	size_t from = folder->n;

	if (span_eq_ci(name, SPAN_LIT("INBOX")))
		return true;
	if (name.n == 0 || name.n > NAME_MAX_BYTES)
		return false;
	while (name.p != NULL)
		if (!put_level(span_cut(&name, NAME_SEPARATOR), folder))
			return false;
	return !folder->over &&
	       maildir_tree_name(span_from(buf_span(folder), from));
}

bool
name_from_folder(struct span folder, struct buf *name)
{
	size_t from = name->n;
	struct buf back;
	bool ok;

	if (folder.n == 0)
		return buf_puts(name, "INBOX");
	for (size_t i = 1; i < folder.n; i++) {
		struct span rest = span_from(folder, i);

		if (span_starts(rest, SPAN_LIT(DOT))) {
			buf_putc(name, '.');
			i += sizeof(DOT) - 2;
		} else {
			buf_putc(name,
			    folder.p[i] == '.' ? NAME_SEPARATOR : folder.p[i]);
		}
	}
	/* shown only if it leads back here */
	buf_init(&back, 512);
	ok = name_to_folder(span_from(buf_span(name), from), &back) &&
	     span_eq(buf_span(&back), folder);
	buf_fini(&back);
	return ok;
}

void
name_put(struct buf *b, struct span name)
{
	mime_put_string(b, name);
}

bool
name_matches(struct span name, struct span pattern)
{
	/* where the last wildcard stood, and how far it has reached */
	size_t star = SIZE_MAX, reach = 0, i = 0, k = 0;
	size_t percent = SIZE_MAX, percent_reach = 0;

	while (i < name.n) {
		int want = span_at(pattern, k);

		if (want == '*') {
			star = ++k;
			reach = i;
			percent = SIZE_MAX;
		} else if (want == '%') {
			percent = ++k;
			percent_reach = i;
		} else if (want == (unsigned char)name.p[i]) {
			i++;
			k++;
		} else if (percent != SIZE_MAX &&
			   name.p[percent_reach] != NAME_SEPARATOR) {
			i = ++percent_reach;
			k = percent;
		} else if (star != SIZE_MAX) {
			i = ++reach;
			k = star;
			percent = SIZE_MAX;
		} else {
			return false;
		}
	}
	while (span_at(pattern, k) == '*' || span_at(pattern, k) == '%')
		k++;
	return k == pattern.n;
}

const char *
name_special_use(struct span folder)
{
	static const struct {
		struct span folder;
		const char *use;
	} uses[] = {
	    {SPAN_LIT(".Archive"), "\\Archive"},
	    {SPAN_LIT(".Drafts"), "\\Drafts"},
	    {SPAN_LIT(".Junk"), "\\Junk"},
	    {SPAN_LIT(".Sent"), "\\Sent"},
	    {SPAN_LIT(".Trash"), "\\Trash"},
	};

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		if (span_eq(folder, uses[i].folder))
			return uses[i].use;
	return "";
}

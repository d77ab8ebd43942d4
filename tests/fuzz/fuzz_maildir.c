/*
 * What other programs can leave in a mailbox: names of files and their flags
 * (lib/maildir/name.h, flags.h), its text file and Dovecot's (state.h).
 */
#include <stdlib.h>

#include "lib/maildir/name.h"
#include "lib/maildir/state.h"
#include "lib/maildir/tree.h"
#include "lib/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is written is read as the same. */
static void
try_name(struct span text)
{
	struct maildir_name a, b;
	struct buf out, letters;

	buf_init(&out, 65536);
	buf_init(&letters, 1024);
	maildir_name_parse(text, &a);
	maildir_flags_put(&letters, maildir_flags_parse(a.flags), a.flags);
	if (maildir_flags_parse(buf_span(&letters)) !=
	    maildir_flags_parse(a.flags))
		abort();
	a.flags = buf_span(&letters);
	maildir_name_put(&out, &a);
	maildir_name_parse(buf_span(&out), &b);
	if (!out.over && (!span_eq(a.base, b.base) || a.uid != b.uid ||
			     !span_eq(a.tag, b.tag) ||
			     a.has_size != b.has_size || a.size != b.size ||
			     a.wire != b.wire || !span_eq(a.flags, b.flags)))
		abort();
	buf_fini(&out);
	buf_fini(&letters);
}

static void
try_state(struct span text)
{
	struct maildir_state a, b = {0};
	struct buf out;

	buf_init(&out, 65536);
	if (maildir_state_parse(&a, text)) {
		maildir_state_put(&a, &out);
		if (!out.over && (!maildir_state_parse(&b, buf_span(&out)) ||
				     a.uidvalidity != b.uidvalidity ||
				     a.ceiling != b.ceiling))
			abort();
	}
	maildir_state_fini(&a);
	maildir_state_fini(&b);
	buf_fini(&out);
}

/* Whatever stands there, the text file with it is one. */
static void
try_foreign(struct span text)
{
	struct maildir_state a = {
	    .uidvalidity = 1, .tag = "abcd", .ceiling = 1000};
	struct maildir_state b = {0};
	struct buf out;

	buf_init(&out, 65536);
	maildir_state_take_foreign(&a, text);
	maildir_state_put(&a, &out);
	if (!maildir_state_parse(&b, buf_span(&out)))
		abort();
	for (size_t i = 0; i < MAILDIR_KEYWORDS; i++)
		if ((a.keywords[i] == NULL) != (b.keywords[i] == NULL))
			abort();
	maildir_state_fini(&a);
	maildir_state_fini(&b);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make(data, size);

	if (size > 16384)
		return 0;
	try_name(text);
	try_state(text);
	try_foreign(text);
	(void)maildir_tree_name(text);
	return 0;
}

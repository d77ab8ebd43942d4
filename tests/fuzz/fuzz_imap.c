/*
 * What the IMAP session reads of a client: commands out of the stream
 * (imapd/input.h) however it is cut, and each command's arguments
 * (imapd/parse.h, seqset.h, items.h, criteria.h, name.h).
 */
#include <stdlib.h>

#include "imapd/criteria.h"
#include "imapd/input.h"
#include "imapd/items.h"
#include "imapd/msgflags.h"
#include "imapd/name.h"
#include "imapd/seqset.h"
#include "lib/base/banned.h"

#define COMMAND_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A folder's name leads back to itself, and is no path. */
static void
try_name(struct span text)
{
	struct buf folder, name, again;

	buf_init(&folder, 4096);
	buf_init(&name, 4096);
	buf_init(&again, 4096);
	if (name_to_folder(text, &folder)) {
		if (span_find(buf_span(&folder), '/') < folder.n ||
		    !name_from_folder(buf_span(&folder), &name) ||
		    !name_to_folder(buf_span(&name), &again) ||
		    !span_eq(buf_span(&folder), buf_span(&again)))
			abort();
	}
	(void)name_matches(text, SPAN_LIT("a%*b"));
	(void)name_matches(SPAN_LIT("abc/d"), span_head(text, 64));
	buf_fini(&folder);
	buf_fini(&name);
	buf_fini(&again);
}

/* Ranges ascend, and what is written is read as the same. */
static void
try_set(struct span text)
{
	struct seqset a, b;
	struct parse p;
	struct span set;
	struct buf out;

	parse_init(&p, text);
	seqset_init(&a);
	seqset_init(&b);
	buf_init(&out, 65536);
	if (parse_set(&p, &set)) {
		seqset_parse(&a, set, 1000);
		for (size_t i = 1; i < a.n; i++)
			if (a.v[i].from <= a.v[i - 1].to + 1)
				abort();
		seqset_put(&a, &out);
		if (out.n > 0 && !out.over) {
			seqset_parse(&b, buf_span(&out), 1000);
			if (a.n != b.n || seqset_last(&a) != seqset_last(&b))
				abort();
		}
	}
	seqset_fini(&a);
	seqset_fini(&b);
	buf_fini(&out);
	parse_fini(&p);
}

static void
try_arguments(struct span text)
{
	static struct items items;
	struct criteria c;
	struct msgflags flags;
	struct parse p;
	struct span s;
	int64_t when;

	parse_init(&p, text);
	(void)items_parse(&items, &p);
	items_add(&items, ITEM_UID);
	items_fini(&items);
	parse_fini(&p);
	parse_init(&p, text);
	(void)criteria_parse(&c, &p);
	if (c.n > CRITERIA_MAX)
		abort();
	criteria_fini(&c);
	parse_fini(&p);
	parse_init(&p, text);
	(void)msgflags_parse(&p, true, &flags);
	(void)parse_date_time(&p, &when);
	(void)parse_date(&p, &when);
	if (parse_astring(&p, &s))
		try_name(s);
	parse_fini(&p);
	try_set(text);
	try_name(text);
}

static void
try_command(struct span text)
{
	struct parse p;
	struct span tag, verb;

	parse_init(&p, text);
	if (parse_tag(&p, &tag) && parse_char(&p, ' ') &&
	    parse_atom(&p, &verb) && parse_char(&p, ' '))
		try_arguments(p.rest);
	parse_fini(&p);
}

static void
take(struct input *in, enum input_kind kind, uint8_t how)
{
	if (kind == INPUT_COMMAND)
		try_command(buf_span(&in->text));
	if (in->text.n > COMMAND_MAX)
		abort();
	if (kind != INPUT_LITERAL)
		return;
	if (how % 3 == 0)
		input_stream(in);
	else if (how % 3 == 1 || !input_keep(in))
		input_refuse(in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in;
	struct buf bytes;
	size_t step;

	if (size < 2 || size > 65536)
		return 0;
	step = data[0] + 1U;
	input_init(&in, COMMAND_MAX);
	buf_init(&bytes, 65536);
	for (size_t at = 1; at < size; at += step) {
		enum input_kind kind;
		struct span piece;
		size_t used;

		buf_put_span(
		    &bytes, span_head(span_make(data + at, size - at), step));
		do {
			kind = input_next(&in, buf_span(&bytes), &piece, &used);
			if (used > bytes.n || piece.n > used)
				abort();
			take(&in, kind, data[at]);
			buf_drop(&bytes, used);
		} while (kind != INPUT_NONE || used > 0);
		if (bytes.n > 0)
			abort();
	}
	input_fini(&in);
	buf_fini(&bytes);
	return 0;
}

/*
 * Records of the index: see record.h. A value is due (8 bytes), rounds and
 * steps (4 each), line, folder, length of the file's name (1 each), the name,
 * the reason.
 */
#include "qmgr/record.h"
#include "lib/base/banned.h"

#define HEAD 19

static void
put(struct record_key *k, char kind, struct span rest)
{
	k->p[0] = kind;
	k->n = 1;
	if (rest.n > 0)
		memcpy(k->p + 1, rest.p, rest.n);
	k->n += rest.n;
}

void
record_key(struct record_key *k, struct span name)
{
	put(k, 'm', span_head(name, STORE_NAME_MAX));
}

void
record_line_from(struct record_key *k, enum record_line line, uint64_t due_ms)
{
	char be[8];

	for (unsigned i = 0; i < sizeof(be); i++)
		be[i] = (char)(due_ms >> (56 - 8 * i));
	put(k, (char)line,
	    line == RECORD_DUE ? span_make(be, sizeof(be)) : SPAN_NONE);
}

void
record_line_key(struct record_key *k, const struct record *r)
{
	struct span name = span_of(r->name);

	record_line_from(k, r->line, r->due_ms);
	memcpy(k->p + k->n, name.p, name.n);
	k->n += name.n;
}

struct span
record_key_name(struct span key)
{
	return span_from(key, span_at(key, 0) == RECORD_DUE ? 9 : 1);
}

uint64_t
record_key_due(struct span key)
{
	uint64_t due = 0;

	for (size_t i = 1; i < 9; i++)
		due = due << 8 | (uint64_t)(span_at(key, i) & 0xff);
	return due;
}

void
record_put(struct buf *b, const struct record *r)
{
	size_t n = strlen(r->file);

	buf_put(b, &r->due_ms, sizeof(r->due_ms));
	buf_put(b, &r->rounds, sizeof(r->rounds));
	buf_put(b, &r->steps, sizeof(r->steps));
	buf_putc(b, (char)r->line);
	buf_putc(b, r->in_cur ? 'c' : 'n');
	buf_putc(b, (char)n);
	buf_put(b, r->file, n);
	buf_puts(b, r->reason);
}

bool
record_get(struct span name, struct span value, struct record *r)
{
	int line = span_at(value, 16), folder = span_at(value, 17);
	int n = span_at(value, 18);

	if (value.n < HEAD || (size_t)n > value.n - HEAD || n == 0 ||
	    (line != RECORD_DUE && line != RECORD_HELD && line != RECORD_OUT) ||
	    (folder != 'c' && folder != 'n'))
		return false;
	memcpy(&r->due_ms, value.p, sizeof(r->due_ms));
	memcpy(&r->rounds, value.p + 8, sizeof(r->rounds));
	memcpy(&r->steps, value.p + 12, sizeof(r->steps));
	r->line = (enum record_line)line;
	r->in_cur = folder == 'c';
	value = span_from(value, HEAD);
	return name.n > 0 && span_copy(name, r->name, sizeof(r->name)) &&
	       span_copy(
		   span_head(value, (size_t)n), r->file, sizeof(r->file)) &&
	       span_copy(
		   span_from(value, (size_t)n), r->reason, sizeof(r->reason));
}

/*
 * What a message's file name says: see name.h.
 */
#include "lib/base/id.h"
#include "lib/base/num.h"
#include "lib/maildir/name.h"
#include "lib/base/banned.h"

struct span
maildir_name_base(struct span file)
{
	size_t comma = span_find(file, ','), colon = span_find(file, ':');

	return span_head(file, comma < colon ? comma : colon);
}

/* "57.k3f9" */
static void
parse_uid(struct span value, struct maildir_name *n)
{
	struct span digits = span_cut(&value, '.');
	uint64_t uid;

	if (n->uid != 0 || value.n == 0 || !num_range(digits, 1, UINT32_MAX, &uid))
		return;
	n->uid = (uint32_t)uid;
	n->tag = value;
}

/* The first that is a number counts. */
static void
parse_size(struct span value, bool *has, uint64_t *size)
{
	uint64_t n;

	if (*has || !num_u64(value, &n))
		return;
	*has = true;
	*size = n;
}

void
maildir_name_parse(struct span file, struct maildir_name *n)
{
	size_t colon = span_find(file, ':');
	struct span info = span_from(file, colon + 1);
	struct span fields = span_head(file, colon);

	*n = (struct maildir_name){.base = span_cut(&fields, ',')};
	n->fields = span_from(span_head(file, colon), n->base.n);
	if (span_starts(info, SPAN_LIT("2,")))
		n->flags = span_from(info, 2);
	while (fields.p != NULL) {
		struct span field = span_cut(&fields, ',');
		struct span value = span_from(field, 2);

		if (span_starts(field, SPAN_LIT("S=")))
			parse_size(value, &n->has_size, &n->size);
		else if (span_starts(field, SPAN_LIT("W=")))
			parse_size(value, &n->has_wire, &n->wire);
		else if (span_starts(field, SPAN_LIT("U=")))
			parse_uid(value, n);
	}
}

static bool
is_our_field(struct span field)
{
	return span_starts(field, SPAN_LIT("S=")) ||
	       span_starts(field, SPAN_LIT("W=")) ||
	       span_starts(field, SPAN_LIT("U="));
}

void
maildir_name_put(struct buf *b, const struct maildir_name *n)
{
	struct span fields = span_from(n->fields, 1);

	buf_put_span(b, n->base);
	if (n->has_size)
		buf_putf(b, ",S=%llu", (unsigned long long)n->size);
	if (n->has_wire)
		buf_putf(b, ",W=%llu", (unsigned long long)n->wire);
	if (n->uid > 0) {
		buf_putf(b, ",U=%u.", n->uid);
		buf_put_span(b, n->tag);
	}
	while (fields.n > 0) {
		struct span field = span_cut(&fields, ',');

		if (field.n == 0 || is_our_field(field))
			continue;
		buf_putc(b, ',');
		buf_put_span(b, field);
	}
	buf_puts(b, ":2,");
	buf_put_span(b, n->flags);
}

bool
maildir_name_ours(struct span base)
{
	struct span rest = span_from(base, ID_LEN), again, number;
	uint64_t rcpt;

	if (!id_valid(span_head(base, ID_LEN)) ||
	    !span_starts(rest, SPAN_LIT(".R")))
		return false;
	again = span_from(rest, 2);
	number = span_cut(&again, '.');
	if (!num_range(number, 0, UINT32_MAX, &rcpt))
		return false;
	return again.p == NULL ||
	       (again.n == 1 && again.p[0] >= '1' && again.p[0] <= '9');
}

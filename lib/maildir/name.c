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

void
maildir_name_parse(struct span file, struct maildir_name *n)
{
	struct span info = file, fields = span_cut(&info, ':');

	*n = (struct maildir_name){.base = span_cut(&fields, ',')};
	if (span_starts(info, SPAN_LIT("2,")))
		n->flags = span_from(info, 2);
	while (fields.p != NULL) {
		struct span field = span_cut(&fields, ',');
		struct span value = span_from(field, 2);

		if (span_starts(field, SPAN_LIT("S=")))
			n->has_size = num_u64(value, &n->size);
		else if (span_starts(field, SPAN_LIT("W=")))
			n->has_wire = num_u64(value, &n->wire);
	}
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

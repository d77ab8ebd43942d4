/*
 * Parts of a message, once they are there: see message.h.
 */
#include <stdlib.h>

#include "lib/mime/content.h"
#include "lib/mime/message.h"
#include "lib/base/banned.h"

void
mime_message_fini(struct mime_message *m)
{
	free(m->parts);
	mime_index_fini(&m->index);
	buf_fini(&m->text);
	*m = (struct mime_message){.text = m->text};
}

struct span
mime_message_field(const struct mime_message *m, const struct mime_part *part,
    enum mime_name name)
{
	if (part->fields[name].n == UINT32_MAX)
		return SPAN_NONE;
	return span_make(
	    m->text.p + part->fields[name].at, part->fields[name].n);
}

/* RFC 2045 5.2, RFC 2046 5.1.5 */
static void
default_type(const struct mime_message *m, const struct mime_part *part,
    struct span *type, struct span *subtype)
{
	bool digest = part->parent != MIME_NO_PART && !part->plain &&
		      m->parts[part->parent].digest;

	*type = digest ? SPAN_LIT("message") : SPAN_LIT("text");
	*subtype = digest ? SPAN_LIT("rfc822") : SPAN_LIT("plain");
}

void
mime_message_type(const struct mime_message *m, const struct mime_part *part,
    struct span *type, struct span *subtype, struct span *rest)
{
	struct mime_lex x = {.in = mime_message_field(m, part, MIME_TYPE)};

	*rest = SPAN_NONE;
	if (part->plain || !mime_content_type(&x, type, subtype)) {
		default_type(m, part, type, subtype);
		return;
	}
	*rest = span_from(x.in, x.at);
}

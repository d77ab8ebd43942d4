/*
 * Envelopes: see envelope.h.
 */
#include "lib/mime/address.h"
#include "lib/mime/envelope.h"
#include "lib/mime/put.h"
#include "lib/base/banned.h"

static void
put_unless_empty(struct buf *b, struct span s)
{
	mime_put_nstring(b, s.n == 0 ? SPAN_NONE : s);
}

/* An empty span may have no address, and would be NIL. */
static void
put_present(struct buf *b, struct span s)
{
	mime_put_string(b, s.p == NULL ? SPAN_LIT("") : s);
}

static void
put_address(struct buf *b, const struct mime_address *a)
{
	/* over is the caller's to see, once, in the end */
	(void)buf_putc(b, '(');
	put_unless_empty(b, a->has_name ? a->name : SPAN_NONE);
	(void)buf_putc(b, ' ');
	put_unless_empty(b, a->route);
	(void)buf_putc(b, ' ');
	if (a->kind == MIME_GROUP_END)
		(void)buf_puts(b, "NIL");
	else
		put_present(b, a->local);
	(void)buf_putc(b, ' ');
	if (a->kind == MIME_MAILBOX)
		put_present(b, a->domain);
	else
		(void)buf_puts(b, "NIL");
	(void)buf_putc(b, ')');
}

/* False, with nothing put, when there is no address. */
static bool
put_addresses(struct buf *b, struct span text)
{
	struct mime_addresses list;
	struct mime_address a;
	bool any = false;

	mime_addresses_init(&list, text);
	while (!b->over && mime_addresses_next(&list, &a)) {
		if (!any)
			(void)buf_putc(b, '('); /* as above */
		any = true;
		put_address(b, &a);
	}
	if (any)
		(void)buf_putc(b, ')'); /* likewise */
	mime_addresses_fini(&list);
	return any;
}

static const struct item {
	enum mime_name name;
	bool address;
	bool from; /* when empty, what From says */
} items[] = {
    {MIME_DATE, false, false},
    {MIME_SUBJECT, false, false},
    {MIME_FROM, true, false},
    {MIME_SENDER, true, true},
    {MIME_REPLY_TO, true, true},
    {MIME_TO, true, false},
    {MIME_CC, true, false},
    {MIME_BCC, true, false},
    {MIME_IN_REPLY_TO, false, false},
    {MIME_MESSAGE_ID, false, false},
};

void
mime_envelope_put(
    struct buf *b, const struct mime_message *m, const struct mime_part *part)
{
	struct span from = mime_message_field(m, part, MIME_FROM);

	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		struct span v = mime_message_field(m, part, items[i].name);

		(void)buf_putc(b, i == 0 ? '(' : ' '); /* as above */
		if (!items[i].address)
			mime_put_nstring(b, v);
		else if (!put_addresses(b, v) &&
			 !(items[i].from && put_addresses(b, from)))
			(void)buf_puts(b, "NIL"); /* likewise */
	}
	(void)buf_putc(b, ')'); /* likewise */
}

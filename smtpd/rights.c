/*
 * Whose mail a login may send: see rights.h.
 */
#include "lib/addr/path.h"
#include "lib/mime/address.h"
#include "smtpd/reply.h"
#include "smtpd/rights.h"
#include "lib/base/banned.h"

#define MAILBOX_MAX 512

static bool
asks(const struct session *s, enum conf_sender_rights least)
{
	return s->login != NULL &&
	       s->server->w->conf->smtpd.sender_rights >= (int)least;
}

/* Of a canonical address. */
static bool
may_send(struct session *s, struct span address, enum reply refusal)
{
	switch (directory_may_send(
	    s->server->directory, span_of(s->login), address)) {
	case DIRECTORY_OWN:
	case DIRECTORY_GIVEN:
		return true;
	case DIRECTORY_FOREIGN:
		reply(s, refusal, address);
		return false;
	case DIRECTORY_NOT_KNOWN:
		reply(s, REPLY_RIGHTS_NOT_KNOWN, address);
		return false;
	}
	return false;
}

bool
rights_sender_ok(struct session *s, struct span sender)
{
	return sender.n == 0 || !asks(s, CONF_SENDER_RIGHTS_ENVELOPE) ||
	       may_send(s, sender, REPLY_SENDER_FOREIGN);
}

/* As a header says it: quoting taken off, perhaps none that SMTP knows. */
static bool
author_ok(struct session *s, const struct mime_address *a)
{
	struct buf plain, quoted, mailbox;
	struct why why;
	bool ok;

	buf_init(&plain, MAILBOX_MAX);
	buf_init(&quoted, MAILBOX_MAX);
	buf_init(&mailbox, MAILBOX_MAX);
	buf_put_span(&plain, a->local);
	buf_putc(&plain, '@');
	buf_put_span(&plain, a->domain);
	buf_putc(&quoted, '"');
	for (size_t i = 0; i < a->local.n; i++) {
		if (a->local.p[i] == '"' || a->local.p[i] == '\\')
			buf_putc(&quoted, '\\');
		buf_putc(&quoted, a->local.p[i]);
	}
	buf_puts(&quoted, "\"@");
	buf_put_span(&quoted, a->domain);
	ok = !plain.over && !quoted.over &&
	     (addr_mailbox(buf_span(&plain), &mailbox, &why) == RC_OK ||
		 addr_mailbox(buf_span(&quoted), &mailbox, &why) == RC_OK);
	if (ok)
		ok = may_send(s, buf_span(&mailbox), REPLY_AUTHOR_FOREIGN);
	else
		reply(s, REPLY_AUTHOR_UNREADABLE, buf_span(&plain));
	buf_fini(&plain);
	buf_fini(&quoted);
	buf_fini(&mailbox);
	return ok;
}

bool
rights_author_ok(struct session *s)
{
	const struct header *h = s->txn->header;
	struct mime_addresses all;
	struct mime_address a;
	bool ok = true, any = false;

	if (h == NULL || h->author.n == 0 ||
	    !asks(s, CONF_SENDER_RIGHTS_HEADER))
		return true;
	if (h->author.over) {
		reply(s, REPLY_AUTHOR_UNREADABLE, SPAN_LIT("too long"));
		return false;
	}
	mime_addresses_init(&all, buf_span(&h->author));
	while (ok && mime_addresses_next(&all, &a)) {
		if (a.kind != MIME_MAILBOX)
			continue;
		any = true;
		ok = author_ok(s, &a);
	}
	mime_addresses_fini(&all);
	if (ok && !any)
		reply(s, REPLY_AUTHOR_UNREADABLE, buf_span(&h->author));
	return ok && any;
}

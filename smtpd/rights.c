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

/* As a header says it: perhaps no address that SMTP knows. */
static bool
author_ok(struct session *s, const struct mime_address *a)
{
	struct buf mailbox;
	struct why why;
	bool ok;

	buf_init(&mailbox, MAILBOX_MAX);
	if (addr_mailbox_of(a->local, a->domain, &mailbox, &why) == RC_OK) {
		ok = may_send(s, buf_span(&mailbox), REPLY_AUTHOR_FOREIGN);
	} else {
		reply(s, REPLY_AUTHOR_UNREADABLE, a->local);
		ok = false;
	}
	buf_fini(&mailbox);
	return ok;
}

/*
 * Where a quote, a comment or a bracket is not closed, or a bracket holds more
 * than an address, programs differ in what they make of it, and one of them
 * would show an author whom another has passed over.
 */
static bool
is_unambiguous(struct span text)
{
	bool quoted = false, bracket = false;
	unsigned depth = 0, ats = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\\')
			i++;
		else if (c == '"' && depth == 0)
			quoted = !quoted;
		else if (c == '(' && !quoted)
			depth++;
		else if (c == ')' && !quoted && depth-- == 0)
			return false;
		if (quoted || depth > 0)
			continue;
		if ((c == '<' && bracket) || (c == '>' && !bracket) ||
		    (c == '@' && bracket && ++ats > 1))
			return false;
		if (c == '<' || c == '>') {
			bracket = c == '<';
			ats = 0;
		}
	}
	return !quoted && !bracket && depth == 0;
}

/* All that one field names, and that is somebody. */
static bool
field_ok(struct session *s, struct span field)
{
	struct mime_addresses all;
	struct mime_address a;
	bool ok = true, any = false;

	if (!is_unambiguous(field)) {
		reply(s, REPLY_AUTHOR_UNREADABLE, field);
		return false;
	}
	mime_addresses_init(&all, field);
	while (ok && mime_addresses_next(&all, &a)) {
		if (a.kind != MIME_MAILBOX)
			continue;
		any = true;
		ok = author_ok(s, &a);
	}
	mime_addresses_fini(&all);
	if (ok && !any)
		reply(s, REPLY_AUTHOR_UNREADABLE, field);
	return ok && any;
}

bool
rights_author_ok(struct session *s)
{
	const struct header *h = s->txn->header;
	struct span rest;

	if (h == NULL || !asks(s, CONF_SENDER_RIGHTS_HEADER))
		return true;
	if (h->author.over) {
		reply(s, REPLY_AUTHOR_UNREADABLE, SPAN_LIT("too long"));
		return false;
	}
	rest = buf_span(&h->author);
	(void)span_cut(&rest, '\n'); /* nothing stands before the first */
	while (rest.p != NULL)
		if (!field_ok(s, span_cut(&rest, '\n')))
			return false;
	return true;
}

/*
 * The log-in: LOGIN (RFC 3501 6.2.3), AUTHENTICATE (6.2.2)
 * with an initial response (RFC 4959). lib/front asks authd; the password is
 * wiped with its command.
 */
#include "imapd/front_cmd.h"
#include "imapd/front_reply.h"
#include "lib/base/banned.h"

bool
front_auth_login(struct imap *p, struct parse *args)
{
	struct span login, password;

	if (!parse_char(args, ' ') || !parse_astring(args, &login) ||
	    !parse_char(args, ' ') || !parse_astring(args, &password) ||
	    !parse_end(args))
		return false;
	front_ask(&p->front, SPAN_LIT(""), login, password);
	return true;
}

void
front_auth_answer(struct imap *p, struct span line)
{
	switch (front_sasl_answer(&p->front, line)) {
	case FRONT_SASL_OK:
		break;
	case FRONT_SASL_CANCELLED:
		front_reply(p, FRONT_REPLY_CANCELLED, SPAN_NONE);
		break;
	case FRONT_SASL_BAD_BASE64:
		front_reply(p, FRONT_REPLY_BAD_BASE64, SPAN_NONE);
		break;
	case FRONT_SASL_BAD_FORM:
		front_reply(p, FRONT_REPLY_BAD_ANSWER, SPAN_NONE);
		break;
	}
}

bool
front_auth_sasl(struct imap *p, struct parse *args)
{
	struct span mechanism, initial = SPAN_NONE;

	if (!parse_char(args, ' ') || !parse_atom(args, &mechanism) ||
	    (!parse_end(args) &&
		(!parse_char(args, ' ') || !parse_atom(args, &initial) ||
		    !parse_end(args))))
		return false;
	if (!front_sasl_begin(&p->front, mechanism)) {
		front_reply(p, FRONT_REPLY_BAD_MECHANISM, SPAN_NONE);
	} else if (initial.n > 0) {
		/* RFC 4959 section 3: "=" is one of no bytes */
		front_auth_answer(p,
		    span_eq(initial, SPAN_LIT("=")) ? SPAN_LIT("") : initial);
	} else {
		stream_write(p->front.client, SPAN_LIT("+ \r\n"));
	}
	return true;
}

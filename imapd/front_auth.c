/*
 * The log-in: LOGIN (RFC 3501 6.2.3), AUTHENTICATE PLAIN (6.2.2, RFC 4616)
 * with an initial response (RFC 4959). lib/front asks authd; the password is
 * wiped with its command.
 */
#include "imapd/front_cmd.h"
#include "imapd/front_reply.h"
#include "lib/base/enc.h"
#include "lib/base/secret.h"
#include "lib/base/banned.h"

#define ANSWER_MAX 8192

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
	struct buf b;

	p->sasl = false;
	buf_init(&b, ANSWER_MAX);
	if (span_eq(line, SPAN_LIT("*")))
		front_reply(p, FRONT_REPLY_CANCELLED, SPAN_NONE);
	else if (!enc_unbase64(&b, line))
		front_reply(p, FRONT_REPLY_BAD_BASE64, SPAN_NONE);
	else if (!front_ask_plain(&p->front, buf_span(&b)))
		front_reply(p, FRONT_REPLY_BAD_ANSWER, SPAN_NONE);
	secret_wipe(b.p, b.cap);
	buf_fini(&b);
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
	if (!span_eq_ci(mechanism, SPAN_LIT("PLAIN"))) {
		front_reply(p, FRONT_REPLY_BAD_MECHANISM, SPAN_NONE);
	} else if (initial.n > 0) {
		/* RFC 4959 section 3: "=" is one of no bytes */
		front_auth_answer(p,
		    span_eq(initial, SPAN_LIT("=")) ? SPAN_LIT("") : initial);
	} else {
		stream_write(p->front.client, SPAN_LIT("+ \r\n"));
		p->sasl = true;
	}
	return true;
}

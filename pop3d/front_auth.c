/*
 * The log-in: USER and PASS (RFC 1939 section 7), AUTH (RFC 5034). lib/front
 * asks authd; the password is wiped with its line.
 */
#include <stdlib.h>

#include "pop3d/front_cmd.h"
#include "pop3d/front_reply.h"
#include "lib/base/banned.h"

enum pop3_state
front_auth_user(struct pop3 *p, struct span args)
{
	if (args.n == 0) {
		front_reply(p, FRONT_REPLY_SYNTAX, SPAN_LIT("USER name"));
		return POP3_GREETED;
	}
	free(p->user);
	p->user = span_dup(args);
	/* whether there is such a user is not told before the password */
	front_reply(p, FRONT_REPLY_USER_OK, SPAN_NONE);
	return POP3_USER;
}

enum pop3_state
front_auth_pass(struct pop3 *p, struct span args)
{
	/* RFC 1939 section 7: spaces are part of the password */
	if (args.n == 0)
		front_reply(p, FRONT_REPLY_SYNTAX, SPAN_LIT("PASS password"));
	else
		front_ask(&p->front, SPAN_LIT(""), span_of(p->user), args);
	return POP3_GREETED;
}

enum pop3_state
front_auth_answer(struct pop3 *p, struct span line)
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
		front_reply(p, FRONT_REPLY_SYNTAX,
		    SPAN_LIT("[authzid] NUL login NUL password, in base64"));
		break;
	}
	return POP3_GREETED;
}

/* Not in RFC 5034, but asked by clients that know no CAPA. */
static void
list(struct pop3 *p)
{
	struct buf b;

	front_reply(p, FRONT_REPLY_MECHANISMS, SPAN_NONE);
	buf_init(&b, 256);
	front_sasl_put(&p->front, &b, "\r\n");
	buf_puts(&b, "\r\n.\r\n");
	stream_write(p->front.client, span_from(buf_span(&b), 2));
	buf_fini(&b);
}

enum pop3_state
front_auth_sasl(struct pop3 *p, struct span args)
{
	struct span initial = span_trim(args);
	struct span mechanism = span_cut(&initial, ' ');

	if (mechanism.n == 0) {
		list(p);
		return p->state;
	}
	if (!front_sasl_begin(&p->front, mechanism)) {
		front_reply(p, FRONT_REPLY_BAD_MECHANISM, SPAN_NONE);
		return p->state;
	}
	if (initial.n > 0)
		/* RFC 5034 section 4: "=" is one of no bytes */
		return front_auth_answer(p,
		    span_eq(initial, SPAN_LIT("=")) ? SPAN_LIT("") : initial);
	stream_write(p->front.client, SPAN_LIT("+ \r\n"));
	return POP3_GREETED;
}

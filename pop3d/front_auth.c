/*
 * The log-in: USER and PASS (RFC 1939 section 7), AUTH PLAIN (RFC 5034, RFC
 * 4616). lib/front asks authd; the password is wiped with its line.
 */
#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/secret.h"
#include "pop3d/front_cmd.h"
#include "pop3d/front_reply.h"
#include "lib/base/banned.h"

#define ANSWER_MAX 8192

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
	struct buf b;

	buf_init(&b, ANSWER_MAX);
	if (span_eq(line, SPAN_LIT("*")))
		front_reply(p, FRONT_REPLY_CANCELLED, SPAN_NONE);
	else if (!enc_unbase64(&b, line))
		front_reply(p, FRONT_REPLY_BAD_BASE64, SPAN_NONE);
	else if (!front_ask_plain(&p->front, buf_span(&b)))
		front_reply(p, FRONT_REPLY_SYNTAX,
		    SPAN_LIT("[authzid] NUL login NUL password, in base64"));
	secret_wipe(b.p, b.cap);
	buf_fini(&b);
	return POP3_GREETED;
}

enum pop3_state
front_auth_sasl(struct pop3 *p, struct span args)
{
	struct span initial = span_trim(args);
	struct span mechanism = span_cut(&initial, ' ');

	if (mechanism.n == 0) {
		/* not in RFC 5034, but asked by clients that know no CAPA */
		front_reply(p, FRONT_REPLY_MECHANISMS, SPAN_NONE);
		stream_write(p->front.client, SPAN_LIT("PLAIN\r\n.\r\n"));
		return p->state;
	}
	if (!span_eq_ci(mechanism, SPAN_LIT("PLAIN"))) {
		front_reply(p, FRONT_REPLY_BAD_MECHANISM, SPAN_NONE);
		return p->state;
	}
	if (initial.n > 0)
		return front_auth_answer(p, initial);
	stream_write(p->front.client, SPAN_LIT("+ \r\n"));
	return POP3_SASL;
}

/*
 * XCLIENT, as Postfix's XCLIENT_README describes it: a proxy or filter says who
 * its client is, and the session begins anew as that client's. NAME, PORT,
 * PROTO, HELO, DESTADDR and DESTPORT are taken, and say nothing that matters
 * here: an EHLO follows.
 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "lib/addr/dsn.h"
#include "lib/addr/path.h"
#include "lib/base/network.h"
#include "lib/users/user.h"
#include "smtpd/command.h"
#include "smtpd/reply.h"
#include "lib/base/banned.h"

#define VALUE_MAX 512

struct told {
	char *address; /* NULL: not said */
	char *login;   /* the same; "": none */
};

static bool
is_unset(struct span value)
{
	return span_eq_ci(value, SPAN_LIT("[UNAVAILABLE]")) ||
	       span_eq_ci(value, SPAN_LIT("[TEMPUNAVAIL]"));
}

/* "192.0.2.1", "IPV6:2001:db8::1"; as the kernel would be asked for it. */
static bool
take_address(struct span value, struct told *told)
{
	char text[INET6_ADDRSTRLEN];
	struct span tag = SPAN_LIT("IPV6:");
	struct in6_addr scratch;
	bool six = span_starts_ci(value, tag);

	if (is_unset(value)) {
		told->address = span_dup(SPAN_LIT("unknown"));
		return true;
	}
	if (six)
		value = span_from(value, tag.n);
	if (!span_copy(value, text, sizeof(text)) ||
	    inet_pton(six ? AF_INET6 : AF_INET, text, &scratch) != 1 ||
	    inet_ntop(six ? AF_INET6 : AF_INET, &scratch, text, sizeof(text)) ==
		NULL)
		return false;
	told->address = span_dup(span_of(text));
	return true;
}

/* An address, or the name of a user of the system. */
static bool
take_login(struct span value, struct told *told)
{
	struct buf b;
	bool ok;

	if (is_unset(value)) {
		told->login = span_dup(SPAN_LIT(""));
		return true;
	}
	buf_init(&b, VALUE_MAX);
	ok = user_name_ok(value) ? buf_put_span(&b, value)
				 : addr_mailbox(value, &b, NULL) == RC_OK;
	if (ok)
		told->login = span_dup(buf_span(&b));
	buf_fini(&b);
	return ok;
}

static bool
take(struct span attribute, struct told *told)
{
	static const struct span others[] = {SPAN_LIT("NAME"), SPAN_LIT("PORT"),
	    SPAN_LIT("PROTO"), SPAN_LIT("HELO"), SPAN_LIT("DESTADDR"),
	    SPAN_LIT("DESTPORT")};
	struct span value = attribute, key = span_cut(&value, '=');
	struct buf b;
	bool ok = false;

	if (value.n == 0)
		return false;
	buf_init(&b, VALUE_MAX);
	addr_dsn_put_plain(&b, value);
	if (span_eq_ci(key, SPAN_LIT("ADDR")))
		ok = told->address == NULL && take_address(buf_span(&b), told);
	else if (span_eq_ci(key, SPAN_LIT("LOGIN")))
		ok = told->login == NULL && take_login(buf_span(&b), told);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ok = ok || span_eq_ci(key, others[i]);
	ok = ok && !b.over;
	buf_fini(&b);
	return ok;
}

enum state
cmd_xclient(struct session *s, struct span args)
{
	struct told told = {0};
	enum state next = s->state;
	bool ok = args.n > 0;

	if (!s->may_xclient) {
		reply(s, REPLY_XCLIENT_DENIED, SPAN_NONE);
		return next;
	}
	while (ok && args.p != NULL) {
		struct span attribute = span_cut(&args, ' ');

		ok = attribute.n == 0 || take(attribute, &told);
	}
	if (ok) {
		session_again(s, told.address,
		    told.login == NULL || told.login[0] == '\0' ? NULL
								: told.login);
		next = ST_NEW;
	} else {
		reply(s, REPLY_SYNTAX, SPAN_LIT("XCLIENT attribute=value ..."));
	}
	free(told.address);
	free(told.login);
	return next;
}

/* Replies as servers send them, and as they should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "delivery/client_reply.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

struct row {
	const char *name;
	const char *in;
	size_t n;          /* of `in`; 0: a C string */
	const char *shown; /* NULL: bad; "": its end is missing */
	const char *status;
	const char *offer; /* P 8 T S=n A=plain L=login, m r d: LIMITS */
};

#define X16(s) s s s s s s s s s s s s s s s s

static const struct row rows[] = {
    {"one line", "250 ok\r\n", 0, "250 ok", "2.0.0", ""},
    {"without text", "250\r\n", 0, "250 ", "2.0.0", ""},
    {"several lines", "250-one\r\n250-two\r\n250 three\r\n", 0,
	"250 one two three", "2.0.0", ""},
    {"enhanced status", "550 5.1.1 no such user\r\n", 0,
	"550 5.1.1 no such user", "5.1.1", ""},
    {"status of another class", "550 2.1.1 no\r\n", 0, "550 2.1.1 no", "5.0.0",
	""},
    {"no status but a number", "550 5.1 no\r\n", 0, "550 5.1 no", "5.0.0", ""},
    {"status too long", "550 5.1234.1 no\r\n", 0, "550 5.1234.1 no", "5.0.0",
	""},
    {"control characters and others", "550 a\tb\x1b[\xe4\r\n", 0, "550 a?b?[?",
	"5.0.0", ""},
    {"cut", "250-one\r\n250", 0, "", NULL, NULL},
    {"empty", "", 0, "", NULL, NULL},
    {"no code", "hello\r\n", 0, NULL, NULL, NULL},
    {"code out of range", "600 no\r\n", 0, NULL, NULL, NULL},
    {"code of two digits", "25 no\r\n", 0, NULL, NULL, NULL},
    {"another code", "250-one\r\n251 two\r\n", 0, NULL, NULL, NULL},
    {"another sign", "250+one\r\n", 0, NULL, NULL, NULL},
    {"bare LF", "250 ok\n", 0, NULL, NULL, NULL},
    {"bare LF in a line", "250 a\n250 b\r\n", 0, NULL, NULL, NULL},
    {"bare CR", "250 a\rb\r\n", 0, NULL, NULL, NULL},
    {"NUL", "250 a\0b\r\n", 9, NULL, NULL, NULL},
    {"too long a line", X16(X16("250 6789")) "\r\n", 0, NULL, NULL, NULL},
    {"too long, without an end", X16(X16("250 6789")), 0, NULL, NULL, NULL},
    {"too many lines", X16(X16("250-x\r\n")) "250 x\r\n", 0, NULL, NULL, NULL},
    {"what EHLO offers",
	"250-me\r\n250-PIPELINING\r\n250-8bitmime\r\n250-STARTTLS\r\n"
	"250-SIZE 1000\r\n250 AUTH LOGIN plain X\r\n",
	0, "250 me PIPELINING 8bitmime STARTTLS SIZE 1000 AUTH LOGIN plain X",
	"2.0.0", "P8TS=1000AL"},
    {"the name offers nothing", "250 PIPELINING\r\n", 0, "250 PIPELINING",
	"2.0.0", ""},
    {"SIZE without, and of no sense", "250-me\r\n250-SIZE\r\n250 SIZE x\r\n", 0,
	"250 me SIZE SIZE x", "2.0.0", "S=0"},
    {"LIMITS", "250-me\r\n250 LIMITS rcptmax=20 FUTURE=1 MAILMAX=5\r\n", 0,
	"250 me LIMITS rcptmax=20 FUTURE=1 MAILMAX=5", "2.0.0", "m=5r=20"},
    {"LIMITS of domains", "250-me\r\n250 LIMITS RCPTDOMAINMAX=1\r\n", 0,
	"250 me LIMITS RCPTDOMAINMAX=1", "2.0.0", "d=1"},
    {"LIMITS of no sense",
	"250-me\r\n250 LIMITS RCPTMAX=0 MAILMAX= MAILMAX=-1 RCPTMAX=1x\r\n", 0,
	"250 me LIMITS RCPTMAX=0 MAILMAX= MAILMAX=-1 RCPTMAX=1x", "2.0.0", ""},
};

static void
check_offer(const struct client_reply *r, const char *expect)
{
	struct client_offer o = client_reply_offer(r);
	struct buf b;

	buf_init(&b, 100);
	(void)buf_puts(&b, o.pipelining ? "P" : "");
	(void)buf_puts(&b, o.eightbit ? "8" : "");
	(void)buf_puts(&b, o.starttls ? "T" : "");
	if (o.size)
		(void)buf_putf(&b, "S=%llu", (unsigned long long)o.size_max);
	(void)buf_puts(&b, o.plain ? "A" : "");
	(void)buf_puts(&b, o.login ? "L" : "");
	if (o.mail_max > 0)
		(void)buf_putf(&b, "m=%llu", (unsigned long long)o.mail_max);
	if (o.rcpt_max > 0)
		(void)buf_putf(&b, "r=%llu", (unsigned long long)o.rcpt_max);
	if (o.domain_max > 0)
		(void)buf_putf(&b, "d=%llu", (unsigned long long)o.domain_max);
	assert_string_equal(buf_cstr(&b), expect);
	buf_fini(&b);
}

/* In pieces of `step` bytes: where they are cut must not matter. */
static void
check(const struct row *row, size_t step)
{
	struct span in =
	    span_make(row->in, row->n > 0 ? row->n : strlen(row->in));
	enum client_reply_kind kind = CLIENT_REPLY_MORE;
	char status[WHY_STATUS_MAX];
	size_t used, from = 0;
	struct client_reply r;
	struct buf b;

	client_reply_init(&r);
	for (size_t to = 0; kind == CLIENT_REPLY_MORE && to < in.n;) {
		to = to + step > in.n ? in.n : to + step;
		kind = client_reply_read(
		    &r, span_make(in.p + from, to - from), &used);
		from += used;
	}
	if (row->shown == NULL)
		assert_int_equal(kind, CLIENT_REPLY_BAD);
	else if (row->shown[0] == '\0')
		assert_int_equal(kind, CLIENT_REPLY_MORE);
	else {
		assert_int_equal(kind, CLIENT_REPLY_WHOLE);
		buf_init(&b, 2000);
		client_reply_put(&r, &b);
		assert_string_equal(buf_cstr(&b), row->shown);
		client_reply_status(&r, status);
		assert_string_equal(status, row->status);
		check_offer(&r, row->offer);
		buf_fini(&b);
	}
	client_reply_fini(&r);
}

static void
check_row(void **state)
{
	check(*state, 100000);
	check(*state, 1);
	check(*state, 7);
}

ROWS_MAIN(rows, check_row)

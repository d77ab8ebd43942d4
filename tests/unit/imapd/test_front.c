/* Each row one conversation before log-in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/imapd/front_drive.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define CAPS  "IMAP4rev1 LITERAL+ ID SASL-IR AUTH=PLAIN"
#define HELLO "* OK [CAPABILITY " CAPS "] h ready\r\n"
#define HELLO0                                                           \
	"* OK [CAPABILITY IMAP4rev1 LITERAL+ ID SASL-IR LOGINDISABLED] " \
	"h ready\r\n"
#define IN                                                               \
	"a OK [CAPABILITY IMAP4rev1 LITERAL+ ID IDLE NAMESPACE UIDPLUS " \
	"UNSELECT CHILDREN MOVE SPECIAL-USE] Logged in\r\n"
#define BYE(tag) "* BYE Bye\r\n" tag " OK LOGOUT done\r\n"
#define OUT      "z LOGOUT\r\n"
#define NO_TLS                                                            \
	"a NO [PRIVACYREQUIRED] Passwords are taken under TLS only: say " \
	"STARTTLS first\r\n"
#define UNKNOWN      "BAD Command not recognized, or not before log-in\r\n"
#define LOGIN_SYNTAX "a BAD Syntax: LOGIN name password\r\n"

static const struct row {
	const char *name;
	const char *in;
	const char *out;
	const char *asked;
	bool secure; /* passwords are not taken */
} rows[] = {
    {"logout", "a1 logout\r\n", HELLO BYE("a1"), "", false},
    {"noop, capability", "a NOOP\r\nb CAPABILITY\r\n" OUT,
	HELLO "a OK NOOP done\r\n* CAPABILITY " CAPS
	      "\r\nb OK CAPABILITY done\r\n" BYE("z"),
	"", false},
    {"login", "a LOGIN u@d good\r\nb X\r\n", HELLO IN "b X\r\n", "|u@d|good;",
	false},
    {"quoted strings", "a LOGIN \"u@d\" \"g\\\"o\\\\d\"\r\n" OUT,
	HELLO "a NO [AUTHENTICATIONFAILED] No, no\r\n" BYE("z"),
	"|u@d|g\"o\\d;", false},
    {"literals that wait", "a LOGIN {3}\r\nu@d {4}\r\ngood\r\n",
	HELLO "+ Go on\r\n+ Go on\r\n" IN, "|u@d|good;", false},
    {"literals that do not", "a LOGIN {3+}\r\nu@d {4+}\r\ngood\r\n", HELLO IN,
	"|u@d|good;", false},
    {"what is behind the log-in is the session's",
	"a LOGIN u@d good\r\nb APPEND {3+}\r\nx\r\ny\r\nand",
	HELLO IN "b APPEND {3+}\r\nx\r\ny\r\nand", "|u@d|good;", false},
    {"later", "a LOGIN u@d later\r\n" OUT,
	HELLO "a NO [UNAVAILABLE] No, no\r\n" BYE("z"), "|u@d|later;", false},
    {"plain, initial response", "a AUTHENTICATE PLAIN AHVAZABnb29k\r\n",
	HELLO IN, "|u@d|good;", false},
    {"plain, asked", "a authenticate plain\r\nAHVAZABnb29k\r\nb X\r\n",
	HELLO "+ \r\n" IN "b X\r\n", "|u@d|good;", false},
    {"plain for another", "a AUTHENTICATE PLAIN eAB1QGQAZ29vZA==\r\n", HELLO IN,
	"x|u@d|good;", false},
    {"plain, cancelled", "a AUTHENTICATE PLAIN\r\n*\r\n" OUT,
	HELLO "+ \r\na BAD Cancelled\r\n" BYE("z"), "", false},
    {"plain, no base64", "a AUTHENTICATE PLAIN\r\n%%\r\n" OUT,
	HELLO "+ \r\na BAD Not base64\r\n" BYE("z"), "", false},
    {"plain, a literal", "a AUTHENTICATE PLAIN\r\n{3+}\r\nabc\r\n" OUT,
	HELLO "+ \r\na BAD Not base64\r\n" BYE("z"), "", false},
    {"plain, of no bytes", "a AUTHENTICATE PLAIN =\r\n" OUT,
	HELLO "a NO Expected [authzid] NUL login NUL password\r\n" BYE("z"), "",
	false},
    {"plain, no password", "a AUTHENTICATE PLAIN AHVAZAA=\r\n" OUT,
	HELLO "a NO Expected [authzid] NUL login NUL password\r\n" BYE("z"), "",
	false},
    {"another mechanism", "a AUTHENTICATE CRAM-MD5\r\n" OUT,
	HELLO "a NO SASL mechanism not offered\r\n" BYE("z"), "", false},
    {"id", "a ID NIL\r\nb ID (\"name\" \"x\" \"os\" NIL)\r\nc ID ()\r\n" OUT,
	HELLO "* ID (\"name\" \"Mailstead\")\r\na OK ID done\r\n"
	      "* ID (\"name\" \"Mailstead\")\r\nb OK ID done\r\n"
	      "* ID (\"name\" \"Mailstead\")\r\nc OK ID done\r\n" BYE("z"),
	"", false},
    {"id, half a pair", "a ID (\"name\")\r\n" OUT,
	HELLO "a BAD Syntax: ID NIL, or ID (\"field\" \"value\")\r\n" BYE("z"),
	"", false},
    {"no certificate", "a STARTTLS\r\n" OUT,
	HELLO "a BAD TLS is not available\r\n" BYE("z"), "", false},
    {"not before log-in", "a SELECT INBOX\r\nb\r\nc  NOOP\r\n" OUT,
	HELLO "a " UNKNOWN "b " UNKNOWN "c " UNKNOWN BYE("z"), "", false},
    {"no tag", "\r\n+ NOOP\r\n(\r\n" OUT,
	HELLO "* BAD A command begins with a tag\r\n"
	      "* BAD A command begins with a tag\r\n"
	      "* BAD A command begins with a tag\r\n" BYE("z"),
	"", false},
    {"arguments", "a LOGIN\r\na LOGIN u\r\na LOGIN u p x\r\na NOOP x\r\n" OUT,
	HELLO LOGIN_SYNTAX LOGIN_SYNTAX LOGIN_SYNTAX
	"a BAD Syntax: NOOP\r\n" BYE("z"),
	"", false},
    {"LF alone", "a NOOP\nb NOOP\r\n" OUT,
	HELLO "a BAD Syntax: NOOP\r\n" BYE("z"), "", false},
    {"a large literal", "a LOGIN {16384}\r\nb LOGIN {999999999}\r\n" OUT,
	HELLO "a BAD Command too long\r\nb BAD Command too long\r\n" BYE("z"),
	"", false},
    {"no password without TLS", "a LOGIN u@d good\r\n" OUT,
	HELLO0 NO_TLS BYE("z"), "", true},
    {"nor one in a literal", "a LOGIN {3}\r\na LOGIN u {4+}\r\ngood\r\n" OUT,
	HELLO0 NO_TLS NO_TLS BYE("z"), "", true},
    {"nor by SASL", "a AUTHENTICATE PLAIN\r\n" OUT, HELLO0 NO_TLS BYE("z"), "",
	true},
    {"too many failures",
	"a LOGIN u 1\r\na LOGIN u 2\r\na LOGIN u 3\r\na LOGIN u 4\r\n"
	"a LOGIN u 5\r\na LOGIN u@d good\r\n",
	HELLO "a NO [AUTHENTICATIONFAILED] No, no\r\n"
	      "a NO [AUTHENTICATIONFAILED] No, no\r\n"
	      "a NO [AUTHENTICATIONFAILED] No, no\r\n"
	      "a NO [AUTHENTICATIONFAILED] No, no\r\n"
	      "a NO [AUTHENTICATIONFAILED] Authentication failed\r\n"
	      "* BYE Too many failures, closing\r\n",
	"|u|1;|u|2;|u|3;|u|4;|u|5;", false},
};

static struct drive d;

static void
say(struct span in, bool secure, const char *out)
{
	struct buf b;

	if (d.base == NULL)
		drive_init(&d);
	d.conf.auth.allow_plaintext = !secure;
	buf_init(&b, 65536);
	drive_say(&d, in, &b);
	assert_string_equal(buf_cstr(&b), out);
	buf_fini(&b);
}

static void
check_row(void **state)
{
	const struct row *row = *state;

	say(span_of(row->in), row->secure, row->out);
	assert_string_equal(buf_cstr(&d.asked), row->asked);
}

/* A command without an end is thrown away, and told once. */
static void
check_long(void **state)
{
	struct buf in;

	(void)state;
	buf_init(&in, 1 << 20);
	buf_puts(&in, "a LOGIN u ");
	for (int i = 0; i < 40000; i++)
		buf_puts(&in, "x");
	buf_puts(&in, "\r\n" OUT);
	say(buf_span(&in), false, HELLO "a BAD Command too long\r\n" BYE("z"));
	buf_fini(&in);
}

static void
check_errors(void **state)
{
	struct buf in, out;

	(void)state;
	buf_init(&in, 65536);
	buf_init(&out, 65536);
	buf_puts(&out, HELLO);
	for (int i = 0; i < 30; i++)
		buf_puts(&in, "a X\r\n");
	for (int i = 0; i < 21; i++)
		buf_puts(&out, "a " UNKNOWN);
	buf_puts(&out, "* BYE Too many errors, closing\r\n");
	say(buf_span(&in), false, buf_cstr(&out));
	buf_fini(&in);
	buf_fini(&out);
}

static void
check_too_many(void **state)
{
	(void)state;
	d.conf.imap.max_sessions = 0;
	say(SPAN_LIT("a LOGIN u@d good\r\n"), false,
	    "* BYE [UNAVAILABLE] Too many connections, try later\r\n");
	d.conf.imap.max_sessions = 1000;
}

static void
check_stopping(void **state)
{
	(void)state;
	d.w.stopping = true;
	say(SPAN_LIT(""), false,
	    "* BYE [UNAVAILABLE] The server is shutting down, try later\r\n");
	d.w.stopping = false;
}

static void
check_no_authd(void **state)
{
	struct ipc_link *authd = d.server.authd;

	(void)state;
	d.server.authd = NULL;
	say(SPAN_LIT("a LOGIN u@d good\r\n" OUT), false,
	    HELLO
	    "a NO [UNAVAILABLE] Log-in is not possible now, try later\r\n" BYE(
		"z"));
	d.server.authd = authd;
}

/* The rest is said before the end, which comes by itself. */
static void
check_time_out(void **state)
{
	int pair[2];
	char said[512];
	size_t n = 0;
	ssize_t got;

	(void)state;
	d.conf.imap.login_timeout = 1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	front_new(&d.server, false, pair[1], NULL);
	d.conf.imap.login_timeout = 60000;
	while (((struct imap *)TAILQ_FIRST(&d.server.fronts))->front.phase !=
	       FRONT_CLOSED)
		event_base_loop(d.base, EVLOOP_ONCE);
	event_base_loop(d.base, EVLOOP_NONBLOCK);
	while ((got = read(pair[0], said + n, sizeof(said) - 1 - n)) > 0)
		n += (size_t)got;
	said[n] = '\0';
	assert_string_equal(
	    said, HELLO "* BYE Too long without a log-in, closing\r\n");
	io_close(&pair[0]);
	while (d.server.n_fronts > 0)
		event_base_loop(d.base, EVLOOP_ONCE);
}

int
main(void)
{
	enum {
		N = sizeof(rows) / sizeof(rows[0])
	};
	struct CMUnitTest tests[N + 6] = {[N] = cmocka_unit_test(check_long),
	    [N + 1] = cmocka_unit_test(check_errors),
	    [N + 2] = cmocka_unit_test(check_too_many),
	    [N + 3] = cmocka_unit_test(check_stopping),
	    [N + 4] = cmocka_unit_test(check_no_authd),
	    [N + 5] = cmocka_unit_test(check_time_out)};

	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/conf/conf.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

/* the least that loads; what is tested begins on line 3 */
#define BASE "hostname: mx.example.org\ndomains: [example.org]\n"
#define TEXT(s)                  \
	{                        \
		s, sizeof(s) - 1 \
	}

static const struct row {
	const char *name;
	struct span text;
	const char *errors; /* "" when it loads */
} rows[] = {
    {"the least", TEXT(BASE), ""},
    {"sections with nothing in them", TEXT(BASE "smtpd:\nqueue: {}\ntls: ~\n"),
	""},
    {"no line end", TEXT("domains: [a.example]\nhostname: b.example"), ""},
    {"carriage returns",
	TEXT("domains: [a.example]\r\nhostname: b.example\r\n"), ""},
    {"byte order mark", TEXT("\xef\xbb\xbf" BASE), ""},
    {"document marks", TEXT("---\n" BASE "...\n"), ""},
    {"quoted scalars", TEXT(BASE "smtpd: {max_sessions: \"25\"}\n"), ""},

    /* nothing there */
    {"empty file", TEXT(""),
	"m:1:1: hostname: not given, and it has no default\n"
	"m:1:1: domains: not given, and it has no default\n"},
    {"comments only", TEXT("# nothing\n"),
	"m:1:1: hostname: not given, and it has no default\n"
	"m:1:1: domains: not given, and it has no default\n"},
    {"empty document", TEXT("---\n"),
	"m:1:1: hostname: not given, and it has no default\n"
	"m:1:1: domains: not given, and it has no default\n"},
    {"only sections", TEXT("smtpd:\n"),
	"m:1:1: hostname: not given, and it has no default\n"
	"m:1:1: domains: not given, and it has no default\n"},
    {"hostname with nothing", TEXT("hostname:\ndomains: [example.org]\n"),
	"m:1:10: hostname: expected a host name, found nothing\n"},
    {"hostname null", TEXT("hostname: ~\ndomains: [example.org]\n"),
	"m:1:11: hostname: expected a host name, found nothing\n"},
    {"hostname empty", TEXT("hostname: ''\ndomains: [example.org]\n"),
	"m:1:11: hostname: expected a host name, found \"\"\n"},
    {"option with nothing", TEXT(BASE "smtpd:\n  max_sessions:\n"),
	"m:4:16: smtpd.max_sessions: expected a number from 1 to 100000, "
	"found nothing\n"},
    {"no network", TEXT(BASE "limits: {exempt: [10.0.0.1/8]}\n"),
	"m:3:19: limits.exempt: expected an IP address or network like "
	"\"192.0.2.0/24\", found \"10.0.0.1/8\"\n"},
    {"no list of networks", TEXT(BASE "limits: {exempt: all}\n"),
	"m:3:18: limits.exempt: expected a list like [\"192.0.2.0/24\"], found "
	"\"all\"\n"},
    {"no domains", TEXT("hostname: a.example\ndomains: []\n"),
	"m:2:10: domains: expected at least one item, found an empty list\n"},
    {"list with nothing", TEXT("hostname: a.example\ndomains:\n"),
	"m:2:9: domains: expected a list of domain names, found nothing\n"},
    {"item with nothing",
	TEXT("hostname: a.example\ndomains:\n  - b.example\n  -\n"),
	"m:4:4: domains: expected a domain name, found nothing\n"},

    /* not our structure */
    {"scalar file", TEXT("hello"),
	"m:1:1: expected options like \"hostname: mail.example.org\", found "
	"\"hello\"\n"},
    {"list file", TEXT("- a\n- b\n"),
	"m:1:1: expected options like \"hostname: mail.example.org\", found "
	"a list\n"},
    {"not YAML", TEXT(BASE "smtpd: [1\nlog: x\n"),
	"m:3:8: smtpd: expected options, found a list\n"
	"m:4:4: not YAML: did not find expected ',' or ']' while parsing a "
	"flow sequence\n"},
    {"tab", TEXT(BASE "smtpd:\n\ttimeout: 5m\n"),
	"m:4:1: not YAML: found character that cannot start any token while "
	"scanning for the next token; indent with spaces, not with tabs\n"},
    {"star without quotes", TEXT(BASE "listen:\n  smtp: [*:25]\n"),
	"m:4:11: not YAML: did not find expected alphabetic or numeric "
	"character while scanning an alias; a value that begins with \"*\" "
	"needs quotes\n"},
    {"NUL byte", TEXT("hostname: a\0b\n"),
	"m:1:12: not YAML: control characters are not allowed\n"},
    {"invalid UTF-8", TEXT("# \xc3\xa4\nhostname: \xff\n"),
	"m:2:11: not YAML: invalid leading UTF-8 octet\n"},
    {"UTF-16", TEXT("\xff\xfe#\0"),
	"m:1:1: not YAML: invalid leading UTF-8 octet\n"},
    {"alias and anchor", TEXT(BASE "postmaster: &a b@c.d\nlog: *a\n"),
	"m:3:13: anchors are not supported; a value that begins with \"&\" "
	"needs quotes\n"
	"m:4:6: aliases are not supported; a value that begins with \"*\" "
	"needs quotes\n"},
    {"anchor alone", TEXT(BASE "smtpd: &s\n  timeout: x\n"),
	"m:3:8: anchors are not supported; a value that begins with \"&\" "
	"needs quotes\n"
	"m:4:12: smtpd.timeout: expected a duration from 1s to 1h, found "
	"\"x\"\n"},
    {"tag", TEXT(BASE "smtpd:\n  max_errors: !!int 3\n"),
	"m:4:15: tags are not supported; a value that begins with \"!\" needs "
	"quotes\n"},
    {"two documents", TEXT(BASE "---\n" BASE),
	"m:3:1: a second document; one is all there may be\n"},
    {"list for a scalar", TEXT(BASE "smtpd:\n  timeout: [1s, 2s]\n"),
	"m:4:12: smtpd.timeout: expected a duration from 1s to 1h, found a "
	"list\n"},
    {"mapping for a scalar", TEXT(BASE "auth:\n  threads:\n    n: 2\n"),
	"m:5:5: auth.threads: expected a number from 1 to 16, found a "
	"mapping\n"},
    {"scalar for a list", TEXT("hostname: a.b\ndomains: example.org\n"),
	"m:2:10: domains: expected a list of domain names, found "
	"\"example.org\"\n"},
    {"list in a list", TEXT("hostname: a.b\ndomains: [a.b, [c.d]]\n"),
	"m:2:16: domains: expected a domain name, found a list\n"},
    {"scalar for a section", TEXT(BASE "smtpd: 5\n"),
	"m:3:8: smtpd: expected options, found \"5\"\n"},
    {"list for a section", TEXT(BASE "smtpd:\n  - timeout: 5m\n"),
	"m:4:3: smtpd: expected options, found a list\n"},
    {"key that is a list", TEXT(BASE "[a, b]: c\n"),
	"m:3:1: expected the name of an option\n"},
    {"same option twice", TEXT(BASE "hostname: b.example\n"),
	"m:3:1: hostname: given twice, first on line 1\n"},
    {"same section twice", TEXT(BASE "log: {level: info}\nlog: {x: y}\n"),
	"m:4:1: log: given twice, first on line 3\n"},
    {"nested deeply",
	TEXT(BASE "x: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n"),
	"m:3:1: x: unknown option\nm:3:35: nested too deeply\n"},

    {"alias domains that make no sense",
	TEXT("hostname: a\ndomains: [a.b, c.d]\nalias_domains:\n"
	     "  - x.y=A.b\n  - X.Y=c.d\n  - c.d=a.b\n  - z=x.y\n"),
	"m:5:5: alias_domains: x.y is given twice\n"
	"m:6:5: alias_domains: c.d is one of domains already\n"
	"m:7:5: alias_domains: x.y is not one of domains\n"},

    {"relay domains that make no sense",
	TEXT("hostname: a\ndomains: [a.b]\nalias_domains: [c.d=a.b]\n"
	     "relay: {domains: [x, a.b, c.d=e, X=f, y=g]}\n"),
	"m:4:22: relay.domains: a.b is one of this host's already\n"
	"m:4:27: relay.domains: c.d is one of this host's already\n"
	"m:4:34: relay.domains: x is given twice\n"},

    /* unknown options */
    {"letter missing", TEXT(BASE "smtpd:\n  max_sesions: 5\n"),
	"m:4:3: smtpd.max_sesions: unknown option; did you mean "
	"\"max_sessions\"?\n"},
    {"dash for underscore", TEXT(BASE "queue: {retry-max: 5d}\n"),
	"m:3:9: queue.retry-max: unknown option; did you mean "
	"\"retry_max\"?\n"},
    {"section misspelt", TEXT(BASE "smptd:\n  timeout: 1s\n"),
	"m:3:1: smptd: unknown option; did you mean \"smtpd\"?\n"},
    {"nothing near", TEXT(BASE "relayhost: [a, {b: c}]\nlog: {level: x}\n"),
	"m:3:1: relayhost: unknown option\n"
	"m:4:14: log.level: expected one of error, warning, notice, info, "
	"debug, found \"x\"\n"},
    {"key with control characters", TEXT(BASE "\"host\\0\\e\": a\n"),
	"m:3:1: host??: unknown option\n"},
    {"known key behind which is more", TEXT(BASE "\"hostname\\0\": a\n"),
	"m:3:1: hostname?: unknown option; did you mean \"hostname\"?\n"},
    {"empty key", TEXT(BASE "'': a\n"), "m:3:1: : unknown option\n"},
    {"long key",
	TEXT(BASE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaa: 1\n"),
	"m:3:1: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"...: unknown option\n"},

    /* values */
    {"number word", TEXT(BASE "\n\n\nsmtpd:\n\n\n\n\n  max_sessions: many\n"),
	"m:11:17: smtpd.max_sessions: expected a number from 1 to 100000, "
	"found \"many\"\n"},
    {"number with letters", TEXT(BASE "smtpd: {max_errors: 12abc}\n"),
	"m:3:21: smtpd.max_errors: expected a number from 1 to 1000, found "
	"\"12abc\"\n"},
    {"number with zero", TEXT(BASE "smtpd: {max_errors: 025}\n"),
	"m:3:21: smtpd.max_errors: expected a number from 1 to 1000, found "
	"\"025\"\n"},
    {"number with exponent", TEXT(BASE "smtpd: {max_errors: 1e3}\n"),
	"m:3:21: smtpd.max_errors: expected a number from 1 to 1000, found "
	"\"1e3\"\n"},
    {"number too large", TEXT(BASE "smtpd: {max_errors: 1001}\n"),
	"m:3:21: smtpd.max_errors: expected a number from 1 to 1000, found "
	"\"1001\"\n"},
    {"too few recipients", TEXT(BASE "smtpd: {max_recipients: 99}\n"),
	"m:3:25: smtpd.max_recipients: expected a number from 100 to 10000, "
	"found \"99\"\n"},
    {"duration without unit", TEXT(BASE "smtpd: {timeout: 60}\n"),
	"m:3:18: smtpd.timeout: expected a duration from 1s to 1h, found "
	"\"60\"\n"},
    {"RFC 1939 time-out", TEXT(BASE "pop3: {timeout: 599s}\n"),
	"m:3:17: pop3.timeout: expected a duration from 10m to 1d, found "
	"\"599s\"\n"},
    {"RFC 3501 time-out", TEXT(BASE "imap: {timeout: 29m}\n"),
	"m:3:17: imap.timeout: expected a duration from 30m to 1d, found "
	"\"29m\"\n"},
    {"size too small", TEXT(BASE "smtpd: {max_message_size: 1023}\n"),
	"m:3:27: smtpd.max_message_size: expected a size from 1kB to 1GB, "
	"found \"1023\"\n"},
    {"bool word", TEXT(BASE "auth: {allow_plaintext: True}\n"),
	"m:3:25: auth.allow_plaintext: expected true or false, found "
	"\"True\"\n"},
    {"choice case", TEXT(BASE "tls: {min_version: TLSV1.2}\n"),
	"m:3:20: tls.min_version: expected one of TLSv1, TLSv1.1, TLSv1.2, "
	"TLSv1.3, found \"TLSV1.2\"\n"},
    {"more certificates without the first", TEXT(BASE "tls: {more: [/a=/b]}\n"),
	"m:3:13: tls.more: needs tls.certificate and tls.key as well\n"},
    {"certificate without its key",
	TEXT(BASE "tls: {certificate: /c, key: /k, more: [/a]}\n"),
	"m:3:40: tls.more: expected a certificate's file and its key's like "
	"\"/etc/ssl/b.pem=/etc/ssl/b.key\", found \"/a\"\n"},
    {"relative path", TEXT(BASE "paths: {spool: spool}\n"),
	"m:3:16: paths.spool: expected an absolute path, found \"spool\"\n"},
    {"empty path", TEXT(BASE "paths: {spool: ''}\n"),
	"m:3:16: paths.spool: expected an absolute path, found \"\"\n"},
    {"control characters", TEXT(BASE "paths: {spool: \"/a\\nb\"}\n"),
	"m:3:16: paths.spool: control characters are not allowed\n"},
    {"escaped NUL", TEXT(BASE "paths: {spool: \"/a\\0b\"}\n"),
	"m:3:16: paths.spool: control characters are not allowed\n"},
    {"text of two lines", TEXT(BASE "paths:\n  spool: |\n    /a\n    b\n"),
	"m:4:10: paths.spool: control characters are not allowed\n"},
    {"endpoint names", TEXT(BASE "listen: {smtp: ['localhost:25']}\n"),
	"m:3:17: listen.smtp: expected an IP address (or *) and port like "
	"\"*:25\" or \"[::1]:25\", or \"unix:\" and an absolute path, found "
	"\"localhost:25\"\n"},
    {"endpoint scalar", TEXT(BASE "listen: {smtp: '*:25'}\n"),
	"m:3:16: listen.smtp: expected a list like [\"*:25\"], found "
	"\"*:25\"\n"},
    {"underscore in a host", TEXT("hostname: a_b.c\ndomains: [a.b]\n"),
	"m:1:11: hostname: expected a host name, found \"a_b.c\"\n"},
    {"address for a host", TEXT("hostname: 192.0.2.1\ndomains: [a.b]\n"),
	"m:1:11: hostname: expected a host name, found \"192.0.2.1\"\n"},
    {"dot at the end", TEXT("hostname: a.b.\ndomains: [a.b]\n"),
	"m:1:11: hostname: expected a host name, found \"a.b.\"\n"},
    {"no U-label",
	TEXT("hostname: a.b\ndomains: [b\xc3\xbc"
	     "cher..example]\n"),
	"m:2:11: domains: expected a domain name (beyond ASCII by IDNA2008), "
	"found \"b?cher..example\"\n"},
    {"postmaster without domain", TEXT(BASE "postmaster: root\n"),
	"m:3:13: postmaster: expected an address like user@example.org, found "
	"\"root\"\n"},

    /* what belongs together */
    {"certificate without key", TEXT(BASE "tls: {certificate: /a}\n"),
	"m:3:20: tls.certificate: needs tls.key as well\n"},
    {"key without certificate", TEXT(BASE "tls: {key: /a}\n"),
	"m:3:12: tls.key: needs tls.certificate as well\n"},
    {"TLS listener without certificate",
	TEXT(BASE "listen: {pop3s: ['*:995'], submissions: []}\n"),
	"m:3:17: listen.pop3s: needs tls.certificate and tls.key\n"},
    {"imaps without TLS", TEXT(BASE "listen: {imaps: ['*:993']}\n"),
	"m:3:17: listen.imaps: needs tls.certificate and tls.key\n"},
    {"first retry too late", TEXT(BASE "queue: {retry_first: 5h}\n"),
	"m:3:22: queue.retry_first: longer than queue.retry_max\n"},
    {"longest retry too short", TEXT(BASE "queue: {retry_max: 1s}\n"),
	"m:3:20: queue.retry_first: longer than queue.retry_max\n"},
    {"users of a domain elsewhere",
	TEXT(BASE "users: {domains: [example.org, b.example]}\n"),
	"m:3:18: users.domains: b.example is not one of domains\n"},
    {"no uid between", TEXT(BASE "users: {min_uid: 5, max_uid: 4}\n"),
	"m:3:18: users.min_uid: above users.max_uid\n"},
    {"root is no user", TEXT(BASE "users: {min_uid: 0}\n"),
	"m:3:18: users.min_uid: expected a number from 1 to 4294967294, found "
	"\"0\"\n"},

    {"all in one go",
	TEXT("smtpd:\n  timeout: [x]\n  max_errors: 0\n  max_errors: 1\n"
	     "domains: [a..b, c.d, -e]\nlogs: x\npop3: {processes: -1}\n"),
	"m:1:1: hostname: not given, and it has no default\n"
	"m:2:12: smtpd.timeout: expected a duration from 1s to 1h, found a "
	"list\n"
	"m:4:3: smtpd.max_errors: given twice, first on line 3\n"
	"m:5:11: domains: expected a domain name, found \"a..b\"\n"
	"m:5:22: domains: expected a domain name, found \"-e\"\n"
	"m:6:1: logs: unknown option; did you mean \"log\"?\n"
	"m:7:19: pop3.processes: expected a number from 0 to 64, found "
	"\"-1\"\n"},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct conf *conf = NULL;
	struct buf errors;
	enum rc rc;

	buf_init(&errors, 65536);
	rc = conf_load_text(row->text, "m", &conf, &errors);
	assert_string_equal(buf_cstr(&errors), row->errors);
	assert_int_equal(rc, row->errors[0] == '\0' ? RC_OK : RC_PERM);
	assert_true((conf != NULL) == (rc == RC_OK));
	conf_free(&conf);
	buf_fini(&errors);
}

ROWS_MAIN(rows, check_row)

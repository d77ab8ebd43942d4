/*
 * The texts made of a configuration: what a file means, canonically, and that
 * both the canonical text and the dump lead back to the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/conf/conf.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define BASE "hostname: mx.example.org\ndomains: [example.org]\n"
#define TLS  "tls: {certificate: /c.pem, key: /k.pem}\n"

static const struct row {
	const char *name;
	const char *file;
	uint32_t sections;
	const char *text;
} rows[] = {
    {"names", "hostname: MX.Example.ORG\ndomains: [A.Example, xn--b.c]\n",
	CONF_TOP,
	"hostname=mx.example.org\n"
	"domains=a.example xn--b.c\n"
	"postmaster=postmaster@a.example\n"
	"alias_domains=\n"
	"recipient_delimiter=+\n"
	"proxies=\n"},
    {"postmaster", BASE "postmaster: Joe.D=x%y@Example.ORG\n", CONF_TOP,
	"hostname=mx.example.org\n"
	"domains=example.org\n"
	"postmaster=Joe.D%3dx%25y@example.org\n"
	"alias_domains=\n"
	"recipient_delimiter=+\n"
	"proxies=\n"},
    {"alias domains, delimiters",
	BASE "alias_domains: [A.Example=Example.org, b.example=example.org]\n"
	     "recipient_delimiter: '-='\n",
	CONF_TOP,
	"hostname=mx.example.org\n"
	"domains=example.org\n"
	"postmaster=postmaster@example.org\n"
	"alias_domains=a.example%3dexample.org b.example%3dexample.org\n"
	"recipient_delimiter=-%3d\n"
	"proxies=\n"},
    {"no delimiter", BASE "recipient_delimiter: ''\n", CONF_TOP,
	"hostname=mx.example.org\n"
	"domains=example.org\n"
	"postmaster=postmaster@example.org\n"
	"alias_domains=\n"
	"recipient_delimiter=\n"
	"proxies=\n"},
    {"paths", BASE "paths: {spool: \"/a b/\\xe4\\\"\\\\\", aliases: ''}\n",
	CONF_PATHS,
	"paths.spool=/a%20b/%c3%a4%22\\\n"
	"paths.state=" LOCALSTATEDIR "/lib/mailstead\n"
	"paths.run=/run/mailstead\n"
	"paths.mail=" LOCALSTATEDIR "/lib/mailstead/mail\n"
	"paths.aliases=\n"
	"paths.senders=\n"},
    {"listeners without TLS", BASE, CONF_LISTEN,
	"listen.smtp=*:25\n"
	"listen.submission=*:587\n"
	"listen.submissions=\n"
	"listen.pop3=*:110\n"
	"listen.pop3s=\n"
	"listen.imap=*:143\n"
	"listen.imaps=\n"
	"listen.lmtp=\n"},
    {"listeners with TLS",
	BASE TLS "listen: {smtp: ['[::]:25', '127.0.0.1:0'], pop3: []}\n",
	CONF_LISTEN,
	"listen.smtp=[::]:25 127.0.0.1:0\n"
	"listen.submission=*:587\n"
	"listen.submissions=*:465\n"
	"listen.pop3=\n"
	"listen.pop3s=*:995\n"
	"listen.imap=*:143\n"
	"listen.imaps=*:993\n"
	"listen.lmtp=\n"},
    {"TLS", BASE "tls: {certificate: /c, key: /k, min_version: TLSv1.3}\n",
	CONF_TLS,
	"tls.certificate=/c\n"
	"tls.key=/k\n"
	"tls.more=\n"
	"tls.min_version=TLSv1.3\n"},
    {"more TLS",
	BASE "tls: {certificate: /c, key: /k, more: [/A=/B, /d/e=/d/f]}\n",
	CONF_TLS,
	"tls.certificate=/c\n"
	"tls.key=/k\n"
	"tls.more=/A%3d/B /d/e%3d/d/f\n"
	"tls.min_version=TLSv1.2\n"},
    {"smtpd by default", BASE, CONF_SMTPD,
	"smtpd.processes=0\n"
	"smtpd.max_sessions=1000\n"
	"smtpd.max_message_size=26214400\n"
	"smtpd.max_recipients=1000\n"
	"smtpd.max_memory=536870912\n"
	"smtpd.max_errors=20\n"
	"smtpd.max_junk=100\n"
	"smtpd.xclient=\n"
	"smtpd.vrfy=users\n"
	"smtpd.expn=none\n"
	"smtpd.max_hold=604800000\n"
	"smtpd.max_priority=4\n"
	"smtpd.early_talkers=false\n"
	"smtpd.sender_rights=header\n"
	"smtpd.timeout=300000\n"
	"smtpd.data_timeout=180000\n"},
    {"smtpd",
	BASE "smtpd: {processes: 64, max_message_size: 1234567, timeout: 1s,\n"
	     "  data_timeout: 1500ms}\n",
	CONF_SMTPD,
	"smtpd.processes=64\n"
	"smtpd.max_sessions=1000\n"
	"smtpd.max_message_size=1234567\n"
	"smtpd.max_recipients=1000\n"
	"smtpd.max_memory=536870912\n"
	"smtpd.max_errors=20\n"
	"smtpd.max_junk=100\n"
	"smtpd.xclient=\n"
	"smtpd.vrfy=users\n"
	"smtpd.expn=none\n"
	"smtpd.max_hold=604800000\n"
	"smtpd.max_priority=4\n"
	"smtpd.early_talkers=false\n"
	"smtpd.sender_rights=header\n"
	"smtpd.timeout=1000\n"
	"smtpd.data_timeout=1500\n"},
    {"limits by default", BASE, CONF_LIMITS,
	"limits.smtp=50\n"
	"limits.pop3=50\n"
	"limits.imap=400\n"
	"limits.login=100\n"
	"limits.rate=600\n"
	"limits.login_recipients=1000\n"
	"limits.exempt=127.0.0.0/8 ::1\n"},
    {"limits",
	BASE "limits: {smtp: 0, rate: 1, login_recipients: 7, exempt: "
	     "['2001:DB8::/32', "
	     "192.0.2.1]}\n",
	CONF_LIMITS,
	"limits.smtp=0\n"
	"limits.pop3=50\n"
	"limits.imap=400\n"
	"limits.login=100\n"
	"limits.rate=1\n"
	"limits.login_recipients=7\n"
	"limits.exempt=2001:db8::/32 192.0.2.1\n"},
    {"nobody exempt", BASE "limits: {exempt: []}\n", CONF_LIMITS,
	"limits.smtp=50\n"
	"limits.pop3=50\n"
	"limits.imap=400\n"
	"limits.login=100\n"
	"limits.rate=600\n"
	"limits.login_recipients=1000\n"
	"limits.exempt=\n"},
    {"queue, delivery", BASE "queue: {direct_patience: 0, retry_max: 90m}\n",
	CONF_QUEUE | CONF_DELIVERY,
	"queue.direct_recipients=32\n"
	"queue.direct_patience=0\n"
	"queue.retry_first=300000\n"
	"queue.retry_max=5400000\n"
	"queue.max_age=432000000\n"
	"queue.delay_warning=14400000\n"
	"queue.double_bounces=true\n"
	"queue.threads=16\n"
	"delivery.processes=1\n"
	"delivery.threads=16\n"
	"delivery.program_user=\n"
	"delivery.program_timeout=600000\n"},
    {"relay by default", BASE, CONF_RELAY,
	"relay.host=\n"
	"relay.port=587\n"
	"relay.tls=verify\n"
	"relay.login=\n"
	"relay.password_file=\n"
	"relay.routes=\n"
	"relay.passwords=\n"
	"relay.sessions=20\n"
	"relay.domains=\n"
	"relay.recipients=\n"},
    {"relay",
	BASE
	"relay: {host: Out.Example, port: 465, tls: implicit,\n"
	"  login: 'A key%', password_file: /etc/p, sessions: 1,\n"
	"  routes: [to=a.b via=mx, from=@c.d via=H as=X], passwords: /p}\n",
	CONF_RELAY,
	"relay.host=out.example\n"
	"relay.port=465\n"
	"relay.tls=implicit\n"
	"relay.login=A%20key%25\n"
	"relay.password_file=/etc/p\n"
	"relay.routes=to%3da.b%20via%3dmx from%3d@c.d%20via%3dH%20as%3dX\n"
	"relay.passwords=/p\n"
	"relay.sessions=1\n"
	"relay.domains=\n"
	"relay.recipients=\n"},
    {"auth", BASE "auth: {allow_plaintext: yes}\n", CONF_AUTH,
	"auth.threads=2\n"
	"auth.remember=600000\n"
	"auth.scram=none\n"
	"auth.allow_plaintext=true\n"},
    {"auth off", BASE "auth: {allow_plaintext: off}\n", CONF_AUTH,
	"auth.threads=2\n"
	"auth.remember=600000\n"
	"auth.scram=none\n"
	"auth.allow_plaintext=false\n"},
    {"no users", BASE, CONF_USERS,
	"users.domains=\n"
	"users.min_uid=1000\n"
	"users.max_uid=60000\n"
	"users.forward=all\n"},
    {"users",
	BASE "users: {domains: [Example.org], min_uid: 500, max_uid: 500, "
	     "forward: addresses}\n",
	CONF_USERS,
	"users.domains=example.org\n"
	"users.min_uid=500\n"
	"users.max_uid=500\n"
	"users.forward=addresses\n"},
    {"pop3", BASE, CONF_POP3,
	"pop3.processes=1\n"
	"pop3.max_sessions=1000\n"
	"pop3.timeout=600000\n"
	"pop3.login_timeout=60000\n"},
    {"imap", BASE, CONF_IMAP,
	"imap.processes=1\n"
	"imap.max_sessions=1000\n"
	"imap.timeout=1800000\n"
	"imap.login_timeout=60000\n"
	"imap.max_append=26214400\n"},
    {"sandbox, log",
	BASE "sandbox: {required: on, uid_base: 4000000000}\n"
	     "log: {level: debug}\n",
	CONF_SANDBOX | CONF_LOG,
	"sandbox.required=true\n"
	"sandbox.landlock_abi=99\n"
	"sandbox.uid_base=4000000000\n"
	"log.level=debug\n"},
    {"last of each section only", BASE "log:\n  level: error\n", CONF_LOG,
	"log.level=error\n"},
    {"no section", BASE, 0, ""},
};

static struct conf *
load(struct span file)
{
	struct conf *conf = NULL;
	struct buf errors;

	buf_init(&errors, 65536);
	if (conf_load_text(file, "m", &conf, &errors) != RC_OK)
		fail_msg("%s", buf_cstr(&errors));
	buf_fini(&errors);
	return conf;
}

static void
expect_text(const struct conf *conf, uint32_t sections, const char *text)
{
	struct buf out;

	buf_init(&out, 65536);
	assert_true(conf_encode(conf, sections, &out));
	assert_string_equal(buf_cstr(&out), text);
	buf_fini(&out);
}

/* A person reads it: lines of a terminal's width, one comment in each. */
static void
expect_neat(struct span dump)
{
	while (dump.p != NULL) {
		struct span line = span_cut(&dump, '\n');
		size_t hash = span_find(line, '#');

		assert_true(line.n < 80);
		assert_int_equal(span_find(span_from(line, hash + 1), '#'),
		    span_from(line, hash + 1).n);
	}
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	struct conf *conf = load(span_of(row->file)), *again;
	struct buf dump;

	expect_text(conf, row->sections, row->text);
	assert_int_equal(conf_decode(span_of(row->text), &again, NULL), RC_OK);
	assert_int_equal(again->sections, row->sections);
	expect_text(again, row->sections, row->text);
	conf_free(&again);

	buf_init(&dump, 65536);
	assert_true(conf_dump(conf, &dump));
	expect_neat(buf_span(&dump));
	again = load(buf_span(&dump));
	expect_text(again, row->sections, row->text);
	conf_free(&again);
	conf_free(&conf);
	buf_fini(&dump);
}

ROWS_MAIN(rows, check_row)

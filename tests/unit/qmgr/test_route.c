/* Which way mail to other hosts goes, as a remote delivery worker is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/qmgr/outside.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static void
literal_has_no_mx(void)
{
	start_remote();
	submit("x@[192.0.2.7]");
	assert_int_equal(t.n_jobs, 1);
	assert_string_equal(t.jobs[0].next_hop, "[192.0.2.7]");
	assert_false(t.jobs[0].mx);
	answer(&t.jobs[0], GOOD);
}

static void
smart_host(void)
{
	static char host[] = "relay.example", login[] = "apikey";

	t.conf.relay.host = host;
	t.conf.relay.port = 587;
	t.conf.relay.login = login;
	t.conf.relay.tls = CONF_RELAY_TLS_MAY;
	t.q.passwords.smart = secret_of(SPAN_LIT("secret"));
	start_remote();
	submit("x@elsewhere.example\ny@other.example");
	assert_int_equal(t.n_jobs, 1);
	assert_int_equal(t.jobs[0].n, 2);
	assert_string_equal(t.jobs[0].next_hop, "relay.example");
	assert_false(t.jobs[0].mx);
	assert_int_equal(t.jobs[0].port, 587);
	assert_string_equal(t.jobs[0].login, "apikey");
	assert_string_equal(t.jobs[0].password, "secret");
	/* a password never goes in clear */
	assert_int_equal(t.jobs[0].tls, RELAY_TLS_ENCRYPT);
	answer(&t.jobs[0], GOOD);
	passwords_fini(&t.q.passwords);
}

/* The first that fits; each host is told its own password only. */
static void
other_ways(void)
{
	static char to[] = "to=far.example via=mx.far.example:26",
		    from[] = "from=@example.org to=.example "
			     "via=a.example,b.example as=shop",
		    lmtp[] = "via=lmtp:[192.0.2.7] tls=encrypt";
	char *ways[] = {to, from, lmtp};
	char host[] = "relay.example";
	struct conf_list routes = {.v = ways, .n = 3};

	t.conf.relay.host = host;
	t.conf.relay.port = 587;
	t.conf.relay.routes = routes;
	t.q.passwords.table = secret_of(SPAN_LIT(
	    "b.example shop two\nb.example other x\na.example shop one\n"));
	start_remote();
	submit("x@far.example\ny@mid.example\nz@other.net");
	assert_int_equal(t.n_jobs, 3);
	assert_string_equal(t.jobs[0].next_hop, "mx.far.example");
	assert_int_equal(t.jobs[0].port, 26);
	assert_int_equal(t.jobs[0].tls, RELAY_TLS_DANE);
	assert_string_equal(t.jobs[0].login, "");
	assert_string_equal(t.jobs[1].next_hop, "a.example:587,b.example");
	assert_int_equal(t.jobs[1].port, 587);
	assert_int_equal(t.jobs[1].tls, RELAY_TLS_VERIFY);
	assert_string_equal(t.jobs[1].login, "shop");
	assert_string_equal(t.jobs[1].password, "one\ntwo");
	assert_false(t.jobs[1].lmtp);
	assert_string_equal(t.jobs[2].next_hop, "[192.0.2.7]");
	assert_true(t.jobs[2].lmtp && !t.jobs[2].mx);
	assert_int_equal(t.jobs[2].port, 24);
	assert_int_equal(t.jobs[2].tls, RELAY_TLS_ENCRYPT);
	assert_string_equal(t.jobs[2].password, "");
	for (size_t i = 0; i < 3; i++)
		answer(&t.jobs[i], GOOD);
	passwords_fini(&t.q.passwords);
}

/* One way but for where it begins: a message takes both. */
static void
from_elsewhere(void)
{
	static char first[] = "to=a.example via=h.example source=192.0.2.1";
	static char second[] = "to=b.example via=h.example source=192.0.2.2";
	static char third[] = "to=c.example via=h.example source=192.0.2.2";
	static char *ways[] = {first, second, third};
	const struct conf_list routes = {ways, 3};

	t.conf.relay.routes = routes;
	start_remote();
	submit("x@a.example\ny@b.example\nz@c.example");
	assert_int_equal(t.n_jobs, 2);
	for (size_t i = 0; i < 2; i++)
		answer(&t.jobs[i], GOOD);
}

static const struct act rows[] = {
    {"an address has no MX", literal_has_no_mx},
    {"smart host", smart_host},
    {"other ways", other_ways},
    {"from elsewhere", from_elsewhere},
};

ROWS_MAIN(rows, check_act)

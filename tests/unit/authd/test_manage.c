#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/authd/world.h"
#include "lib/base/banned.h"

static void
add(const char *login, struct span name, struct span password)
{
	assert_true(proto_send_account_add(w.ctl,
	    &(struct msg_account_add){1, span_of(login), name, password}));
}

static void
expect_end(enum rc rc, const char *text)
{
	unsigned before = w.ends;

	assert_true(turn_until(&w.ends, before + 1, 5000));
	assert_int_equal(w.rc, rc);
	if (strstr(w.text, text) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", text, w.text);
}

static void
compiled(enum rc rc)
{
	proto_send_directory_done(
	    w.master, &(struct msg_directory_done){
			  w.stale_id, (uint8_t)rc, SPAN_LIT("")});
}

#define X50  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X200 X50 X50 X50 X50

static const struct row {
	const char *name;
	const char *login;
	struct span display;
	struct span password;
	const char *said; /* NULL: it is made */
} rows[] = {
    {"made", "dora@example.org", SPAN_LIT("Dora"), SPAN_LIT("pw"), NULL},
    {"without a name", "dora@example.org", SPAN_LIT(""), SPAN_LIT("pw"), NULL},
    {"longest name", "dora@example.org", SPAN_LIT(X200), SPAN_LIT("pw"), NULL},
    {"exists", "ALICE@example.org", SPAN_LIT(""), SPAN_LIT("pw"), "exists"},
    {"no address", "dora", SPAN_LIT(""), SPAN_LIT("pw"), "@"},
    {"two lines", "d@example.org\nx !", SPAN_LIT(""), SPAN_LIT("pw"), ""},
    {"not our domain", "dora@example.net", SPAN_LIT(""), SPAN_LIT("pw"),
	"domain"},
    {"name too long", "dora@example.org", SPAN_LIT(X200 "x"), SPAN_LIT("pw"),
	"name"},
    {"name of two lines", "dora@example.org", SPAN_LIT("a\nb"), SPAN_LIT("pw"),
	"name"},
    {"empty password", "dora@example.org", SPAN_LIT(""), SPAN_LIT(""),
	"password"},
    {"NUL in the password", "dora@example.org", SPAN_LIT(""), SPAN_LIT("a\0b"),
	"password"},
};

static void
check_add(void **state)
{
	const struct row *row = *state;
	struct why why;

	world_begin(ROLE_SMTPD);
	write_accounts(ALICE " !\n");
	add(row->login, row->display, row->password);
	if (row->said != NULL) {
		expect_end(RC_PERM, row->said);
		assert_int_equal(w.stales, 0);
		assert_int_equal(accounts_refresh(w.a.accounts, &why), RC_OK);
		assert_int_equal(accounts_count(w.a.accounts), 1);
	} else {
		assert_true(turn_until(&w.stales, 1, 5000));
		/* nothing is said before it is in the directory */
		assert_false(turn_until(&w.ends, 1, 50));
		compiled(RC_OK);
		expect_end(RC_OK, "");
		assert_int_equal(accounts_count(w.a.accounts), 2);
	}
	world_end();
}

static void
check_not_compiled(void **state)
{
	(void)state;
	world_begin(ROLE_SMTPD);
	add("dora@example.org", SPAN_LIT(""), SPAN_LIT("pw"));
	assert_true(turn_until(&w.stales, 1, 5000));
	compiled(RC_TEMP);
	expect_end(RC_TEMP, "directory");
	world_end();
}

/* master is asked once at a time; what comes meanwhile is in the next. */
static void
check_one_at_a_time(void **state)
{
	unsigned *stales = &w.stales;

	(void)state;
	world_begin(ROLE_SMTPD);
	add("a@example.org", SPAN_LIT(""), SPAN_LIT("pw"));
	assert_true(turn_until(stales, 1, 5000));
	add("b@example.org", SPAN_LIT(""), SPAN_LIT("pw"));
	add("c@example.org", SPAN_LIT(""), SPAN_LIT("pw"));
	for (int i = 0; i < 400 && accounts_count(w.a.accounts) < 3; i++)
		(void)turn_until(stales, 2, 5);
	assert_int_equal(accounts_count(w.a.accounts), 3);
	assert_int_equal(w.stales, 1);
	compiled(RC_OK);
	assert_true(turn_until(stales, 2, 5000));
	assert_int_equal(w.ends, 1);
	compiled(RC_OK);
	assert_true(turn_until(&w.ends, 3, 5000));
	assert_int_equal(w.stales, 2);
	world_end();
}

static void
check_passwd_and_remove(void **state)
{
	struct digest d = {{1}};
	const struct accounts_entry *e;

	(void)state;
	world_begin(ROLE_SMTPD);
	write_accounts("Alice@example.org ! name=A\n# end\n");
	memory_put(w.a.memory, &d, authd_tag(&w.a, SPAN_LIT(ALICE)), 0);
	assert_true(proto_send_account_passwd(
	    w.ctl, &(struct msg_account_passwd){
		       1, SPAN_LIT("alice@EXAMPLE.org"), SPAN_LIT("new")}));
	expect_end(RC_OK, "");
	assert_int_equal(w.stales, 0); /* it is in the directory already */
	assert_int_equal(memory_count(w.a.memory), 0);
	e = accounts_find(w.a.accounts, SPAN_LIT(ALICE));
	assert_true(hash_usable(e->secret.hash));
	assert_string_equal(e->login, "Alice@example.org");
	assert_string_equal(e->name, "A");
	memory_put(w.a.memory, &d, authd_tag(&w.a, SPAN_LIT(ALICE)), 0);
	assert_true(proto_send_account_remove(
	    w.ctl, &(struct msg_account_remove){1, SPAN_LIT(ALICE)}));
	assert_true(turn_until(&w.stales, 1, 5000));
	compiled(RC_OK);
	expect_end(RC_OK, "");
	assert_int_equal(memory_count(w.a.memory), 0);
	assert_int_equal(accounts_count(w.a.accounts), 0);
	assert_true(proto_send_account_remove(
	    w.ctl, &(struct msg_account_remove){1, SPAN_LIT(ALICE)}));
	expect_end(RC_PERM, "no account");
	assert_true(proto_send_account_passwd(w.ctl,
	    &(struct msg_account_passwd){1, SPAN_LIT(ALICE), SPAN_LIT("new")}));
	expect_end(RC_PERM, "no account");
	world_end();
}

static void
check_list(void **state)
{
	struct buf b;

	(void)state;
	world_begin(ROLE_SMTPD);
	assert_true(
	    proto_send_account_list(w.ctl, &(struct msg_account_list){1}));
	expect_end(RC_OK, "");
	assert_int_equal(w.rows, 0);
	write_accounts("b@example.org $5$salt$x name=B%20C\na@example.org !\n");
	assert_true(
	    proto_send_account_list(w.ctl, &(struct msg_account_list){1}));
	expect_end(RC_OK, "");
	assert_string_equal(w.list,
	    "kind=account login=a@example.org name= locked=yes scram=no "
	    "apps=0\n"
	    "kind=account login=b@example.org name=B%20C locked=no scram=no "
	    "apps=0\n");
	w.rows = 0;
	/* more than the socket takes at once, and than one turn sends */
	buf_init(&b, 1U << 20);
	for (int i = 0; i < 5000; i++)
		buf_putf(&b, "u%d@example.org !\n", i);
	write_accounts(buf_cstr(&b));
	buf_fini(&b);
	assert_true(
	    proto_send_account_list(w.ctl, &(struct msg_account_list){1}));
	expect_end(RC_OK, "");
	assert_int_equal(w.rows, 5000);
	world_end();
}

/* A front may check passwords and change nothing. */
static void
check_front_may_not(void **state)
{
	struct client *c;
	struct ipc_link *evil;
	int fd;

	(void)state;
	world_begin(ROLE_SMTPD);
	evil = peer_new(ROLE_CTL, &fd); /* says what it is not */
	client_new(&w.a, ROLE_SMTPD, fd);
	assert_true(proto_send_account_remove(
	    evil, &(struct msg_account_remove){1, SPAN_LIT(ALICE)}));
	for (int i = 0; i < 100; i++) {
		unsigned n = 0;

		TAILQ_FOREACH (c, &w.a.clients, next)
			n++;
		if (n == 2)
			break;
		(void)turn_until(&w.ends, 1, 5);
	}
	assert_int_equal(w.ends, 0);
	ipc_link_free(&evil);
	world_end();
}

int
main(void)
{
	enum {
		N = sizeof(rows) / sizeof(rows[0])
	};
	struct CMUnitTest tests[N + 5] = {
	    [N] = cmocka_unit_test(check_not_compiled),
	    [N + 1] = cmocka_unit_test(check_one_at_a_time),
	    [N + 2] = cmocka_unit_test(check_passwd_and_remove),
	    [N + 3] = cmocka_unit_test(check_list),
	    [N + 4] = cmocka_unit_test(check_front_may_not)};

	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_add, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

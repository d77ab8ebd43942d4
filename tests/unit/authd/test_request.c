#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <crypt.h>

#include "lib/base/clock.h"
#include "tests/unit/authd/world.h"
#include "lib/base/banned.h"

static char secret_line[256];
#define HASH_LINE   "Alice@example.org " HASH "x"
#define LOCKED_LINE "Alice@example.org !"

static void
begin(enum role front)
{
	struct crypt_data *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	(void)snprintf(secret_line, sizeof(secret_line),
	    "Alice@example.org %s name=A\nbob@example.org !\n",
	    crypt_r("secret", HASH, d));
	free(d);
	world_begin(front);
	write_accounts(secret_line);
}

static void
ask(const char *login, struct span password, const char *authzid)
{
	struct msg_auth m = {.id = w.id + 1,
	    .service = SPAN_LIT("smtp"),
	    .client = SPAN_LIT("192.0.2.1"),
	    .authzid = span_of(authzid),
	    .login = span_of(login),
	    .password = password,
	    .session = -1};

	assert_true(proto_send_auth(w.front, &m));
}

static void
ask_service(struct span service, const char *password, int *session)
{
	int pair[2];
	struct msg_auth m = {.id = w.id + 1,
	    .service = service,
	    .client = SPAN_LIT("192.0.2.1"),
	    .login = SPAN_LIT(ALICE),
	    .password = span_of(password)};

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	m.session = pair[0];
	assert_true(proto_send_auth(w.front, &m));
	io_close(&pair[0]);
	*session = pair[1];
}

static void
ask_session(const char *password, int *session)
{
	ask_service(SPAN_LIT("pop3"), password, session);
}

static void
expect(enum rc rc, const char *status, const char *text)
{
	unsigned before = w.results;

	assert_true(turn_until(&w.results, before + 1, 15000));
	assert_int_equal(w.rc, rc);
	assert_string_equal(w.status, status);
	if (text != NULL)
		assert_string_equal(w.text, text);
}

static void
expect_ok(void)
{
	expect(RC_OK, "2.7.0", NULL);
	assert_string_equal(w.login, "Alice@example.org");
}

static void
expect_invalid(void)
{
	expect(RC_PERM, "5.7.8", "Authentication credentials invalid");
	assert_string_equal(w.login, "");
}

static const struct row {
	const char *name;
	const char *login;
	struct span password;
	const char *authzid;
	bool ok;
} rows[] = {
    {"right", ALICE, SPAN_LIT("secret"), "", true},
    {"login in other case", "ALICE@Example.Org", SPAN_LIT("secret"), "", true},
    {"acting for oneself", ALICE, SPAN_LIT("secret"), "alice@EXAMPLE.org",
	true},
    {"acting for another", ALICE, SPAN_LIT("secret"), "bob@example.org", false},
    {"wrong password", ALICE, SPAN_LIT("Secret"), "", false},
    {"unknown login", "carol@example.org", SPAN_LIT("secret"), "", false},
    {"prefix of a login", "alice@example.or", SPAN_LIT("secret"), "", false},
    {"no domain", "alice", SPAN_LIT("secret"), "", false},
    {"longer than a login", "alice@example.orgx", SPAN_LIT("secret"), "",
	false},
    {"empty login", "", SPAN_LIT("secret"), "", false},
    {"locked", "bob@example.org", SPAN_LIT("secret"), "", false},
    {"the mark of a locked one", "bob@example.org", SPAN_LIT("!"), "", false},
    {"empty password", ALICE, SPAN_LIT(""), "", false},
    {"NUL behind the password", ALICE, SPAN_LIT("secret\0x"), "", false},
};

static void
check_row(void **state)
{
	const struct row *row = *state;
	uint64_t start = clock_mono_ms();

	begin(ROLE_SMTPD);
	ask(row->login, row->password, row->authzid);
	if (row->ok)
		expect_ok();
	else
		expect_invalid();
	/* who has failed waits; who has not does not */
	assert_int_equal(clock_mono_ms() - start >= 1000, !row->ok);
	assert_int_equal(memory_count(w.a.memory), row->ok);
	assert_int_equal(w.a.ok, row->ok);
	world_end();
}

static void
check_remembered(void **state)
{
	struct hasher *h;

	(void)state;
	begin(ROLE_SMTPD);
	ask(ALICE, SPAN_LIT("secret"), "");
	expect_ok();
	h = w.a.hasher;
	w.a.hasher = NULL; /* would crash */
	ask("Alice@EXAMPLE.org", SPAN_LIT("secret"), "");
	expect_ok();
	w.a.hasher = h;
	/* a wrong one is hashed again, and is not remembered */
	ask(ALICE, SPAN_LIT("wrong"), "");
	expect_invalid();
	assert_int_equal(memory_count(w.a.memory), 1);
	world_end();
}

/* However an account changes, what was remembered of it is over. */
static void
check_changed(void **state)
{
	const struct accounts_secret secret = {
	    .hash = SPAN_LIT("$5$rounds=1000$salt$x")};
	struct why why;

	(void)state;
	begin(ROLE_SMTPD);
	ask(ALICE, SPAN_LIT("secret"), "");
	expect_ok();
	assert_int_equal(
	    accounts_set_secret(w.a.accounts, SPAN_LIT(ALICE), &secret, &why),
	    RC_OK);
	ask(ALICE, SPAN_LIT("secret"), "");
	expect_invalid();
	write_accounts(secret_line);
	ask(ALICE, SPAN_LIT("secret"), "");
	expect_ok();
	write_accounts("Alice@example.org !\n");
	ask(ALICE, SPAN_LIT("secret"), "");
	expect_invalid();
	write_accounts("");
	ask(ALICE, SPAN_LIT("secret"), "");
	expect_invalid();
	world_end();
}

/* The check is for the hash that was there when it began. */
static void
check_changed_meanwhile(void **state)
{
	(void)state;
	begin(ROLE_SMTPD);
	ask(ALICE, SPAN_LIT("secret"), "");
	while (hash_waiting(w.a.hasher) == 0)
		event_base_loop(w.w.base, EVLOOP_ONCE);
	write_accounts("Alice@example.org !\n");
	expect_invalid();
	assert_int_equal(memory_count(w.a.memory), 0);
	world_end();
}

static void
check_unreadable(void **state)
{
	char path[96];

	(void)state;
	begin(ROLE_SMTPD);
	ask(ALICE, SPAN_LIT("secret"), "");
	expect_ok();
	(void)snprintf(path, sizeof(path), "%s/accounts", w.folder);
	assert_int_equal(unlink(path), 0);
	ask(ALICE, SPAN_LIT("secret"), "");
	expect(RC_TEMP, "4.7.0", NULL);
	world_end();
}

static void
check_busy(void **state)
{
	(void)state;
	begin(ROLE_SMTPD);
	write_accounts(""); /* so that it is the dummy, which takes its time */
	for (int i = 0; i < 400; i++) {
		char login[32];

		(void)snprintf(login, sizeof(login), "u%d@example.org", i);
		ask(login, SPAN_LIT("x"), "");
	}
	assert_true(turn_until(&w.rc_count[RC_TEMP], 1, 5000));
	assert_true(turn_until(&w.results, 400, 20000));
	assert_int_equal(w.rc_count[RC_TEMP] + w.rc_count[RC_PERM], 400);
	assert_true(w.rc_count[RC_PERM] >= HASH_WAITING_MAX);
	world_end();
}

static void
check_client_gone(void **state)
{
	(void)state;
	begin(ROLE_SMTPD);
	ask(ALICE, SPAN_LIT("secret"), "");
	ask(ALICE, SPAN_LIT("wrong"), "");
	while (hash_waiting(w.a.hasher) == 0)
		event_base_loop(w.w.base, EVLOOP_ONCE);
	world_end(); /* looks that nothing is left */
	assert_int_equal(w.results, 0);
}

static void
answer_spawn(enum rc rc)
{
	proto_send_session_opened(w.spawn,
	    &(struct msg_session_opened){w.open_id, (uint8_t)rc, SPAN_LIT("")});
}

static void
link_spawn(void)
{
	int fd;

	w.spawn = peer_new(ROLE_SPAWN, &fd);
	request_parent(&w.a, ROLE_SPAWN, fd);
}

static void
check_session(void **state)
{
	int session;
	char c = 0;

	(void)state;
	begin(ROLE_POP3D);
	ask_session("secret", &session);
	expect(RC_TEMP, "4.7.0", NULL);            /* no link to spawn */
	assert_int_equal(read(session, &c, 1), 0); /* and it is closed */
	io_close(&session);
	link_spawn();
	ask_session("secret", &session);
	assert_true(turn_until(&w.opens, 1, 5000));
	assert_int_equal(w.results, 1); /* nothing before spawn has answered */
	assert_string_equal(w.open_account, "Alice@example.org");
	answer_spawn(RC_OK);
	expect_ok();
	assert_int_equal(write(w.session, "x", 1), 1);
	assert_int_equal(read(session, &c, 1), 1);
	io_close(&w.session);
	assert_int_equal(read(session, &c, 1), 0); /* authd keeps no copy */
	io_close(&session);
	ask_session("secret", &session);
	assert_true(turn_until(&w.opens, 2, 5000));
	answer_spawn(RC_TEMP);
	expect(RC_TEMP, "4.7.0", NULL);
	io_close(&session);
	ask_session("wrong", &session);
	expect_invalid();
	assert_int_equal(w.opens, 2);
	io_close(&session);
	ask_session("secret", &session);
	assert_true(turn_until(&w.opens, 3, 5000));
	ipc_link_free(&w.spawn);
	expect(RC_TEMP, "4.7.0", NULL);
	io_close(&session);
	world_end();
}

static void
link_watch(void)
{
	int fd;

	w.watch = peer_new(ROLE_WATCH, &fd);
	request_watch(&w.a, fd);
}

/* Both ends of one pair: to watch with the account, to the session. Without
 * watch the log-in goes on. */
static void
check_watch(void **state)
{
	int session;
	char c = 0;

	(void)state;
	begin(ROLE_IMAPD);
	link_spawn();
	ask_service(SPAN_LIT("imap"), "secret", &session);
	assert_true(turn_until(&w.opens, 1, 5000));
	assert_int_equal(w.told, -1);
	answer_spawn(RC_OK);
	expect_ok();
	io_close(&session);
	link_watch();
	ask_session("secret", &session); /* POP3: not told */
	assert_true(turn_until(&w.opens, 2, 5000));
	assert_int_equal(w.told, -1);
	answer_spawn(RC_OK);
	expect_ok();
	assert_int_equal(w.watches, 0);
	io_close(&session);
	ask_service(SPAN_LIT("imap"), "secret", &session);
	assert_true(turn_until(&w.opens, 3, 5000));
	assert_true(turn_until(&w.watches, 1, 5000));
	assert_string_equal(w.watch_account, "Alice@example.org");
	assert_int_equal(write(w.told, "x", 1), 1);
	assert_int_equal(read(w.watched, &c, 1), 1);
	io_close(&w.told);
	assert_int_equal(read(w.watched, &c, 1), 0); /* authd keeps no copy */
	answer_spawn(RC_OK);
	expect_ok();
	io_close(&session);
	ask_service(SPAN_LIT("imap"), "wrong", &session);
	expect_invalid();
	assert_int_equal(w.watches, 1);
	io_close(&session);
	ipc_link_free(&w.watch);
	for (int i = 0; i < 100 && w.a.watch != NULL; i++)
		(void)turn_until(&w.watches, 2, 5);
	ask_service(SPAN_LIT("imap"), "secret", &session);
	assert_true(turn_until(&w.opens, 4, 5000));
	assert_int_equal(w.told, -1);
	answer_spawn(RC_OK);
	expect_ok();
	io_close(&session);
	world_end();
}

static void
check_no_session(void **state)
{
	struct msg_auth m = {.id = 7,
	    .service = SPAN_LIT("pop3"),
	    .client = SPAN_LIT("192.0.2.1"),
	    .login = SPAN_LIT(ALICE),
	    .password = SPAN_LIT("secret"),
	    .session = -1};

	(void)state;
	begin(ROLE_POP3D);
	assert_true(proto_send_auth(w.front, &m));
	expect(RC_TEMP, "4.7.0", NULL);
	m.service = SPAN_LIT("imap9");
	assert_true(proto_send_auth(w.front, &m));
	expect(RC_TEMP, "4.7.0", NULL);
	world_end();
}

/* An application password is one for its services, quickly, until it is taken
 * back or the account is locked. */
static void
check_app(void **state)
{
	char shown[APP_SHOWN + 1];
	struct hasher *h;
	struct app app;
	struct why why;

	(void)state;
	begin(ROLE_SMTPD);
	assert_int_equal(app_make(&app, SPAN_LIT("mail program"),
			     1U << SERVICE_SMTP, shown, &why),
	    RC_OK);
	assert_int_equal(
	    accounts_add_app(w.a.accounts, SPAN_LIT(ALICE), &app, &why), RC_OK);
	h = w.a.hasher;
	w.a.hasher = NULL; /* would crash */
	ask(ALICE, span_of(shown), "");
	expect_ok();
	w.a.hasher = h;
	assert_int_equal(memory_count(w.a.memory), 0);
	ask(ALICE, SPAN_LIT("secret"), "");
	expect_ok();
	ask(ALICE, span_of(shown), "bob@example.org");
	expect_invalid();
	ask("bob@example.org", span_of(shown), "");
	expect_invalid();
	shown[0] = shown[0] == 'x' ? 'y' : 'x';
	ask(ALICE, span_of(shown), "");
	expect_invalid();
	world_end();
}

static void
check_app_elsewhere(void **state)
{
	char shown[APP_SHOWN + 1], line[512];
	int session;
	struct app app;
	struct buf b;
	struct why why;

	(void)state;
	begin(ROLE_SMTPD);
	assert_int_equal(
	    app_make(&app, SPAN_LIT("reader"),
		1U << SERVICE_IMAP | 1U << SERVICE_POP3, shown, &why),
	    RC_OK);
	buf_init(&b, sizeof(line));
	assert_true(app_put(&b, &app));
	(void)snprintf(
	    line, sizeof(line), "%s app=%s\n", HASH_LINE, buf_cstr(&b));
	write_accounts(line);
	ask(ALICE, span_of(shown), "");
	expect_invalid();
	ask_session(shown, &session); /* POP3 gets as far as it can here */
	expect(RC_TEMP, "4.7.0", NULL);
	io_close(&session);
	(void)snprintf(
	    line, sizeof(line), "%s app=%s\n", LOCKED_LINE, buf_cstr(&b));
	write_accounts(line);
	ask_session(shown, &session);
	expect_invalid();
	io_close(&session);
	buf_fini(&b);
	world_end();
}

int
main(void)
{
	enum {
		N = sizeof(rows) / sizeof(rows[0])
	};
	struct CMUnitTest tests[N + 11] = {
	    [N + 8] = cmocka_unit_test(check_watch),
	    [N + 9] = cmocka_unit_test(check_app),
	    [N + 10] = cmocka_unit_test(check_app_elsewhere),
	    [N] = cmocka_unit_test(check_remembered),
	    [N + 1] = cmocka_unit_test(check_changed),
	    [N + 2] = cmocka_unit_test(check_changed_meanwhile),
	    [N + 3] = cmocka_unit_test(check_unreadable),
	    [N + 4] = cmocka_unit_test(check_busy),
	    [N + 5] = cmocka_unit_test(check_client_gone),
	    [N + 6] = cmocka_unit_test(check_session),
	    [N + 7] = cmocka_unit_test(check_no_session)};

	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){rows[i].name, check_row, NULL,
		    NULL, (void *)(uintptr_t)&rows[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

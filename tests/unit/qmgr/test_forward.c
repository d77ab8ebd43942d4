/* What a user's ~/.forward sends on: a message of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/addr/dsn.h"
#include "qmgr/forward.h"
#include "tests/unit/qmgr/outside.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define STRANGER "x@stranger.example"
#define JOE      "joe@example.org"
#define FAR      "far@elsewhere.example"

static char text[65536];

#define HAS(what)     assert_non_null(strstr(text, what))
#define HAS_NOT(what) assert_null(strstr(text, what))

/* To joe, whose worker says so. There is no other host. */
static void
forward(const char *to, const char *body)
{
	settle();
	t.forward = to;
	commit(STRANGER, "", JOE, body);
	(void)files("", text, sizeof(text));
}

static void
goes_on(void)
{
	forward(FAR, BODY);
	assert_int_equal(t.rc, RC_OK);
	assert_int_equal(t.q.n_direct, 1);
	assert_int_equal(files("-f0", text, sizeof(text)), 1);
	HAS("Mailstead-From: <" STRANGER ">\r\n");
	HAS("client=[192.0.2.1] proto=ESMTP");
	HAS("Mailstead-To: todo <" FAR ">\r\nDelivered-To: " JOE
	    "\r\nReceived: ");
	assert_true(strlen(text) > strlen(BODY));
	assert_string_equal(text + strlen(text) - strlen(BODY), BODY);
}

/* The same from the queue, where its own lines stand in the file. */
static void
goes_on_later(void)
{
	t.conf.queue.direct_recipients = 0;
	forward(FAR, BODY);
	assert_int_equal(files(NULL, NULL, 0), 1);
	assert_int_equal(files("-f0", text, sizeof(text)), 1);
	HAS("\r\nDelivered-To: " JOE "\r\nReceived: ");
	assert_string_equal(text + strlen(text) - strlen(BODY), BODY);
	assert_ptr_equal(
	    strstr(text, "Received: "), strstr(text, "Delivered-To: " JOE) +
					    strlen("Delivered-To: " JOE) + 2);
}

static void
accounts(void)
{
	t.conf.queue.direct_recipients = 0;
	t.kept = true;
	t.local_is_slow = true;
	forward("|/bin/x a@b\n/m/box\nback@example.org\n" FAR, BODY);
	local_delivers();
	assert_int_equal(files("-f0", text, sizeof(text)), 1);
	HAS("<" JOE "> account=\\joe|/bin/x%20a@b\r\n");
	HAS("<" JOE "> account=\\joe/m/box\r\n");
	HAS("<back@example.org> account=\\joe\r\n");
	HAS("<back@example.org> account=alice@example.org\r\n");
	HAS("<" FAR ">\r\n");
}

static void
refused(void)
{
	static const struct {
		const char *to, *status;
	} rows[] = {
	    {"", "4.3.5"}, {"\n", "4.3.5"}, {"nobody@example.org", "4.3.5"},
	    {FAR "\nnobody@example.org", "4.3.5"}, {"no address", "4.3.5"},
	    {"joe", "4.3.5"}, {"a@b\r", "4.3.5"},
	    {"Far@ELSEWHERE.example", "4.3.5"}, /* not canonical: a lie */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		forward(rows[i].to, BODY);
		assert_int_equal(t.rc, RC_TEMP);
		assert_string_equal(t.status, rows[i].status);
		assert_int_equal(files(NULL, NULL, 0), 0);
		assert_int_equal(t.q.n_messages, 0);
	}
}

/* Only a user of the system has such a file. */
static void
worker_lies(void)
{
	settle();
	t.forward = FAR;
	commit(STRANGER, "", "alice@example.org", BODY);
	assert_int_equal(t.rc, RC_TEMP);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

static void
comes_round(void)
{
	forward(FAR, "Subject: x\r\nDELIVERED-TO:  Joe@example.org \r\n\r\nb");
	assert_int_equal(t.rc, RC_PERM);
	assert_string_equal(t.status, "5.4.6");
	assert_int_equal(files(NULL, NULL, 0), 0);
	forward(FAR,
	    "X-Delivered-To: joe@example.org\r\nDelivered-To: ann@example.org"
	    "\r\n\r\nDelivered-To: joe@example.org\r\n");
	assert_int_equal(t.rc, RC_OK);
}

/* Whoever sends it on and keeps it has it: nothing has failed. */
static void
comes_round_and_is_kept(void)
{
	t.kept = true;
	forward(FAR, "Delivered-To: joe@example.org\r\n\r\nb");
	assert_int_equal(t.rc, RC_OK);
	assert_int_equal(files(NULL, NULL, 0), 0);
	assert_int_equal(t.q.n_messages, 0);
}

static void
of_a_notice(void)
{
	settle();
	t.forward = FAR;
	commit("", "", JOE, BODY);
	assert_int_equal(t.rc, RC_OK);
	assert_int_equal(files("-f0", text, sizeof(text)), 1);
	HAS("Mailstead-From: <>\r\n");
}

/* RFC 3461 5.2.7: one target has all that was asked, of several none success,
 * which is told by the new message, or of the mailbox by the old one. */
static void
what_was_asked(void)
{
	t.notify = ADDR_DSN_SUCCESS | ADDR_DSN_FAILURE;
	t.orcpt = "rfc822;j@x.example";
	t.envid = "e1";
	forward(FAR, BODY);
	assert_int_equal(files("-f0", text, sizeof(text)), 1);
	HAS("<" FAR "> notify=SUCCESS,FAILURE orcpt=rfc822;j@x.example\r\n");
	HAS("<" STRANGER "> envid=e1\r\n");
	assert_int_equal(files(NULL, NULL, 0), 1);
	message_free(first());
}

static void
asked_of_several(void)
{
	t.notify = ADDR_DSN_SUCCESS;
	start_remote();
	forward(FAR "\nfar@other.example", BODY);
	assert_int_equal(files("-f0", text, sizeof(text)), 1);
	HAS("<" FAR "> notify=NEVER\r\n");
	HAS("<far@other.example> notify=NEVER\r\n");
	HAS("<" JOE "> expanded notify=SUCCESS\r\n");
	answer(&t.jobs[0], LATER);
	answer(&t.jobs[1], LATER);
	assert_int_equal(files("-f0-s2-", text, sizeof(text)), 1);
	HAS("\r\nAction: expanded\r\n");
}

static void
asked_and_kept(void)
{
	t.notify = ADDR_DSN_SUCCESS;
	t.kept = true;
	forward(FAR, BODY);
	assert_int_equal(files("-s0-", text, sizeof(text)), 1);
	HAS("\r\nAction: delivered\r\n");
	HAS_NOT(FAR);
	assert_int_equal(files("-f0", text, sizeof(text)), 1);
	HAS("<" FAR "> notify=NEVER\r\n");
}

/* A crash fell between the new message and the recipient's word: it is met
 * there, whether it is known already or not. */
static void
is_there(bool known)
{
	char from[512], to[512];

	t.conf.queue.direct_recipients = 0;
	t.local_is_slow = true;
	forward(FAR, BODY);
	(void)snprintf(from, sizeof(from), "%s/new/%s", t.dir, first()->file);
	(void)snprintf(to, sizeof(to), "%s/saved", t.dir);
	assert_int_equal(link(from, to), 0);
	local_delivers();
	assert_int_equal(files(NULL, NULL, 0), 1);
	assert_int_equal(files("-f0", NULL, 0), 1);
	if (!known)
		message_free(first());
	assert_int_equal(rename(to, from), 0);
	t.forward = "other@elsewhere.example"; /* too late */
	start_index();
	assert_int_equal(t.n_local, 2);
	assert_int_equal(files(NULL, NULL, 0), 1);
	assert_int_equal(files("-f0", text, sizeof(text)), 1);
	HAS("<" FAR ">");
	assert_int_equal(t.q.n_messages, 1);
}

static void
is_there_and_known(void)
{
	is_there(true);
}

static void
is_there_unknown(void)
{
	is_there(false);
}

/* What was sent on is a message; what fails of it goes back as of any. */
static void
fails(void)
{
	start_remote();
	forward(FAR, BODY);
	answer(&t.jobs[0], NEVER);
	assert_int_equal(files("-f0-b0-", text, sizeof(text)), 1);
	HAS("Final-Recipient: rfc822; " FAR);
	/* and the notice's failure goes to postmaster */
	t.forward = NULL;
	answer(&t.jobs[1], NEVER);
	assert_int_equal(files("-f0-b0-", NULL, 0), 0);
	assert_int_equal(t.q.n_bounced, 2);
	assert_int_equal(t.n_local, 2);
}

/* A disk that takes no more: the client is told, and has it still. */
static void
no_room(void)
{
	settle();
	t.forward = FAR;
	t.q.store.durable.dir = t.q.store.durable.tmp = -1;
	commit(STRANGER, "", JOE, BODY);
	assert_int_equal(t.rc, RC_TEMP);
	assert_int_equal(t.q.n_messages, 0);
}

static const struct act rows[] = {
    {"sent on", goes_on},
    {"sent on from the queue", goes_on_later},
    {"the user's accounts", accounts},
    {"makes no sense", refused},
    {"worker lies", worker_lies},
    {"comes round", comes_round},
    {"comes round, and is kept", comes_round_and_is_kept},
    {"of a notice", of_a_notice},
    {"what was asked", what_was_asked},
    {"asked of several", asked_of_several},
    {"asked, and kept", asked_and_kept},
    {"is there, and known", is_there_and_known},
    {"is there", is_there_unknown},
    {"fails", fails},
    {"no room", no_room},
};

ROWS_MAIN(rows, check_act)

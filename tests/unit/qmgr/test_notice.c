/* What senders are told, and what they asked to be told (RFC 3461). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/addr/dsn.h"
#include "qmgr/bounce.h"
#include "tests/unit/qmgr/outside.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define STRANGER "x@stranger.example"
#define ALICE    "alice@example.org"
#define FAR      "x@elsewhere.example"

static char text[65536];

#define HAS(what)     assert_non_null(strstr(text, what))
#define HAS_NOT(what) assert_null(strstr(text, what))

/* One notice of that kind is in the queue; it is `text`. */
static void
one(const char *part)
{
	text[0] = '\0';
	assert_int_equal(files(part, text, sizeof(text)), 1);
}

/* What the head of the only other file says of its recipients. */
static void
head_has(const char *what)
{
	one("");
	HAS(what);
}

/* ---- success ---- */

static void
delivered_here(void)
{
	settle();
	t.notify = ADDR_DSN_SUCCESS;
	t.orcpt = "rfc822;Al+2Bx@Example.org";
	t.envid = "QQ+3D1";
	t.ret = ADDR_DSN_RET_FULL;
	commit(STRANGER, "", ALICE, BODY);
	assert_int_equal(t.rc, RC_OK);
	assert_int_equal(t.n_local, 1);
	/* by the queue: what is owed must outlive us */
	assert_int_equal(t.q.n_direct, 0);
	assert_int_equal(files(NULL, NULL, 0), 1);
	one("-s0-");
	HAS("Mailstead-From: <>\r\n");
	HAS("Mailstead-To: todo <" STRANGER ">\r\n");
	HAS("Subject: Your message has been delivered\r\n");
	HAS("\r\nOriginal-Envelope-Id: QQ=1\r\nReporting-MTA: dns; ");
	HAS("\r\nOriginal-Recipient: rfc822; Al+x@Example.org\r\n"
	    "Final-Recipient: rfc822; " ALICE "\r\nAction: delivered\r\n"
	    "Status: 2.0.0\r\n");
	/* RFC 3461 6.2: the whole message comes with failures only */
	HAS("text/rfc822-headers");
	HAS_NOT("body\r\n");
	HAS_NOT("Diagnostic-Code");
}

static void
ordinary_mail_is_direct(void)
{
	settle(); /* the local worker has told what it does */
	t.notify = ADDR_DSN_FAILURE | ADDR_DSN_DELAY;
	commit(STRANGER, "", ALICE, BODY);
	t.notify = ADDR_DSN_NEVER;
	commit(STRANGER, "", ALICE, BODY);
	/* RFC 3461 5.2: there is nobody to tell */
	t.notify = ADDR_DSN_SUCCESS;
	commit("", "", ALICE, BODY);
	commit("", "", "away@example.org", BODY);
	assert_int_equal(t.q.n_direct, 3);
	assert_int_equal(files("-s", NULL, 0), 0);
}

/* RFC 3461 5.2.2 (b) */
static void
relayed(void)
{
	start_remote();
	ipc_link_free(&t.local);
	t.notify = ADDR_DSN_SUCCESS;
	submit(FAR);
	assert_int_equal(t.jobs[0].notify[0], ADDR_DSN_SUCCESS);
	answer(&t.jobs[0], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 1);
	one("-s0-");
	HAS("Final-Recipient: rfc822; " FAR "\r\nAction: relayed\r\n"
	    "Status: 2.0.0\r\n");
	HAS_NOT("Original-");
}

/* RFC 3461 5.2.1 */
static void
taken_over(void)
{
	start_remote();
	t.dsn = true;
	t.notify = ADDR_DSN_SUCCESS | ADDR_DSN_DELAY;
	t.orcpt = "rfc822;Y@Example.com";
	t.envid = "e1";
	t.ret = ADDR_DSN_RET_HDRS;
	submit(FAR);
	assert_int_equal(t.jobs[0].notify[0], t.notify);
	assert_string_equal(t.jobs[0].orcpt[0], t.orcpt);
	assert_string_equal(t.jobs[0].envid, "e1");
	assert_int_equal(t.jobs[0].ret, ADDR_DSN_RET_HDRS);
	answer(&t.jobs[0], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
	assert_int_equal(t.n_local, 0);
}

/* RFC 3461 5.2.7.2: nothing happens to it here */
static void
one_target(void)
{
	start_remote();
	t.notify = ADDR_DSN_SUCCESS | ADDR_DSN_FAILURE;
	t.orcpt = "rfc822;gone@example.org";
	commit(STRANGER, "", "gone@example.org", BODY);
	assert_int_equal(t.jobs[0].notify[0], t.notify);
	assert_string_equal(t.jobs[0].orcpt[0], t.orcpt);
	t.dsn = true;
	answer(&t.jobs[0], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

/* RFC 3461 5.2.7.3 (c) */
static void
expanded(void)
{
	start_remote();
	t.notify = ADDR_DSN_SUCCESS | ADDR_DSN_FAILURE;
	t.orcpt = "rfc822;away@example.org";
	commit(STRANGER, "", "away@example.org", BODY);
	assert_int_equal(t.n_local, 1);
	assert_int_equal(t.jobs[0].notify[0], ADDR_DSN_FAILURE);
	assert_string_equal(t.jobs[0].orcpt[0], t.orcpt);
	head_has("Mailstead-To: sent <away@example.org> expanded "
		 "notify=SUCCESS,FAILURE orcpt=rfc822;away@example.org\r\n");
	answer(&t.jobs[0], GOOD);
	/* one notice, of the alias and of nobody behind it */
	assert_int_equal(t.n_jobs, 2);
	one("-s2-");
	HAS("Final-Recipient: rfc822; away@example.org\r\nAction: expanded"
	    "\r\n");
	HAS_NOT("far@elsewhere");
	HAS_NOT(ALICE);
	answer(&t.jobs[1], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

/* Without SUCCESS nothing is left: they are to be told of nothing. */
static void
expanded_success_only(void)
{
	start_remote();
	t.notify = ADDR_DSN_SUCCESS;
	commit(STRANGER, "", "away@example.org", BODY);
	assert_int_equal(t.jobs[0].notify[0], ADDR_DSN_NEVER);
	answer(&t.jobs[0], NEVER);
	one("-s2-");
	assert_int_equal(files("-b", NULL, 0), 0);
}

/* What is owed is not lost by a stop or a crash behind the delivery. */
static void
owed_after_a_crash(void)
{
	t.notify = ADDR_DSN_SUCCESS;
	t.w.draining = true;
	commit(STRANGER, "", ALICE, BODY);
	assert_int_equal(t.n_local, 1);
	assert_int_equal(files("-s", NULL, 0), 0);
	head_has("Mailstead-To: sent <" ALICE ">");
	message_free(first());
	t.w.draining = false;
	start_index();
	/* not delivered again; told */
	assert_int_equal(t.n_local, 1);
	one("-s0-");
	assert_int_equal(files(NULL, NULL, 0), 1);
}

/* Put its first recipient's word back to what it was. */
static void
set_word(const char *path, const char *word)
{
	char head[1024] = "";
	int fd = open(path, O_RDWR | O_CLOEXEC);
	const char *at;
	size_t got;

	assert_true(io_pread_all(fd, head, sizeof(head) - 1, 0, &got));
	at = strstr(head, "Mailstead-To: ");
	assert_non_null(at);
	assert_int_equal(pwrite(fd, word, 4, at - head + 14), 4);
	io_close(&fd);
}

/* A crash fell between the notice and the word: there is no second one. */
static void
success_is_there(void)
{
	char from[512], to[512];

	start_remote();
	ipc_link_free(&t.local);
	t.notify = ADDR_DSN_SUCCESS;
	submit(FAR);
	(void)snprintf(from, sizeof(from), "%s/new/%s", t.dir, first()->file);
	(void)snprintf(to, sizeof(to), "%s/saved", t.dir);
	assert_int_equal(link(from, to), 0);
	answer(&t.jobs[0], GOOD);
	one("-s0-");
	message_free(first());
	assert_int_equal(rename(to, from), 0);
	set_word(from, "sent");
	start_index();
	assert_int_equal(t.n_jobs, 1);
	assert_int_equal(files(NULL, NULL, 0), 1);
	one("-s0-");
}

/* Told while another recipient waits: the words are right in the end. */
static void
some_wait(void)
{
	start_remote();
	t.notify = ADDR_DSN_SUCCESS;
	submit(ALICE "\n" FAR);
	answer(&t.jobs[0], LATER);
	assert_int_equal(t.n_local, 2); /* the letter, and the notice */
	head_has("Mailstead-To: done <" ALICE ">");
	head_has("Mailstead-To: todo <" FAR ">");
	message_wake(first());
	settle();
	answer(&t.jobs[1], GOOD);
	assert_int_equal(t.n_local, 3);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

/* Held while the notice waits for a word to be written: it comes to rest. */
static void
held_before_it_is_told(void)
{
	static const struct why good = {.rc = RC_OK, .status = "2.0.0"};
	static const struct why later = {RC_TEMP, "4.2.2", "full"};
	struct message *m;
	struct why why;

	settle();
	start_remote();
	t.local_is_slow = true;
	t.notify = ADDR_DSN_SUCCESS;
	submit(ALICE "\n" FAR);
	assert_int_equal(t.n_slow, 1);
	m = first();
	message_outcome(m, 0, &good);
	message_outcome(m, 1, &later);
	assert_true(m->wants_notice);
	assert_int_equal(message_change(m, &why), RC_OK);
	message_changed(m, true);
	settle();
	assert_int_equal(m->state, MESSAGE_IDLE);
	assert_int_equal(files("-s", NULL, 0), 0);
	head_has("Mailstead-To: sent <" ALICE ">");
	/* released, it is told */
	assert_int_equal(message_change(m, &why), RC_OK);
	message_changed(m, false);
	message_wake(m);
	settle();
	answer(&t.jobs[1], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 1);
	one("-s0-");
	HAS("Final-Recipient: rfc822; " ALICE "\r\nAction: delivered\r\n");
	HAS("Final-Recipient: rfc822; " FAR "\r\nAction: relayed\r\n");
}

/* ---- failure ---- */

static void
failure_unwanted(void)
{
	static const uint8_t all[] = {
	    ADDR_DSN_NEVER, ADDR_DSN_SUCCESS, ADDR_DSN_DELAY};

	start_remote();
	for (size_t i = 0; i < sizeof(all); i++) {
		t.notify = all[i];
		submit(FAR);
		answer(&t.jobs[i], NEVER);
		assert_int_equal(t.q.n_bounced, i + 1);
	}
	assert_int_equal(t.n_local, 0);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

static void
failure_full(void)
{
	start_remote();
	ipc_link_free(&t.local);
	t.ret = ADDR_DSN_RET_FULL;
	t.notify = ADDR_DSN_FAILURE;
	submit(FAR);
	answer(&t.jobs[0], NEVER);
	one("-b0-");
	HAS("Content-Type: message/rfc822\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\nReceived: from ");
	HAS("Subject: sub\xc3\xa4ject\r\n\r\nbody\r\n\r\n--mailstead-");
}

/* Longer than what is sent back whole. */
static void
failure_too_large(void)
{
	struct buf b;

	buf_init(&b, BOUNCE_FULL_MAX * 2);
	buf_puts(&b, "Subject: s\r\n\r\n");
	while (b.n < BOUNCE_FULL_MAX)
		buf_puts(&b, "a line of the body\r\n");
	start_remote();
	ipc_link_free(&t.local);
	t.ret = ADDR_DSN_RET_FULL;
	commit(ALICE, ALICE, FAR, buf_cstr(&b));
	assert_int_equal(t.rc, RC_OK);
	answer(&t.jobs[0], NEVER);
	one("-b0-");
	HAS("text/rfc822-headers");
	HAS_NOT("a line of the body");
	buf_fini(&b);
}

/* ---- delay ---- */

/* Take away the file of that message, and the message. */
static void
drop(const char *part)
{
	struct message *m = NULL;
	char path[512];

	for (size_t i = 0; i < QMGR_BUCKETS && m == NULL; i++)
		TAILQ_FOREACH (m, &t.q.buckets[i], next)
			if (strstr(m->name, part) != NULL)
				break;
	assert_non_null(m);
	(void)snprintf(path, sizeof(path), "%s/new/%s", t.dir, m->file);
	assert_int_equal(unlink(path), 0);
	message_free(m);
}

static void
delayed(void)
{
	start_remote();
	ipc_link_free(&t.local);
	t.conf.queue.delay_warning = 1;
	submit(FAR);
	(void)usleep(3000);
	answer(&t.jobs[0], LATER);
	assert_int_equal(files(NULL, NULL, 0), 2);
	one("-w0-");
	HAS("Subject: Your message is delayed\r\n");
	HAS("Action: delayed\r\nStatus: 4.2.2\r\n"
	    "Remote-MTA: dns; mx.elsewhere.example\r\n"
	    "Diagnostic-Code: smtp; 452 4.2.2 mailbox full\r\n");
	HAS("\r\nWill-Retry-Until: ");
	drop("-w0-");
	head_has("Mailstead-To: late <" FAR ">");
	/* once, also when nobody remembers */
	message_free(first());
	start_index();
	answer(&t.jobs[1], LATER);
	assert_int_equal(files("-w", NULL, 0), 0);
	assert_int_equal(files(NULL, NULL, 0), 1);
}

static void
delay_unwanted(void)
{
	start_remote();
	t.conf.queue.delay_warning = 1;
	t.notify = ADDR_DSN_FAILURE | ADDR_DSN_SUCCESS;
	submit(FAR);
	t.notify = ADDR_DSN_UNSAID;
	commit("", ALICE, "y@other.example", BODY);
	t.conf.queue.delay_warning = 0;
	submit("z@another.example");
	t.conf.queue.delay_warning = 60000;
	submit("z@fourth.example");
	t.conf.queue.delay_warning = 1;
	(void)usleep(3000);
	answer(&t.jobs[0], LATER);
	answer(&t.jobs[1], LATER);
	t.conf.queue.delay_warning = 0;
	answer(&t.jobs[2], LATER);
	t.conf.queue.delay_warning = 60000;
	answer(&t.jobs[3], LATER);
	assert_int_equal(files("-w", NULL, 0), 0);
	assert_int_equal(t.n_local, 0);
}

/* An attempt is made when the time has come to tell. */
static void
delay_is_told_in_time(void)
{
	start_remote();
	t.conf.queue.delay_warning = 10000;
	submit(FAR);
	answer(&t.jobs[0], LATER);
	/* retry_first: 60 s */
	assert_true(first()->due_ms < clock_mono_ms() + 12000);
}

/* The message that came last: names begin with the time. */
static const struct message *
last(void)
{
	const struct message *found = NULL, *m;

	for (size_t i = 0; i < QMGR_BUCKETS; i++)
		TAILQ_FOREACH (m, &t.q.buckets[i], next)
			if (found == NULL || strcmp(m->name, found->name) > 0)
				found = m;
	return found;
}

/* The same where its destination is left alone for longer than that. */
static void
delay_of_the_closed(void)
{
	size_t asked;

	start_remote();
	ipc_link_free(&t.local);
	for (size_t i = 0; i < 4; i++)
		submit(FAR);
	for (size_t i = 0; i < t.n_jobs; i++)
		answer(&t.jobs[i], DOWN);
	asked = t.n_jobs;
	t.conf.queue.delay_warning = 0;
	submit(FAR);
	assert_true(last()->due_ms > clock_mono_ms() + 30000);
	t.conf.queue.delay_warning = 10000;
	submit(FAR);
	assert_true(last()->due_ms < clock_mono_ms() + 12000);
	/* and told without asking there */
	t.conf.queue.delay_warning = 1;
	submit(FAR);
	one("-w0-");
	HAS("Action: delayed\r\nStatus: 4.4.1\r\n");
	assert_int_equal(t.n_jobs, asked);
}

/* ---- notices that fail ---- */

/* Postmaster gets the notice with the message that it is about; of that one
 * nobody hears any more. */
static void
double_bounce(void)
{
	start_remote();
	ipc_link_free(&t.local);
	commit(STRANGER, "", "gone@example.org", BODY);
	answer(&t.jobs[0], NEVER);
	assert_int_equal(t.n_jobs, 2);
	assert_string_equal(t.jobs[1].sender, "");
	answer(&t.jobs[1], NEVER);
	assert_int_equal(t.n_jobs, 2);
	one("-b0-");
	HAS("Mailstead-To: todo <postmaster> account=postmaster@example.org");
	HAS("\r\nTo: <postmaster@example.org>\r\n"
	    "Subject: A notice could not be delivered\r\n");
	HAS("For the postmaster: the notice of ");
	HAS("Final-Recipient: rfc822; " STRANGER "\r\nAction: failed\r\n"
	    "Status: 5.1.1\r\n");
	/* whole: what is in it of the message says which that was */
	HAS("Content-Type: message/rfc822\r\n");
	HAS("\r\nSubject: Your message could not be delivered\r\n");
	HAS("\r\nSubject: sub\xc3\xa4ject\r\n");
}

static void
double_bounces_are_dropped(void)
{
	start_remote();
	t.conf.queue.double_bounces = false;
	commit(STRANGER, "", "gone@example.org", BODY);
	answer(&t.jobs[0], NEVER);
	answer(&t.jobs[1], NEVER);
	assert_int_equal(files(NULL, NULL, 0), 0);
	assert_int_equal(t.n_local, 0);
}

/* From the null reverse-path of somebody else: it is no notice of ours. */
static void
bounce_of_others(void)
{
	start_remote();
	commit("", "", "gone@example.org", BODY);
	answer(&t.jobs[0], NEVER);
	assert_int_equal(files(NULL, NULL, 0), 0);
	assert_int_equal(t.n_local, 0);
}

/* Postmaster's mail goes elsewhere, and is refused there as well. */
static void
triple_bounce(void)
{
	static char far[] = "post@elsewhere.example";
	char path[96];

	start_remote();
	t.conf.postmaster = far;
	directory_close(&t.q.directory);
	(void)snprintf(path, sizeof(path), "%s/d.mdb", t.dir);
	assert_int_equal(unlink(path), 0);
	open_directory(far);
	commit(STRANGER, "", "gone@example.org", BODY);
	for (size_t i = 0; i < 3; i++)
		answer(&t.jobs[i], NEVER);
	assert_int_equal(t.n_jobs, 3);
	assert_string_equal(t.jobs[2].to[0], far);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

static const struct act rows[] = {
    {"delivered here", delivered_here},
    {"ordinary mail is direct", ordinary_mail_is_direct},
    {"relayed", relayed},
    {"taken over", taken_over},
    {"an alias of one", one_target},
    {"an alias of several", expanded},
    {"an alias of several, success only", expanded_success_only},
    {"owed after a crash", owed_after_a_crash},
    {"success is there", success_is_there},
    {"some wait", some_wait},
    {"held before it is told", held_before_it_is_told},
    {"failure unwanted", failure_unwanted},
    {"failure, whole", failure_full},
    {"failure, too large", failure_too_large},
    {"delayed", delayed},
    {"delay unwanted", delay_unwanted},
    {"delay is told in time", delay_is_told_in_time},
    {"delay of the closed", delay_of_the_closed},
    {"double bounce", double_bounce},
    {"double bounces are dropped", double_bounces_are_dropped},
    {"bounce of others", bounce_of_others},
    {"triple bounce", triple_bounce},
};

ROWS_MAIN(rows, check_act)

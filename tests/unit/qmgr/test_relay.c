/* Mail to other hosts, with a remote delivery worker that does what the row
 * says: groups, turns, trouble, notices, and a worker that lies or dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/qmgr/outside.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

/* ---- the rows ---- */

static void
goes_out(void)
{
	start_remote();
	submit("x@elsewhere.example");
	assert_int_equal(t.n_jobs, 1);
	assert_int_equal(t.jobs[0].n, 1);
	assert_string_equal(t.jobs[0].to[0], "x@elsewhere.example");
	assert_string_equal(t.jobs[0].next_hop, "elsewhere.example");
	assert_string_equal(t.jobs[0].sender, "alice@example.org");
	assert_true(t.jobs[0].mx);
	assert_int_equal(t.jobs[0].port, 25);
	assert_string_equal(t.jobs[0].password, "");
	/* from our own Received on */
	assert_memory_equal(
	    t.jobs[0].start, "Received: from client.example", 29);
	assert_int_equal(files(NULL, NULL, 0), 1);
	answer(&t.jobs[0], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
	assert_int_equal(t.q.n_messages, 0);
}

static void
grouped_by_host(void)
{
	start_remote();
	submit("a@elsewhere.example\nb@other.example\nc@elsewhere.example\n"
	       "alice@example.org");
	assert_int_equal(t.n_local, 1);
	assert_int_equal(t.n_jobs, 2);
	assert_int_equal(t.jobs[0].n + t.jobs[1].n, 3);
	answer(&t.jobs[0], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 1);
	answer(&t.jobs[1], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

static void
many_recipients(void)
{
	struct buf b;

	buf_init(&b, 65536);
	for (int i = 0; i < 120; i++)
		buf_putf(&b, "%su%d@elsewhere.example", i > 0 ? "\n" : "", i);
	start_remote();
	submit(buf_cstr(&b));
	assert_int_equal(t.n_jobs, 3);
	assert_int_equal(t.jobs[0].n, SCHEDULE_GROUP);
	assert_int_equal(t.jobs[2].n, 20);
	for (size_t i = 0; i < 3; i++)
		answer(&t.jobs[i], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
	buf_fini(&b);
}

/* A letter does not wait for all of a mailing, nor one host for another. */
static void
turns(void)
{
	struct buf b;
	size_t after = 0;

	buf_init(&b, 65536);
	for (int i = 0; i < 900; i++)
		buf_putf(&b, "%su%d@elsewhere.example", i > 0 ? "\n" : "", i);
	submit(buf_cstr(&b));
	submit("one@elsewhere.example");
	submit("one@other.example");
	start_remote();
	/* as many as may go at first, and the other host's */
	assert_int_equal(t.n_jobs, 6);
	for (size_t i = 0; i < t.n_jobs; i++)
		after += t.jobs[i].n == 1;
	assert_int_equal(after, 2);
	buf_fini(&b);
}

static void
alias_leads_out(void)
{
	start_remote();
	commit("x@stranger.example", "", "away@example.org", BODY);
	assert_int_equal(t.rc, RC_OK);
	assert_int_equal(t.n_jobs, 1);
	assert_int_equal(t.n_local, 1);
	assert_string_equal(t.jobs[0].to[0], "far@elsewhere.example");
	assert_string_equal(t.jobs[0].sender, "x@stranger.example");
	answer(&t.jobs[0], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

static void
strangers_do_not_relay(void)
{
	commit("x@stranger.example", "", "a@elsewhere.example", BODY);
	assert_int_equal(t.rc, RC_PERM);
	assert_string_equal(t.status, "5.7.1");
	assert_int_equal(files(NULL, NULL, 0), 0);
}

static void
loop(void)
{
	struct buf b;

	buf_init(&b, 65536);
	for (int i = 0; i < 51; i++)
		buf_puts(&b, "Received: from a\r\n");
	buf_puts(&b, "\r\nbody\r\n");
	commit("alice@example.org", "alice@example.org", "a@elsewhere.example",
	    buf_cstr(&b));
	assert_int_equal(t.rc, RC_PERM);
	assert_string_equal(t.status, "5.4.6");
	/* one less is none */
	commit("alice@example.org", "alice@example.org", "a@elsewhere.example",
	    buf_cstr(&b) + 18);
	assert_int_equal(t.rc, RC_OK);
	buf_fini(&b);
}

static void
later(void)
{
	start_remote();
	submit("x@elsewhere.example");
	answer(&t.jobs[0], LATER);
	assert_int_equal(files(NULL, NULL, 0), 1);
	assert_int_equal(first()->state, MESSAGE_IDLE);
	assert_string_equal(first()->reason, "mailbox full");
	/* when it is due, again */
	message_wake(first());
	settle();
	assert_int_equal(t.n_jobs, 2);
	answer(&t.jobs[1], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

/* With an index it waits there, and is not in memory. */
static void
waits_in_the_index(void)
{
	char name[STORE_NAME_MAX + 1];

	start_index();
	start_remote();
	submit("x@elsewhere.example");
	(void)span_copy(span_of(first()->name), name, sizeof(name));
	assert_int_equal(idle_records(&t.q), 0);
	answer(&t.jobs[0], LATER);
	assert_null(first());
	assert_int_equal(idle_records(&t.q), 1);
	assert_int_equal(idle_messages(&t.q), 1);
	/* over a stop */
	stop_index();
	start_index();
	assert_null(first());
	assert_int_equal(t.n_jobs, 1);
	idle_first(&t.q, name);
	settle();
	assert_int_equal(t.n_jobs, 2);
	assert_int_equal(first()->rounds, 1);
	assert_string_equal(first()->reason, "mailbox full");
	assert_int_equal(idle_messages(&t.q), 1);
	answer(&t.jobs[1], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
	assert_int_equal(idle_messages(&t.q), 0);
	assert_int_equal(idle_records(&t.q), 0);
}

/* The index knows it, the files do not; and the other way round. */
static void
files_count(void)
{
	struct record ghost = {.name = "0000000000000aa",
	    .file = "0000000000000aa",
	    .line = RECORD_DUE,
	    .due_ms = UINT64_MAX};

	start_index();
	submit("x@elsewhere.example");
	idle_add(&t.q, &ghost);
	idle_add(&t.q, &ghost);
	settle();
	assert_int_equal(idle_records(&t.q), 1);
	/* it was in memory only: no record */
	stop_index();
	while (first() != NULL)
		message_free(first());
	start_index();
	assert_int_equal(idle_messages(&t.q), 1);
	assert_non_null(first());
	start_remote();
	answer(&t.jobs[0], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
	assert_int_equal(idle_messages(&t.q), 0);
}

/* Gone from under it: what waits stays in memory, with timers. */
static void
index_is_dropped(void)
{
	struct why why;
	int dir;

	start_index();
	start_remote();
	submit("x@elsewhere.example");
	dir = open(t.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(db_drop(dir, "queue.1", &why), RC_OK);
	io_close(&dir);
	answer(&t.jobs[0], LATER);
	assert_int_equal(first()->state, MESSAGE_IDLE);
	assert_true(evtimer_pending(first()->timer, NULL));
	assert_int_equal(idle_messages(&t.q), 1);
	/* and when it is there again */
	idle_check(&t.q);
	settle();
	assert_int_equal(idle_messages(&t.q), 1);
	message_wake(first());
	settle();
	answer(&t.jobs[1], LATER);
	assert_null(first());
	assert_int_equal(idle_records(&t.q), 1);
}

#define HAS(what) assert_non_null(strstr(text, what))

static void
never(void)
{
	static char text[65536];

	start_remote();
	ipc_link_free(&t.local); /* the notice stays where it can be seen */
	submit("x@elsewhere.example\ny@elsewhere.example");
	answer_rcpt(&t.jobs[0], t.jobs[0].rcpts[0], NEVER);
	answer_rcpt(&t.jobs[0], t.jobs[0].rcpts[1], GOOD);
	settle();
	assert_int_equal(files(NULL, NULL, 0), 1);
	assert_int_equal(files("-b0-", text, sizeof(text)), 1);
	HAS("Mailstead-From: <>\r\n");
	HAS("Mailstead-To: todo <alice@example.org> "
	    "account=alice@example.org\r\n");
	HAS("\r\nReceived: by mail.example.org id ");
	HAS("report-type=delivery-status");
	HAS("Final-Recipient: rfc822; x@elsewhere.example\r\nAction: failed\r\n"
	    "Status: 5.1.1\r\nRemote-MTA: dns; mx.elsewhere.example\r\n"
	    "Diagnostic-Code: smtp; 550 5.1.1 no such ?"
	    "?ser\r\n");
	HAS("Subject: sub\xc3\xa4ject\r\n");
	assert_null(strstr(text, "y@elsewhere"));
	assert_null(strstr(text, "body\r\n"));
	assert_int_equal(t.q.n_bounced, 1);
	/* and to the mailbox, when somebody delivers */
	proto_send_underway_end(
	    connect_as(ROLE_LOCAL, &t.local), &(struct msg_underway_end){0});
	settle();
	assert_int_equal(t.n_local, 1);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

static void
notice_goes_out(void)
{
	start_remote();
	commit("x@stranger.example", "", "away@example.org", BODY);
	answer(&t.jobs[0], NEVER);
	assert_int_equal(t.n_jobs, 2);
	assert_string_equal(t.jobs[1].sender, "");
	assert_string_equal(t.jobs[1].to[0], "x@stranger.example");
	/* and if that fails, there is nobody left to tell */
	answer(&t.jobs[1], NEVER);
	assert_int_equal(t.n_jobs, 2);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

static void
null_sender(void)
{
	start_remote();
	commit("", "alice@example.org", "x@elsewhere.example", BODY);
	assert_int_equal(t.rc, RC_OK);
	answer(&t.jobs[0], NEVER);
	assert_int_equal(files(NULL, NULL, 0), 0);
	assert_int_equal(t.n_local, 0);
	assert_int_equal(t.q.n_queued, 1);
}

static void
too_old(void)
{
	static char text[65536];

	t.conf.queue.max_age = 0;
	start_remote();
	ipc_link_free(&t.local);
	submit("x@elsewhere.example");
	(void)usleep(2000);
	answer(&t.jobs[0], LATER);
	assert_int_equal(files(NULL, NULL, 0), 1);
	assert_int_equal(files("-b0-", text, sizeof(text)), 1);
	HAS("Status: 4.4.7\r\n");
	HAS("Diagnostic-Code: smtp; 452 4.2.2 mailbox full\r\n");
}

/* RFC 4865: what was to be sent later is not old when it is. */
static void
age_from_release(void)
{
	start_remote();
	ipc_link_free(&t.local);
	submit("x@elsewhere.example");
	first()->env->arrived_us -= t.conf.queue.max_age * 2000;
	first()->env->release_us =
	    first()->env->arrived_us + t.conf.queue.max_age * 1500;
	answer(&t.jobs[0], LATER);
	assert_int_equal(files("-b0-", NULL, 0), 0);
	assert_int_equal(files(NULL, NULL, 0), 1);
}

/* A crash fell between the notice and the recipient's word. */
static void
notice_is_there(void)
{
	static char text[65536];
	char from[512], to[512];
	struct message *m;

	start_remote();
	ipc_link_free(&t.local);
	submit("x@elsewhere.example");
	(void)snprintf(from, sizeof(from), "%s/new/%s", t.dir, first()->file);
	(void)snprintf(to, sizeof(to), "%s/saved", t.dir);
	assert_int_equal(link(from, to), 0);
	answer(&t.jobs[0], NEVER);
	assert_int_equal(files("-b0-", text, sizeof(text)), 1);
	/* as it was before: the word is todo, and nobody remembers */
	m = first();
	message_free(m);
	assert_int_equal(rename(to, from), 0);
	{
		char word[] = "todo";
		char head[1024] = "";
		int fd = open(from, O_RDWR | O_CLOEXEC);
		size_t got;

		assert_true(io_pread_all(fd, head, sizeof(head) - 1, 0, &got));
		assert_non_null(strstr(head, "Mailstead-To: fail"));
		assert_int_equal(
		    pwrite(fd, word, 4,
			strstr(head, "Mailstead-To: ") - head + 14),
		    4);
		io_close(&fd);
	}
	start_index();
	assert_int_equal(t.n_jobs, 2);
	answer(&t.jobs[1], NEVER);
	/* no second one */
	assert_int_equal(files(NULL, NULL, 0), 1);
	assert_int_equal(files("-b0-", NULL, 0), 1);
	assert_int_equal(t.q.n_messages, 1);
}

/* A thousand letters to a dead host cost a few attempts. */
static void
host_is_down(void)
{
	for (int i = 0; i < 100; i++)
		submit("x@dead.example");
	assert_int_equal(schedule_waiting(&t.q), 100);
	start_remote();
	assert_int_equal(t.n_jobs, 5);
	for (size_t i = 0; i < t.n_jobs; i++)
		answer(&t.jobs[i], DOWN);
	assert_true(t.n_jobs <= 6);
	assert_int_equal(schedule_waiting(&t.q), 0);
	assert_int_equal(schedule_left_alone(&t.q), 1);
	assert_int_equal(t.q.n_active, 0);
	assert_int_equal(t.q.n_messages, 100);
	/* one more does not even try, and is not due before the host is */
	submit("y@dead.example");
	assert_true(t.n_jobs <= 6);
	/* unless the administrator says so */
	schedule_forgive(&t.q);
	submit("z@dead.example");
	assert_string_equal(t.jobs[t.n_jobs - 1].to[0], "z@dead.example");
	answer(&t.jobs[t.n_jobs - 1], DOWN);
	/* another host is not held back */
	submit("x@elsewhere.example");
	assert_string_equal(t.jobs[t.n_jobs - 1].next_hop, "elsewhere.example");
}

/* One failure among successes is no dead host. */
static void
host_is_flaky(void)
{
	start_remote();
	submit("x@elsewhere.example");
	answer(&t.jobs[0], DOWN);
	submit("y@elsewhere.example");
	assert_int_equal(t.n_jobs, 2);
	answer(&t.jobs[1], GOOD);
	submit("z@elsewhere.example");
	answer(&t.jobs[2], DOWN);
	assert_int_equal(schedule_left_alone(&t.q), 0);
}

static void
crowd(void)
{
	for (int i = 0; i < SCHEDULE_WAITS + 10; i++)
		submit("x@elsewhere.example");
	assert_int_equal(schedule_waiting(&t.q), SCHEDULE_WAITS);
	/* the others keep no file open meanwhile, and have not failed */
	assert_int_equal(t.q.n_active, SCHEDULE_WAITS);
	assert_int_equal(t.q.n_messages, SCHEDULE_WAITS + 10);
}

static void
worker_dies(void)
{
	start_remote();
	submit("x@elsewhere.example");
	stop_remote();
	assert_int_equal(t.n_jobs, 1);
	start_remote();
	assert_int_equal(t.n_jobs, 2);
	answer(&t.jobs[1], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

/* An earlier qmgr gave it out: nothing before all have told, not that again,
 * and the outcome counts. */
static void
under_way_before(void)
{
	submit("x@elsewhere.example\ny@elsewhere.example");
	connect_as(ROLE_REMOTE, &t.remote);
	proto_send_underway(
	    t.remote, &(struct msg_underway){span_of(first()->name), 0});
	settle();
	submit("z@other.example");
	assert_int_equal(t.n_jobs, 0);
	proto_send_underway_end(t.remote, &(struct msg_underway_end){1});
	settle();
	assert_int_equal(t.n_jobs, 2);
	answer(&t.jobs[1], GOOD);
	assert_int_equal(t.jobs[0].n, 1);
	assert_string_equal(t.jobs[0].to[0], "y@elsewhere.example");
	answer(&t.jobs[0], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 1);
	answer_rcpt(&t.jobs[0], 0, GOOD);
	settle();
	assert_int_equal(files(NULL, NULL, 0), 0);
}

/* What the worker says of an attempt for an earlier qmgr. */
static void
tell_before(uint32_t rcpt, enum say say)
{
	struct job j = {.id = 77};

	(void)span_copy(span_of(first()->name), j.qid, sizeof(j.qid));
	answer_rcpt(&j, rcpt, say);
}

static void
greet(uint32_t rcpt)
{
	connect_as(ROLE_REMOTE, &t.remote);
	proto_send_underway(
	    t.remote, &(struct msg_underway){span_of(first()->name), rcpt});
}

static void
greeted(void)
{
	proto_send_underway_end(t.remote, &(struct msg_underway_end){1});
	settle();
}

/* Ended before its turn has come here: it is not sent again. */
static void
done_before(void)
{
	submit("x@elsewhere.example\ny@elsewhere.example");
	greet(0);
	tell_before(0, GOOD);
	greeted();
	assert_int_equal(t.n_jobs, 1);
	assert_int_equal(t.jobs[0].n, 1);
	assert_string_equal(t.jobs[0].to[0], "y@elsewhere.example");
	answer(&t.jobs[0], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

/* Ended before even its file was found. */
static void
done_before_found(void)
{
	start_index();
	submit("x@elsewhere.example");
	greet(0);
	tell_before(0, GOOD);
	message_free(first());
	greeted();
	recover_start(&t.q);
	settle();
	assert_int_equal(t.n_jobs, 0);
	assert_int_equal(t.q.n_messages, 0);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

/* That it failed for an earlier one does not end it now. */
static void
failed_before(void)
{
	submit("x@elsewhere.example");
	greet(0);
	tell_before(0, NEVER);
	greeted();
	assert_int_equal(t.n_jobs, 1);
	answer(&t.jobs[0], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

/* That we stop is no failure of the message's. */
static void
stopped(void)
{
	start_remote();
	submit("x@elsewhere.example");
	t.w.draining = true;
	answer(&t.jobs[0], DOWN);
	assert_int_equal(t.n_jobs, 1);
	assert_int_equal(first()->state, MESSAGE_ACTIVE);
	assert_int_equal(first()->rounds, 0);
	/* what a host says is one */
	t.w.draining = false;
	schedule_run(&t.q);
	settle();
	assert_int_equal(t.n_jobs, 2);
	t.w.draining = true;
	answer(&t.jobs[1], LATER);
	assert_int_equal(first()->rounds, 1);
	t.w.draining = false;
}

/* A message that kills its workers leaves them to others for a while. */
static void
workers_die(void)
{
	start_remote();
	submit("x@elsewhere.example");
	stop_remote();
	start_remote();
	assert_int_equal(t.n_jobs, 2);
	stop_remote();
	start_remote();
	assert_int_equal(t.n_jobs, 2);
	assert_int_equal(first()->state, MESSAGE_IDLE);
	message_wake(first());
	settle();
	assert_int_equal(t.n_jobs, 3);
	answer(&t.jobs[2], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

/* Without any worker it is not kept for ever. */
static void
nobody_comes(void)
{
	t.conf.queue.max_age = 1;
	submit("x@elsewhere.example");
	assert_int_equal(files(NULL, NULL, 0), 1);
	assert_true(event_pending(first()->timer, EV_TIMEOUT, NULL));
	message_on_timer(-1, EV_TIMEOUT, first());
	settle();
	assert_int_equal(t.q.n_bounced, 1);
	assert_int_equal(t.n_local, 1);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

/* Nor is an old one given up because others have their turn before it. */
static void
old_one_waits(void)
{
	t.conf.relay.sessions = 1;
	start_remote();
	submit("x@elsewhere.example");
	submit("y@elsewhere.example");
	assert_int_equal(t.n_jobs, 1);
	t.conf.queue.max_age = 1;
	for (size_t i = 0; i < QMGR_BUCKETS; i++) {
		struct message *m, *after;

		for (m = TAILQ_FIRST(&t.q.buckets[i]); m != NULL; m = after) {
			after = TAILQ_NEXT(m, next);
			message_on_timer(-1, EV_TIMEOUT, m);
		}
	}
	settle();
	assert_int_equal(t.q.n_bounced, 0);
	answer(&t.jobs[0], GOOD);
	assert_int_equal(t.n_jobs, 2);
	answer(&t.jobs[1], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

/* Workers that are just being started have time to come. */
static void
old_one_has_time(void)
{
	struct timeval due, now;

	t.conf.queue.max_age = 1;
	submit("x@elsewhere.example");
	assert_true(event_pending(first()->timer, EV_TIMEOUT, &due));
	evutil_gettimeofday(&now, NULL);
	assert_true(due.tv_sec >= now.tv_sec + 50); /* retry_first: 60 s */
}

/* RFC 5321 2.4: two mailboxes, for all that we know; ours are one. */
static void
letters_case(void)
{
	start_remote();
	submit("Bob@elsewhere.example\nbob@elsewhere.example\n"
	       "Bob@elsewhere.example");
	assert_int_equal(t.n_jobs, 1);
	assert_int_equal(t.jobs[0].n, 2);
	assert_string_equal(t.jobs[0].to[0], "Bob@elsewhere.example");
	assert_string_equal(t.jobs[0].to[1], "bob@elsewhere.example");
	submit("Alice@example.org\nalice@example.org\nALICE@example.org");
	assert_int_equal(t.n_local, 1);
}

static void
worker_lies(void)
{
	struct job other;

	start_remote();
	submit("x@elsewhere.example\ny@other.example");
	assert_int_equal(t.n_jobs, 2);
	/* recipients that are not, twice the same, messages that are not */
	answer_rcpt(&t.jobs[0], 77, GOOD);
	answer_rcpt(&t.jobs[0], t.jobs[0].rcpts[0], GOOD);
	answer_rcpt(&t.jobs[0], t.jobs[0].rcpts[0], GOOD);
	answer_rcpt(&t.jobs[0], t.jobs[0].rcpts[0], NEVER);
	other = t.jobs[0];
	(void)snprintf(other.qid, sizeof(other.qid), "000000000000000");
	answer_rcpt(&other, 0, GOOD);
	settle();
	assert_non_null(t.remote);
	assert_int_equal(files(NULL, NULL, 0), 1);
	assert_int_equal(files("-b", NULL, 0), 0);
	answer(&t.jobs[1], GOOD);
	assert_int_equal(files(NULL, NULL, 0), 0);
}

static void
held(void)
{
	struct why why;

	submit("x@elsewhere.example");
	assert_int_equal(message_change(first(), &why), RC_OK);
	/* its file may be going */
	start_remote();
	assert_int_equal(t.n_jobs, 0);
	message_changed(first(), true);
	assert_int_equal(schedule_waiting(&t.q), 0);
	settle();
	assert_int_equal(t.n_jobs, 0);
	assert_int_equal(message_change(first(), &why), RC_OK);
	message_changed(first(), false);
	settle();
	assert_int_equal(t.n_jobs, 1);
}

static const struct act rows[] = {
    {"goes out", goes_out},
    {"grouped by host", grouped_by_host},
    {"many recipients", many_recipients},
    {"turns", turns},
    {"an alias leads out", alias_leads_out},
    {"strangers do not relay", strangers_do_not_relay},
    {"loop", loop},
    {"later", later},
    {"waits in the index", waits_in_the_index},
    {"files count", files_count},
    {"the index is dropped", index_is_dropped},
    {"never", never},
    {"the notice goes out", notice_goes_out},
    {"null reverse-path", null_sender},
    {"too old", too_old},
    {"age counts from the release", age_from_release},
    {"the notice is there", notice_is_there},
    {"host is down", host_is_down},
    {"host is flaky", host_is_flaky},
    {"a crowd", crowd},
    {"worker dies", worker_dies},
    {"under way before", under_way_before},
    {"done before", done_before},
    {"done before it was found", done_before_found},
    {"failed before", failed_before},
    {"stopped", stopped},
    {"workers die", workers_die},
    {"nobody comes", nobody_comes},
    {"an old one waits for its turn", old_one_waits},
    {"an old one has time", old_one_has_time},
    {"letters' case", letters_case},
    {"worker lies", worker_lies},
    {"held", held},
};

ROWS_MAIN(rows, check_act)

/* Destinations that take turns for the workers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/qmgr/outside.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static void
submit_many(int n, const char *host)
{
	struct buf b;

	buf_init(&b, 65536);
	for (int i = 0; i < n; i++)
		buf_putf(&b, "%su%d@%s", i > 0 ? "\n" : "", i, host);
	submit(buf_cstr(&b));
	buf_fini(&b);
}

static size_t
under_way_at(const char *host)
{
	size_t n = 0;

	for (size_t i = 0; i < t.n_jobs; i++)
		if (!t.jobs[i].answered &&
		    strcmp(t.jobs[i].next_hop, host) == 0)
			n += t.jobs[i].n;
	return n;
}

/* ---- the rows ---- */

/* Hosts that do not answer may not have the workers to themselves. */
static void
slow_ones_leave_room(void)
{
	char host[32];

	start_remote();
	/* more than the worker takes, if each had all it might */
	for (int i = 0; i < 20; i++) {
		(void)snprintf(host, sizeof(host), "slow%d.example", i);
		submit_many(300, host);
		assert_true(under_way_at(host) > 0);
	}
	submit("x@quick.example");
	assert_int_equal(under_way_at("quick.example"), 1);
}

/* Nor as jobs of one recipient each. */
static void
many_letters_leave_room(void)
{
	struct buf b;

	buf_init(&b, 65536);
	for (int h = 0; h < 110; h++)
		buf_putf(&b, "%sx@h%d.example", h > 0 ? "\n" : "", h);
	start_remote();
	for (int i = 0; i < 5; i++)
		submit(buf_cstr(&b));
	buf_fini(&b);
	/* so many would have filled it */
	assert_true(t.n_jobs < 512);
	submit("x@quick.example");
	assert_int_equal(under_way_at("quick.example"), 1);
}

/* What had to wait goes when there is room again, to the last of it. */
static void
all_go_in_the_end(void)
{
	size_t sent = 0;

	start_remote();
	submit_many(300, "slow.example");
	submit_many(300, "slower.example");
	submit_many(300, "slowest.example");
	for (size_t i = 0; i < t.n_jobs; i++) {
		sent += t.jobs[i].n;
		answer(&t.jobs[i], GOOD);
	}
	assert_int_equal(sent, 900);
	assert_int_equal(t.q.n_messages, 0);
	assert_int_equal(agent_room(&t.q, ROLE_REMOTE).rcpts, 2048);
}

static void
submit_as(const char *login, const char *rcpts)
{
	commit(login, login, rcpts, BODY);
	assert_int_equal(t.rc, RC_OK);
}

/* The one message of that login's. */
static const struct message *
of_login(const char *login)
{
	const struct message *m, *found = NULL;

	for (size_t i = 0; i < QMGR_BUCKETS; i++)
		TAILQ_FOREACH (m, &t.q.buckets[i], next)
			if (m->env != NULL &&
			    strcmp(m->env->login, login) == 0) {
				assert_null(found);
				found = m;
			}
	assert_non_null(found);
	return found;
}

/* At one host: a mailing's letters and those of others, by turns. */
static void
senders_take_turns(void)
{
	static const char *const order[] = {
	    "a5", "b0", "c0", "a6", "b1", "a7", "b2", "c1", "a8", "b3"};
	char to[64];

	start_remote();
	for (int i = 0; i < 30; i++) {
		(void)snprintf(to, sizeof(to), "a%d@elsewhere.example", i);
		submit(to);
	}
	for (int i = 0; i < 4; i++) {
		(void)snprintf(to, sizeof(to), "b%d@elsewhere.example", i);
		submit_as("bob@example.org", to);
	}
	submit_as("carol@example.org", "c0@elsewhere.example");
	assert_int_equal(t.n_jobs, 5);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		/* whoever comes again, comes to the round that is going on */
		if (i == 6)
			submit_as("carol@example.org", "c1@elsewhere.example");
		t.conf.relay.sessions = 5;
		answer(&t.jobs[i], GOOD);
		assert_int_equal(t.n_jobs, 6 + i);
		(void)snprintf(
		    to, sizeof(to), "%s@elsewhere.example", order[i]);
		assert_string_equal(t.jobs[5 + i].to[0], to);
	}
}

/* A group of a letter to many is a turn as well. */
static void
many_recipients_take_turns(void)
{
	start_remote();
	t.conf.relay.sessions = 4;
	submit_many(SCHEDULE_GROUP * 7, "elsewhere.example");
	submit_as("bob@example.org", "b@elsewhere.example");
	submit_many(SCHEDULE_GROUP, "elsewhere.example");
	assert_int_equal(t.n_jobs, 4);
	for (size_t i = 0; i < 3; i++)
		answer(&t.jobs[i], GOOD);
	assert_int_equal(t.n_jobs, 7);
	assert_int_equal(t.jobs[4].n, SCHEDULE_GROUP);
	assert_string_equal(t.jobs[5].to[0], "b@elsewhere.example");
	assert_int_equal(t.jobs[6].n, SCHEDULE_GROUP);
}

/* A mailing that fills a host's queue makes room for somebody else's letter,
 * and loses nothing. */
static void
senders_share_the_room(void)
{
	const struct message *m;
	bool found = false;

	for (int i = 0; i < SCHEDULE_WAITS + 3; i++)
		submit("x@elsewhere.example");
	submit_as("bob@example.org", "b@elsewhere.example");
	assert_int_equal(schedule_waiting(&t.q), SCHEDULE_WAITS);
	m = of_login("bob@example.org");
	assert_int_equal(m->n_queued, 1);
	assert_int_equal(files(NULL, NULL, 0), SCHEDULE_WAITS + 4);
	/* none has failed, or counts as tried */
	for (size_t i = 0; i < QMGR_BUCKETS; i++)
		TAILQ_FOREACH (m, &t.q.buckets[i], next)
			assert_true(m->rounds == 0 && m->reason == NULL);
	/* its own party's newest has no better right to it */
	submit("x@elsewhere.example");
	assert_int_equal(schedule_waiting(&t.q), SCHEDULE_WAITS);
	start_remote();
	for (size_t i = 0; i < t.n_jobs; i++)
		found |= strcmp(t.jobs[i].to[0], "b@elsewhere.example") == 0;
	assert_true(found);
}

/* Two that have as much change nothing any more. */
static void
equals_do_not_displace(void)
{
	for (int i = 0; i < SCHEDULE_WAITS; i++)
		submit_as(i % 2 == 0 ? "a@example.org" : "b@example.org",
		    "x@elsewhere.example");
	submit_as("a@example.org", "y@elsewhere.example");
	submit_as("b@example.org", "y@elsewhere.example");
	assert_int_equal(schedule_waiting(&t.q), SCHEDULE_WAITS);
	assert_int_equal(t.q.n_active, SCHEDULE_WAITS);
	submit_as("c@example.org", "z@elsewhere.example");
	assert_int_equal(of_login("c@example.org")->n_queued, 1);
	assert_int_equal(schedule_waiting(&t.q), SCHEDULE_WAITS);
	assert_int_equal(t.q.n_active, SCHEDULE_WAITS);
}

/* The same of all hosts together. */
static void
senders_share_all_room(void)
{
	enum {
		HOSTS = 50
	};
	struct buf b;

	for (int i = 0; i < SCHEDULE_ALL / HOSTS; i++) {
		buf_init(&b, 65536);
		for (int h = 0; h < HOSTS; h++)
			buf_putf(
			    &b, "%sx@h%d-%d.example", h > 0 ? "\n" : "", i, h);
		submit(buf_cstr(&b));
		buf_fini(&b);
	}
	assert_int_equal(schedule_waiting(&t.q), SCHEDULE_ALL);
	submit("x@other.example");
	assert_int_equal(schedule_waiting(&t.q), SCHEDULE_ALL);
	submit_as("bob@example.org", "b@other.example");
	assert_int_equal(schedule_waiting(&t.q), SCHEDULE_ALL);
	assert_int_equal(of_login("bob@example.org")->n_queued, 1);
}

static const struct act rows[] = {
    {"senders take turns", senders_take_turns},
    {"many recipients take turns", many_recipients_take_turns},
    {"senders share the room", senders_share_the_room},
    {"equals do not displace", equals_do_not_displace},
    {"senders share all room", senders_share_all_room},
    {"slow ones leave room", slow_ones_leave_room},
    {"many letters leave room", many_letters_leave_room},
    {"all go in the end", all_go_in_the_end},
};

ROWS_MAIN(rows, check_act)

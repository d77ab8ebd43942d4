/* Mail that is wanted by a time: RFC 2852. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/addr/dsn.h"
#include "lib/base/clock.h"
#include "tests/unit/qmgr/outside.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define FAR "x@elsewhere.example"

static char text[65536];

#define HAS(what)     assert_non_null(strstr(text, what))
#define HAS_NOT(what) assert_null(strstr(text, what))

/* MAIL with BY, so many seconds from now, to another host. */
static void
wanted_in(const char *by)
{
	struct addr_by asked = {.mode = ADDR_BY_NONE};
	struct buf b;

	buf_init(&b, 64);
	assert_true(addr_by_ask(span_of(by), clock_real_us(), &asked));
	addr_by_put(&b, &asked);
	start_remote();
	ipc_link_free(&t.local);
	t.by = buf_cstr(&b);
	submit(FAR);
	t.by = NULL;
	buf_fini(&b);
}

/* The attempt fails for now, when so long has gone by. */
static void
fails_too_late(struct job *j)
{
	struct message *m = message_find(&t.q, span_of(j->qid));

	m->env->by.until_us = clock_real_us() - 1;
	answer(j, LATER);
}

static void
told_to_the_host(void)
{
	wanted_in("600;RT");
	assert_int_equal(t.jobs[0].by.mode, ADDR_BY_RETURN);
	assert_true(t.jobs[0].by.trace);
	assert_in_range(addr_by_left(&t.jobs[0].by, clock_real_us()), 590, 600);
	assert_int_equal(files("", text, sizeof(text)), 1);
	HAS(" by=2");
	HAS("Z;RT\r\n");
}

static void
goes_back(void)
{
	wanted_in("600;R");
	fails_too_late(&t.jobs[0]);
	assert_int_equal(t.n_jobs, 1); /* the notice is for alice here */
	assert_int_equal(files(NULL, NULL, 0), 1);
	assert_int_equal(files("-b0-", text, sizeof(text)), 1);
	HAS("\r\nDeliver-By-Date: ");
	HAS("\r\nAction: failed\r\nStatus: 5.4.7\r\n");
	HAS("; the last attempt: mailbox full");
}

/* Its next attempt comes no later than the end. */
static void
wakes_in_time(void)
{
	t.conf.queue.retry_first = t.conf.queue.retry_max = 3600000;
	wanted_in("600;R");
	answer(&t.jobs[0], LATER);
	assert_in_range(first()->due_ms - clock_mono_ms(), 500000, 600 * 1000);
}

/* What nobody can attempt does not outlive it either. */
static void
goes_back_without_workers(void)
{
	wanted_in("1;R");
	stop_remote();
	assert_int_equal(files("-b0-", NULL, 0), 0);
	for (int i = 0; i < 12; i++)
		(void)usleep(100000);
	settle();
	assert_int_equal(files("-b0-", text, sizeof(text)), 1);
	HAS("Status: 5.4.7\r\n");
}

static void
told_once(void)
{
	struct message *m;

	t.conf.queue.delay_warning = 0;
	t.notify = ADDR_DSN_FAILURE;
	wanted_in("600;N");
	fails_too_late(&t.jobs[0]);
	assert_int_equal(files("-w0-", text, sizeof(text)), 1);
	HAS("\r\nDeliver-By-Date: ");
	HAS("\r\nAction: delayed\r\n");
	assert_int_equal(files(NULL, NULL, 0), 2);
	m = message_find(&t.q, span_of(t.jobs[0].qid));
	message_wake(m);
	settle();
	assert_int_equal(t.n_jobs, 2);
	assert_int_equal(m->env->rcpts[0].word, ENVELOPE_LATE);
	fails_too_late(&t.jobs[1]);
	assert_int_equal(files(NULL, NULL, 0), 2);
}

static void
not_told(void)
{
	t.conf.queue.delay_warning = 0;
	t.notify = ADDR_DSN_NEVER;
	wanted_in("600;N");
	fails_too_late(&t.jobs[0]);
	assert_int_equal(files(NULL, NULL, 0), 1);
}

/* Who had it before told of it. */
static void
over_before(void)
{
	t.conf.queue.delay_warning = 0;
	wanted_in("-5;N");
	assert_int_equal(files("", text, sizeof(text)), 1);
	HAS("Mailstead-To: late <" FAR ">");
	answer(&t.jobs[0], LATER);
	assert_int_equal(files(NULL, NULL, 0), 1);
}

static const char *
notice_path(void)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/new/%s", t.dir, first()->file);
	return path;
}

/* The sender hears who has it, unless that host knows the time. */
static void
handed_on(void)
{
	static const struct {
		const char *by;
		bool knows;
		uint8_t notify;
		size_t notices;
	} rows[] = {
	    {"600;N", false, ADDR_DSN_UNSAID, 1},
	    {"600;N", true, ADDR_DSN_UNSAID, 0},
	    {"600;NT", true, ADDR_DSN_FAILURE, 1},
	    {"600;RT", true, ADDR_DSN_UNSAID, 1},
	    {"600;R", true, ADDR_DSN_UNSAID, 0},
	    {"600;NT", false, ADDR_DSN_NEVER, 0},
	};
	size_t n = sizeof(rows) / sizeof(rows[0]);

	for (size_t i = 0; i < n; i++) {
		size_t job = t.n_jobs;

		t.notify = rows[i].notify;
		t.knows_by = rows[i].knows;
		wanted_in(rows[i].by);
		answer(&t.jobs[job], GOOD);
		assert_int_equal(
		    files("-s0-", text, sizeof(text)), rows[i].notices);
		assert_int_equal(files(NULL, NULL, 0), rows[i].notices);
		if (rows[i].notices > 0) {
			HAS("\r\nAction: relayed\r\n");
			HAS("\r\nDeliver-By-Date: ");
			assert_int_equal(unlink(notice_path()), 0);
			message_free(first());
		}
		stop_remote();
	}
}

static void
smtpd_lies(void)
{
	static const char *const lies[] = {"600;R", "x", "2026-11-29", ";"};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		t.by = lies[i];
		commit("alice@example.org", "alice@example.org", FAR, BODY);
		assert_int_equal(t.rc, RC_TEMP);
	}
	assert_int_equal(files(NULL, NULL, 0), 0);
}

static const struct act rows[] = {
    {"told to the host", told_to_the_host},
    {"goes back", goes_back},
    {"wakes in time", wakes_in_time},
    {"goes back without workers", goes_back_without_workers},
    {"told once", told_once},
    {"not told", not_told},
    {"over before", over_before},
    {"handed on", handed_on},
    {"smtpd lies", smtpd_lies},
};

ROWS_MAIN(rows, check_act)

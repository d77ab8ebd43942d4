/* Clients counted by several processes: what each sees of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/census/gate.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static const struct census_limits two = {.sessions = 2}, rare = {.rate = 10};
static struct census *own, *other;
static int memory = -1;
static uint64_t now = 1000000 * 60000ULL;

static struct census *
open_one(void)
{
	struct why why;
	struct census *c = census_open(dup(memory), &why);

	assert_non_null(c);
	return c;
}

/* Each row has memory of its own, and two processes, both this one. */
static void
begin(void)
{
	memory = census_make();
	assert_true(memory >= 0);
	own = open_one();
	other = open_one();
	assert_true(census_join(own));
	assert_true(census_join(other));
}

static void
end(void)
{
	census_close(&own);
	census_close(&other);
	io_close(&memory);
}

static enum census_answer
enter_with(struct census *c, const struct census_limits *limits,
    const char *who, uint32_t *ticket)
{
	return census_enter(c, limits,
	    &(struct census_who){CENSUS_ADDRESS, span_of(who)}, now, ticket);
}

static enum census_answer
enter(struct census *c, const struct census_limits *limits, const char *who)
{
	uint32_t ticket;

	return enter_with(c, limits, who, &ticket);
}

static void
both_count(void)
{
	assert_int_equal(enter(own, &two, "192.0.2.1"), CENSUS_WELCOME);
	assert_int_equal(enter(other, &two, "192.0.2.1"), CENSUS_WELCOME);
	assert_int_equal(enter(own, &two, "192.0.2.1"), CENSUS_TOO_MANY);
	assert_int_equal(enter(other, &two, "192.0.2.1"), CENSUS_TOO_MANY);
	assert_int_equal(enter(own, &two, "192.0.2.2"), CENSUS_WELCOME);
}

static void
leaving_makes_room(void)
{
	uint32_t tickets[2];

	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
		    enter_with(own, &two, "192.0.2.1", &tickets[i]),
		    CENSUS_WELCOME);
	assert_int_equal(enter(other, &two, "192.0.2.1"), CENSUS_TOO_MANY);
	census_leave(own, tickets[0]);
	assert_int_equal(enter(other, &two, "192.0.2.1"), CENSUS_WELCOME);
	/* whoever was turned away has none to give back */
	census_leave(own, 0);
	assert_int_equal(enter(own, &two, "192.0.2.1"), CENSUS_TOO_MANY);
}

static void
one_customer_of_ipv6(void)
{
	assert_int_equal(enter(own, &two, "2001:db8::1"), CENSUS_WELCOME);
	assert_int_equal(enter(own, &two, "2001:db8::ffff:1"), CENSUS_WELCOME);
	assert_int_equal(enter(own, &two, "2001:db8::2"), CENSUS_TOO_MANY);
	assert_int_equal(enter(own, &two, "2001:db8:0:1::1"), CENSUS_WELCOME);
}

static void
rate(void)
{
	uint32_t ticket;

	for (int i = 0; i < 10; i++) {
		assert_int_equal(enter_with(i % 2 == 0 ? own : other, &rare,
				     "192.0.2.1", &ticket),
		    CENSUS_WELCOME);
		/* those that have left count too */
		census_leave(i % 2 == 0 ? own : other, ticket);
	}
	assert_int_equal(enter(own, &rare, "192.0.2.1"), CENSUS_TOO_OFTEN);
	/* half of the minute before counts, then nothing of it */
	now += 90000;
	for (int i = 0; i < 5; i++)
		assert_int_equal(
		    enter(other, &rare, "192.0.2.1"), CENSUS_WELCOME);
	assert_int_equal(enter(own, &rare, "192.0.2.1"), CENSUS_TOO_OFTEN);
	now += 120000;
	for (int i = 0; i < 10; i++)
		assert_int_equal(
		    enter(other, &rare, "192.0.2.1"), CENSUS_WELCOME);
	assert_int_equal(enter(own, &rare, "192.0.2.1"), CENSUS_TOO_OFTEN);
	now -= now % 60000;
}

static void
the_dead_have_no_connections(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct census *c = open_one();

		_exit(census_join(c) &&
			      enter(c, &two, "192.0.2.1") == CENSUS_WELCOME &&
			      enter(c, &two, "192.0.2.1") == CENSUS_WELCOME
			  ? 0
			  : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(enter(own, &two, "192.0.2.1"), CENSUS_TOO_MANY);
	census_bury(own, pid + 1);
	assert_int_equal(enter(own, &two, "192.0.2.1"), CENSUS_TOO_MANY);
	census_bury(own, pid);
	assert_int_equal(enter(own, &two, "192.0.2.1"), CENSUS_WELCOME);
}

/* More clients than there are places: some are not counted, none is lost. */
static void
crowd(void)
{
	static const struct census_limits one = {.sessions = 1};
	static uint32_t tickets[20000];
	unsigned counted = 0;

	for (unsigned i = 0; i < 20000; i++) {
		char ip[32];

		(void)snprintf(ip, sizeof(ip), "10.0.%u.%u", i / 250, i % 250);
		assert_int_equal(
		    enter_with(own, &one, ip, &tickets[i]), CENSUS_WELCOME);
		counted += tickets[i] > 0;
	}
	assert_in_range(counted, 7000, 8192);
	for (unsigned i = 0; i < 20000; i++)
		census_leave(own, tickets[i]);
	/* and there is room again, for those whose minute is over first */
	assert_int_equal(enter(own, &one, "192.0.2.1"), CENSUS_WELCOME);
	assert_int_equal(enter(own, &one, "192.0.2.1"), CENSUS_TOO_MANY);
}

static void
not_an_address(void)
{
	for (int i = 0; i < 5; i++)
		assert_int_equal(enter(own, &two, "unknown"), CENSUS_WELCOME);
}

static void
no_limit(void)
{
	static const struct census_limits none = {0, 0};

	for (int i = 0; i < 5000; i++)
		assert_int_equal(
		    enter(own, &none, "192.0.2.1"), CENSUS_WELCOME);
}

/* A process that is hostile cannot take the memory from under the others. */
static void
memory_is_sealed(void)
{
	struct why why;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_int_equal(ftruncate(memory, 0), -1);
	assert_int_equal(ftruncate(memory, 1 << 30), -1);
	assert_null(census_open(fd, &why));
}

static void
columns_run_out(void)
{
	struct census *c[127];
	unsigned joined = 0;

	for (size_t i = 0; i < 127; i++) {
		c[i] = open_one();
		joined += census_join(c[i]);
	}
	assert_int_equal(joined, 126);
	assert_int_equal(enter(c[126], &two, "192.0.2.1"), CENSUS_WELCOME);
	for (size_t i = 0; i < 127; i++)
		census_close(&c[i]);
}

static void
gate(void)
{
	char *exempt[] = {(char[]){"192.0.2.0/24"}, (char[]){"::1"}, NULL};
	struct conf conf = {.limits = {.rate = 0, .exempt = {exempt, 2}}};
	struct gate g = {.census = NULL};
	uint32_t ticket;
	struct why why;

	/* without a census all are welcome */
	assert_int_equal(
	    gate_enter(&g, SPAN_LIT("203.0.113.1"), &ticket), CENSUS_WELCOME);
	assert_int_equal(gate_open(&g, dup(memory), &why), RC_OK);
	gate_set(&g, &conf, 1);
	assert_int_equal(
	    gate_enter(&g, SPAN_LIT("203.0.113.1"), &ticket), CENSUS_WELCOME);
	assert_int_equal(
	    gate_enter(&g, SPAN_LIT("203.0.113.1"), &ticket), CENSUS_TOO_MANY);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(gate_enter(&g, SPAN_LIT("192.0.2.9"), &ticket),
		    CENSUS_WELCOME);
		assert_int_equal(ticket, 0);
		assert_int_equal(
		    gate_enter(&g, SPAN_LIT("::1"), &ticket), CENSUS_WELCOME);
	}
	census_close(&g.census);
}

/* A login is no address, and each is counted apart, from wherever it is; its
 * connections leave room when they end. */
static void
logins(void)
{
	char *exempt[] = {(char[]){"192.0.2.0/24"}, NULL};
	struct conf conf = {.limits = {.login = 1, .exempt = {exempt, 1}}};
	struct gate g = {.census = NULL};
	const struct span joe = SPAN_LIT("joe@example.org");
	const struct span at = SPAN_LIT("203.0.113.1");
	uint32_t ticket, second;
	struct why why;

	assert_int_equal(gate_open(&g, dup(memory), &why), RC_OK);
	gate_set(&g, &conf, 1);
	assert_int_equal(gate_enter(&g, at, &ticket), CENSUS_WELCOME);
	assert_int_equal(gate_login(&g, at, at, &ticket), CENSUS_WELCOME);
	assert_int_equal(gate_login(&g, at, joe, &ticket), CENSUS_WELCOME);
	assert_int_equal(gate_login(&g, SPAN_LIT("203.0.113.2"), joe, &second),
	    CENSUS_TOO_MANY);
	assert_int_equal(second, 0);
	assert_int_equal(gate_login(&g, SPAN_LIT("192.0.2.1"), joe, &second),
	    CENSUS_WELCOME);
	gate_leave(&g, &ticket);
	assert_int_equal(ticket, 0);
	gate_leave(&g, &ticket);
	assert_int_equal(gate_login(&g, at, joe, &ticket), CENSUS_WELCOME);
	assert_int_equal(gate_login(&g, at, joe, &second), CENSUS_TOO_MANY);
	gate_leave(&g, &second);
	assert_int_equal(gate_login(&g, at, joe, &second), CENSUS_TOO_MANY);
	/* so long a name cannot be counted */
	for (int i = 0; i < 3; i++) {
		char name[2000];

		(void)memset(name, 'x', sizeof(name));
		assert_int_equal(
		    gate_login(&g, at, span_make(name, sizeof(name)), &second),
		    CENSUS_WELCOME);
	}
	conf.limits.login = 0;
	assert_int_equal(gate_login(&g, at, joe, &second), CENSUS_WELCOME);
	census_close(&g.census);
}

static const struct row {
	const char *name;
	void (*act)(void);
} rows[] = {
    {"both count", both_count},
    {"leaving makes room", leaving_makes_room},
    {"one customer of IPv6", one_customer_of_ipv6},
    {"rate", rate},
    {"the dead have no connections", the_dead_have_no_connections},
    {"crowd", crowd},
    {"not an address", not_an_address},
    {"no limit", no_limit},
    {"memory is sealed", memory_is_sealed},
    {"columns run out", columns_run_out},
    {"gate", gate},
    {"logins", logins},
};

static void
check_row(void **state)
{
	const struct row *row = *state;

	begin();
	row->act();
	end();
}

ROWS_MAIN(rows, check_row)

/* Identifiers: none comes twice, from whichever thread or process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/io.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

#define EACH    20000
#define THREADS 4

static struct id ids[THREADS][EACH];

static int
compare(const void *a, const void *b)
{
	return strcmp(
	    ((const struct id *)a)->text, ((const struct id *)b)->text);
}

static void *
make(void *arg)
{
	struct id *to = arg;

	for (size_t i = 0; i < EACH; i++)
		to[i] = id_new();
	return NULL;
}

static void
differ_between_threads(void)
{
	struct id *all = ids[0];
	pthread_t t[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, make, ids[i]), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	qsort(all, THREADS * EACH, sizeof(*all), compare);
	for (size_t i = 1; i < THREADS * EACH; i++)
		assert_string_not_equal(all[i - 1].text, all[i].text);
}

/* The part that is not the time: a child does not go on with its parent's. */
static void
differ_between_processes(void)
{
	enum {
		N = 40
	};
	struct id own, theirs[N];
	int fds[2], equal = 0, status;
	size_t got = 0;
	pid_t pid;

	(void)id_new(); /* there is something to inherit */
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		for (size_t i = 0; i < N; i++)
			theirs[i] = id_new();
		_exit(io_write_all(fds[1], theirs, sizeof(theirs)) ? 0 : 1);
	}
	while (got < sizeof(theirs)) {
		ssize_t r =
		    read(fds[0], (char *)theirs + got, sizeof(theirs) - got);

		assert_true(r > 0);
		got += (size_t)r;
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (size_t i = 0; i < N; i++) {
		own = id_new();
		equal += strcmp(own.text + 11, theirs[i].text + 11) == 0;
	}
	assert_int_equal(equal, 0);
	io_close(&fds[0]);
	io_close(&fds[1]);
}

static void
tells_its_time(void)
{
	uint64_t before = clock_real_us();
	struct id id = id_new();
	uint64_t us = id_time_us(id_span(&id));

	assert_true(id_valid(id_span(&id)));
	/* ids of the same microsecond are put behind each other */
	assert_in_range(us, before, clock_real_us() + THREADS * EACH);
	assert_false(id_valid(SPAN_LIT("short")));
	assert_false(id_valid(SPAN_LIT("ABCDEFGHIJKLMNO")));
	assert_int_equal(id_time_us(SPAN_LIT("")), 0);
}

static const struct row {
	const char *name;
	void (*act)(void);
} rows[] = {
    {"tells its time", tells_its_time},
    {"differ between threads", differ_between_threads},
    {"differ between processes", differ_between_processes},
};

static void
check_row(void **state)
{
	const struct row *row = *state;

	row->act();
}

ROWS_MAIN(rows, check_row)

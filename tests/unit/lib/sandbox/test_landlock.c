/* Landlock alone, without uid or filter in front of it, by ABI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "lib/sandbox/landlock.h"
#include "tests/unit/lib/sandbox/place.h"
#include "tests/unit/rows.h"
#include "lib/base/banned.h"

static struct place place;

static int
try_bind(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return bind(fd, (struct sockaddr *)&in, sizeof(in));
}

/* nobody listens: without Landlock the connection is refused */
static int
try_connect(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(1)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) < 0)
		return errno == ECONNREFUSED ? 0 : -1;
	return 0;
}

static int
try_signal(void)
{
	return kill(getppid(), 0);
}

static int
try_read(void)
{
	return open(place.outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int
in_place(const char *dir, int flags)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/file", dir);
	return open(path, flags | O_CLOEXEC, 0600);
}

static int
try_make_inside(void)
{
	return in_place(place.inside, O_WRONLY | O_CREAT | O_EXCL);
}

/* only "jail" is granted for reading alone, and it holds a file */
static int
try_write_readable(void)
{
	return in_place(place.jail, O_WRONLY);
}

static int
try_cut_readable(void)
{
	return in_place(place.jail, O_RDONLY | O_TRUNC);
}

static int
try_read_readable(void)
{
	return in_place(place.jail, O_RDONLY);
}

static const struct row {
	const char *name;
	unsigned abi;
	unsigned in_force; /* 0: the lowest of abi and the kernel's */
	int (*attempt)(void);
	bool works;
} rows[] = {
    {"0: all is open", 0, 0, try_read, true},
    {"1: not used for who links", 1, 0, try_read, true},
    {"2: outside is closed", 2, 2, try_read, false},
    {"2: inside is open", 2, 2, try_make_inside, true},
    {"2: readable is not writable", 2, 2, try_write_readable, false},
    {"2: but can be truncated", 2, 2, try_cut_readable, true},
    {"3: no more", 3, 3, try_cut_readable, false},
    {"3: readable is readable", 3, 3, try_read_readable, true},
    {"3: TCP is open", 3, 3, try_bind, true},
    {"4: no bind", 4, 4, try_bind, false},
    {"4: no connection", 4, 4, try_connect, false},
    {"3: connection is open", 3, 3, try_connect, true},
    {"5: signals are open", 5, 5, try_signal, true},
    {"6: no signal outward", 6, 6, try_signal, false},
    {"newest: inside is open", 99, 0, try_make_inside, true},
    {"newest: outside is closed", 99, 0, try_read, false},
};

static int
child(const struct row *row)
{
	const struct sandbox_path paths[] = {
	    {place.inside, SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE},
	    {place.jail, SANDBOX_READ}};
	const struct sandbox_setup setup = {
	    .paths = paths, .n_paths = 2, .landlock_abi_max = row->abi};
	struct why why;
	unsigned abi;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) < 0 ||
	    sandbox_landlock_enter(&setup, &abi, &why) != RC_OK)
		return 2;
	if (row->abi < 99 && abi != row->in_force)
		return 3;
	return row->attempt() >= 0 ? 0 : 1;
}

static void
check_row(void **state)
{
	const struct row *row = *state;
	int status, fd;
	pid_t pid;

	if (sandbox_landlock_kernel() < (row->abi < 99 ? row->abi : 2)) {
		print_message("this kernel has no such Landlock\n");
		skip();
	}
	assert_true(place_make(&place));
	fd = in_place(place.jail, O_WRONLY | O_CREAT);
	assert_true(fd >= 0 && close(fd) == 0);
	pid = fork();
	if (pid == 0)
		_exit(child(row));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	place_remove(&place);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), row->works ? 0 : 1);
}

ROWS_MAIN(rows, check_row)

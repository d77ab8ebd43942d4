/*
 * Acts on other processes, on the process's own rights, and on parts of the
 * kernel that no mail server needs: see probe.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lib/sandbox/probe.h"
#include "lib/base/banned.h"

#define PAGE 4096UL

static int target_word = 1;

/*
 * A child that waits until this process has ended. A signal on the parent's
 * death would not do: a parent that has changed its uid may not send it.
 */
static int
arrange_target(struct sandbox_probe *probe)
{
	int fd[2];
	char c;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -1;
	probe->pid = fork();
	if (probe->pid == 0) {
		unsigned keep = (unsigned)fd[0];

		/* the pipe to the prover too: it waits for its end */
		(void)close_range(keep + 1, ~0U, 0);
		if (keep > 0)
			(void)close_range(0, keep - 1, 0);
		_exit(read(fd[0], &c, 1) < 0 ? 1 : 0);
	}
	return probe->pid < 0 ? -1 : 0;
}

static int
arrange_page(struct sandbox_probe *probe)
{
	probe->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return probe->page == MAP_FAILED ? -1 : 0;
}

static int
arrange_namespace(struct sandbox_probe *probe)
{
	probe->fd = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
	return probe->fd;
}

static int
try_exec(struct sandbox_probe *probe)
{
	static char name[] = "true";
	char *argv[] = {name, NULL}, *envp[] = {NULL};

	(void)probe; /* nothing arranged */
	return execve("/bin/true", argv, envp);
}

static int
try_fork(struct sandbox_probe *probe)
{
	long pid =
	    syscall(SYS_clone, (unsigned long)SIGCHLD, 0UL, 0UL, 0UL, 0UL);

	(void)probe; /* nothing arranged */
	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : 0;
}

static int
try_ptrace(struct sandbox_probe *probe)
{
	return ptrace(PTRACE_SEIZE, probe->pid, NULL, NULL) < 0 ? -1 : 0;
}

static int
try_kill(struct sandbox_probe *probe)
{
	return kill(probe->pid, SIGURG);
}

static int
try_tgkill(struct sandbox_probe *probe)
{
	return (int)syscall(SYS_tgkill, probe->pid, probe->pid, SIGURG);
}

static int
try_vm_read(struct sandbox_probe *probe)
{
	int word;
	struct iovec to = {&word, sizeof(word)};
	struct iovec from = {&target_word, sizeof(target_word)};

	return process_vm_readv(probe->pid, &to, 1, &from, 1, 0) < 0 ? -1 : 0;
}

static int
try_pidfd(struct sandbox_probe *probe)
{
	return (int)syscall(SYS_pidfd_open, probe->pid, 0U);
}

static int
try_setuid(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	return (int)syscall(SYS_setresuid, 0, 0, 0);
}

static int
try_chroot(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	return chroot("/");
}

static int
try_setns(struct sandbox_probe *probe)
{
	return setns(probe->fd, 0);
}

static int
try_unshare(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	return unshare(CLONE_NEWUSER);
}

static int
try_clone_user(struct sandbox_probe *probe)
{
	long pid = syscall(SYS_clone,
	    (unsigned long)CLONE_NEWUSER | (unsigned long)SIGCHLD, 0UL, 0UL,
	    0UL, 0UL);

	(void)probe; /* nothing arranged */
	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : 0;
}

static int
try_mprotect_exec(struct sandbox_probe *probe)
{
	return mprotect(probe->page, PAGE, PROT_READ | PROT_EXEC);
}

static int
try_mmap_exec(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? -1 : munmap(page, PAGE);
}

static int
try_memfd(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	return memfd_create("probe", MFD_CLOEXEC);
}

static int
try_dumpable(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	return prctl(PR_SET_DUMPABLE, 1UL, 0UL, 0UL, 0UL);
}

static int
try_limit(struct sandbox_probe *probe)
{
	struct rlimit none = {0, 0};

	(void)probe; /* nothing arranged */
	return setrlimit(RLIMIT_CORE, &none);
}

static int
try_limit_other(struct sandbox_probe *probe)
{
	struct rlimit limit;

	return prlimit(probe->pid, RLIMIT_CORE, NULL, &limit);
}

static int
try_personality(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	return personality(ADDR_NO_RANDOMIZE);
}

static int
try_keyctl(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	return (int)syscall(
	    SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1);
}

static int
try_bpf(struct sandbox_probe *probe)
{
	union bpf_attr attr = {0};

	(void)probe; /* nothing arranged */
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 4;
	attr.max_entries = 1;
	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int
try_perf(struct sandbox_probe *probe)
{
	struct perf_event_attr attr = {0};

	(void)probe; /* nothing arranged */
	attr.type = PERF_TYPE_SOFTWARE;
	attr.size = sizeof(attr);
	attr.config = PERF_COUNT_SW_TASK_CLOCK;
	attr.exclude_kernel = 1;
	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0UL);
}

static int
try_io_uring(struct sandbox_probe *probe)
{
	struct io_uring_params params = {0};

	(void)probe; /* nothing arranged */
	return (int)syscall(SYS_io_uring_setup, 2U, &params);
}

static int
try_userfault(struct sandbox_probe *probe)
{
	(void)probe; /* nothing arranged */
	return (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
}

#define ALL       SANDBOX_CONFINED
#define NOT_SPAWN (ALL & ~SANDBOX_OF(SPAWN))

const struct sandbox_act sandbox_probe_calls[] = {
    {"execute a program", NULL, try_exec, ALL, 0},
    {"fork", NULL, try_fork, NOT_SPAWN, 0},
    {"trace another process", arrange_target, try_ptrace, ALL, 0},
    {"signal another process", arrange_target, try_kill, ALL, 0},
    {"signal another's thread", arrange_target, try_tgkill, NOT_SPAWN,
	SANDBOX_BY_IDS | SANDBOX_BY_LANDLOCK6},
    {"read another's memory", arrange_target, try_vm_read, ALL, 0},
    {"hold another process", arrange_target, try_pidfd, ALL, 0},
    {"read another's limits", arrange_target, try_limit_other, ALL, 0},
    {"become root", NULL, try_setuid, NOT_SPAWN,
	SANDBOX_BY_IDS | SANDBOX_NEEDS_ROOT},
    {"change the root", NULL, try_chroot, ALL, SANDBOX_NEEDS_ROOT},
    {"enter a namespace", arrange_namespace, try_setns, ALL,
	SANDBOX_NEEDS_ROOT},
    {"make a user namespace", NULL, try_unshare, ALL, 0},
    {"fork into a user namespace", NULL, try_clone_user, ALL, 0},
    {"make memory executable", arrange_page, try_mprotect_exec, ALL, 0},
    {"map executable memory", NULL, try_mmap_exec, ALL, 0},
    {"make a memory file", NULL, try_memfd,
	ALL & ~(SANDBOX_OF(SMTPD) | SANDBOX_OF(QMGR) | SANDBOX_OF(REMOTE) |
		  SANDBOX_OF(SPAWN)),
	0},
    {"become dumpable", NULL, try_dumpable, NOT_SPAWN, 0},
    {"set a limit", NULL, try_limit, NOT_SPAWN, 0},
    {"change the personality", NULL, try_personality, ALL, 0},
    {"use keyrings", NULL, try_keyctl, ALL, 0},
    {"make a BPF map", NULL, try_bpf, ALL, SANDBOX_NEEDS_ROOT},
    {"count performance", NULL, try_perf, ALL, 0},
    {"set up io_uring", NULL, try_io_uring, ALL, 0},
    {"handle page faults", NULL, try_userfault, ALL, 0},
    {.name = NULL},
};

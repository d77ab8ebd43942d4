/*
 * Filters: see policy.h. The library makes the program; it is kept as bytes
 * and the process's own pid is written in when it is installed, so that one
 * compilation serves every child.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/sandbox/policy.h"
#include "lib/base/banned.h"

#define STATUS "5.3.5"

/* Stands for the process's own pid; above any pid there can be. */
#define OWN_PID 0x7fedcba9U

/* Not a role: rows for a build with sanitizers. */
#define SANITIZER (1U << 31)
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BUILD_HAS SANITIZER
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define BUILD_HAS SANITIZER
#endif
#ifndef BUILD_HAS
#define BUILD_HAS 0U
#endif

struct policy_row {
	int call;
	uint32_t action;
	uint32_t roles;
	unsigned n;
	struct scmp_arg_cmp when[3];
};

struct sandbox_policy {
	enum role role;
	unsigned short n;
	struct sock_filter code[];
};

/* clang-format off */
#define COND(i, mask, v) \
	{.arg = (i), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (v)}
/* int arguments: the kernel does not look at the upper half */
#define COND_IS(i, v) COND(i, UINT64_C(0xffffffff), (uint32_t)(v))
#define ANY                  0, {{0}}
#define IS(i, v)             1, {COND_IS(i, v)}
#define IS_BOTH(i, v, j, w)  2, {COND_IS(i, v), COND_IS(j, w)}
#define IS_CLEAR(i, v, j, b) 2, {COND_IS(i, v), COND(j, (uint64_t)(b), 0)}
#define CLEAR(i, bits)       1, {COND(i, (uint64_t)(bits), 0)}
#define SET(i, bits)         1, {COND(i, (uint64_t)(bits), (uint64_t)(bits))}
#define SOCKET(family, kind, protocol) \
	3, {COND_IS(0, family), \
	    COND(1, UINT32_MAX & ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK), \
		kind), COND_IS(2, protocol)}
#define READ_SELF(i, j)      2, {COND_IS(i, 0), COND(j, UINT64_MAX, 0)}

static const struct policy_row rows[] = {
#define ALLOW(call, roles, ...) \
	{SCMP_SYS(call), SCMP_ACT_ALLOW, roles, __VA_ARGS__},
#define ANSWER(call, roles, error) \
	{SCMP_SYS(call), SCMP_ACT_ERRNO(error), roles, ANY},
#include "lib/sandbox/policy.def"
#undef ALLOW
#undef ANSWER
};
/* clang-format on */

/* The program as bytes; the library writes it only to a descriptor. */
static enum rc
save(scmp_filter_ctx ctx, enum role role, struct sandbox_policy **policy,
    struct why *why)
{
	int fd = io_memfd("policy");
	enum rc rc = RC_PERM;
	size_t size, got;
	struct stat st;
	int err;

	if (fd < 0)
		return why_sys(why, RC_PERM, STATUS, "memfd");
	err = seccomp_export_bpf(ctx, fd);
	if (err < 0 || fstat(fd, &st) < 0) {
		errno = err < 0 ? -err : errno;
		why_sys(why, rc, STATUS, "export filter");
		goto out;
	}
	size = (size_t)st.st_size;
	if (size == 0 || size / sizeof(struct sock_filter) > BPF_MAXINSNS) {
		why_set(why, rc, STATUS, "filter of %zu bytes", size);
		goto out;
	}
	*policy = mem_alloc(sizeof(**policy) + size);
	(*policy)->role = role;
	(*policy)->n = (unsigned short)(size / sizeof(struct sock_filter));
	if (!io_pread_all(fd, (*policy)->code, size, 0, &got) || got != size) {
		why_sys(why, rc, STATUS, "read filter");
		sandbox_policy_free(policy);
		goto out;
	}
	rc = RC_OK;
out:
	io_close(&fd);
	return rc;
}

static int
add_rows(scmp_filter_ctx ctx, enum role role)
{
	uint32_t mine = 1U << role | BUILD_HAS;
	int err = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((rows[i].roles & mine) == 0)
			continue;
		err = seccomp_rule_add_array(
		    ctx, rows[i].action, rows[i].call, rows[i].n, rows[i].when);
		/* a sanitizer's row may repeat one of the role's */
		if (err < 0 && err != -EEXIST)
			break;
		err = 0;
	}
	return err;
}

enum rc
sandbox_policy_new(
    enum role role, struct sandbox_policy **policy, struct why *why)
{
	scmp_filter_ctx ctx;
	enum rc rc = RC_PERM;
	int err;

	*policy = NULL;
	if ((unsigned)role >= ROLE_COUNT ||
	    (SANDBOX_CONFINED & 1U << role) == 0)
		return why_set(why, RC_PERM, STATUS, "no filter for role %s",
		    role_name(role));
	ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (ctx == NULL)
		return why_set(why, RC_PERM, STATUS, "no filter context");
	err = seccomp_attr_set(
	    ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (err == 0)
		err = add_rows(ctx, role);
	if (err == 0) {
		rc = save(ctx, role, policy, why);
	} else {
		errno = -err;
		why_sys(why, rc, STATUS, "filter of role %s", role_name(role));
	}
	seccomp_release(ctx);
	return rc;
}

enum role
sandbox_policy_role(const struct sandbox_policy *policy)
{
	return policy->role;
}

enum rc
sandbox_policy_install(
    const struct sandbox_policy *policy, bool *in_force, struct why *why)
{
	size_t size = policy->n * sizeof(policy->code[0]);
	struct sock_filter *code = mem_alloc(size);
	struct sock_fprog prog = {.len = policy->n, .filter = code};
	enum rc rc = RC_OK;

	*in_force = false;
	memcpy(code, policy->code, size);
	for (unsigned i = 0; i < policy->n; i++)
		if (code[i].code == (BPF_JMP | BPF_JEQ | BPF_K) &&
		    code[i].k == OWN_PID)
			code[i].k = (uint32_t)getpid();
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0U, &prog) == 0)
		*in_force = true;
	else if (errno != ENOSYS && errno != EINVAL)
		rc = why_sys(why, RC_PERM, STATUS, "install filter");
	free(code);
	return rc;
}

void
sandbox_policy_free(struct sandbox_policy **policy)
{
	free(*policy);
	*policy = NULL;
}

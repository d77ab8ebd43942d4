/*
 * Landlock: see landlock.h. The definitions are our own, since Debian 12's
 * headers stop at ABI 2. Every right the ABI knows is handled, so that what
 * no rule grants is denied.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/sandbox/landlock.h"
#include "lib/sandbox/policy.h"
#include "lib/base/banned.h"

#define ABI_KNOWN       7U
#define ABI_REFER       2U
#define ABI_NETWORK     4U
#define ABI_SCOPE       6U

#define ASK_VERSION     1U
#define RULE_PATH       1
#define RULE_PORT       2
#define FS_EXECUTE      (UINT64_C(1) << 0)
#define FS_WRITE_FILE   (UINT64_C(1) << 1)
#define FS_READ_FILE    (UINT64_C(1) << 2)
#define FS_READ_DIR     (UINT64_C(1) << 3)
#define FS_REMOVE_DIR   (UINT64_C(1) << 4)
#define FS_REMOVE_FILE  (UINT64_C(1) << 5)
#define FS_MAKE_DIR     (UINT64_C(1) << 7)
#define FS_MAKE_REG     (UINT64_C(1) << 8)
#define FS_REFER        (UINT64_C(1) << 13)
#define FS_TRUNCATE     (UINT64_C(1) << 14)
#define FS_IOCTL_DEV    (UINT64_C(1) << 15)
#define NET_BIND_TCP    (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT  (UINT64_C(1) << 0)
#define SCOPE_SIGNAL    (UINT64_C(1) << 1)

/* all that can be asked of a file that is not a folder */
#define FS_OF_FILES \
	(FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

/* the kernel's layout; a kernel that knows less takes it if the rest is 0 */
struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct path_rule {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed));

struct port_rule {
	uint64_t allowed;
	uint64_t port;
};

static uint64_t
handled_fs(unsigned abi)
{
	/* bits 0-12 came with ABI 1, REFER with 2, TRUNCATE 3, IOCTL_DEV 5 */
	static const uint64_t first_unknown[] = {0, 13, 14, 15, 15, 16};

	return (UINT64_C(1) << first_unknown[abi > 5 ? 5 : abi]) - 1;
}

static uint64_t
fs_rights(unsigned access)
{
	uint64_t fs = 0;

	if ((access & SANDBOX_READ) != 0)
		fs |= FS_READ_FILE | FS_READ_DIR;
	if ((access & SANDBOX_WRITE) != 0)
		fs |= FS_WRITE_FILE | FS_TRUNCATE;
	if ((access & SANDBOX_MAKE) != 0)
		fs |= FS_MAKE_DIR | FS_MAKE_REG | FS_REFER;
	if ((access & SANDBOX_REMOVE) != 0)
		fs |= FS_REMOVE_DIR | FS_REMOVE_FILE;
	return fs;
}

static enum rc
grant(int ruleset, const struct sandbox_path *path, uint64_t handled,
    struct why *why)
{
	struct path_rule rule = {.allowed = fs_rights(path->access) & handled};
	int fd = open(path->path, O_PATH | O_CLOEXEC);
	enum rc rc = RC_OK;
	struct stat st;

	if (fd < 0)
		return why_sys(why, RC_PERM, "5.3.5", "open %s", path->path);
	rule.parent_fd = fd;
	if (fstat(fd, &st) < 0) {
		rc = why_sys(why, RC_PERM, "5.3.5", "stat %s", path->path);
		goto out;
	}
	if (!S_ISDIR(st.st_mode))
		rule.allowed &= FS_OF_FILES;
	/* the kernel takes no empty rule; nothing granted is the default */
	if (rule.allowed != 0 &&
	    syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) < 0)
		rc = why_sys(why, RC_PERM, "5.3.5", "landlock %s", path->path);
out:
	io_close(&fd);
	return rc;
}

/* Mail to other hosts may have to go out from a certain address: port 0 is the
 * one that connect(2) chooses. */
static enum rc
grant_source(int ruleset, struct why *why)
{
	const struct port_rule rule = {.allowed = NET_BIND_TCP};

	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0) < 0)
		return why_sys(why, RC_PERM, "5.3.5", "landlock port");
	return RC_OK;
}

static unsigned
usable(const struct sandbox_setup *setup)
{
	unsigned abi = sandbox_landlock_kernel();

	if (abi > setup->landlock_abi_max)
		abi = setup->landlock_abi_max;
	if (abi > ABI_KNOWN)
		abi = ABI_KNOWN;
	if (abi < ABI_REFER)
		for (size_t i = 0; i < setup->n_paths; i++)
			if ((setup->paths[i].access & SANDBOX_MAKE) != 0)
				return 0;
	return abi;
}

unsigned
sandbox_landlock_kernel(void)
{
	long abi =
	    syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, ASK_VERSION);

	return abi > 0 ? (unsigned)abi : 0;
}

enum rc
sandbox_landlock_enter(
    const struct sandbox_setup *setup, unsigned *abi, struct why *why)
{
	struct ruleset set = {0};
	enum rc rc = RC_OK;
	int fd;

	*abi = usable(setup);
	if (*abi == 0)
		return RC_OK;
	set.fs = handled_fs(*abi);
	if (*abi >= ABI_NETWORK)
		set.net = NET_BIND_TCP;
	/* there is no rule for "any port" */
	if (*abi >= ABI_NETWORK && (SANDBOX_CALLERS & 1U << setup->role) == 0)
		set.net |= NET_CONNECT_TCP;
	if (*abi >= ABI_SCOPE)
		set.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
	fd = (int)syscall(SYS_landlock_create_ruleset, &set, sizeof(set), 0U);
	if (fd < 0)
		return why_sys(why, RC_PERM, "5.3.5", "landlock ruleset");
	for (size_t i = 0; i < setup->n_paths && rc == RC_OK; i++)
		rc = grant(fd, &setup->paths[i], set.fs, why);
	if (rc == RC_OK && setup->role == ROLE_REMOTE && set.net != 0)
		rc = grant_source(fd, why);
	/* ABI 7's flags only change what is audited: a refusal ought to be */
	if (rc == RC_OK && syscall(SYS_landlock_restrict_self, fd, 0U) < 0)
		rc = why_sys(why, RC_PERM, "5.3.5", "landlock restrict");
	io_close(&fd);
	return rc;
}

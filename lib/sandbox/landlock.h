/*
 * Landlock, by system call: this thread and what it starts reach only the
 * paths granted here, make no TCP connection (but who calls other hosts), bind
 * no TCP port (but who brings mail there, to one that the kernel chooses), and
 * signal nobody outside. How much of this holds depends on the kernel's ABI.
 */
#ifndef LIB_SANDBOX_LANDLOCK_H
#define LIB_SANDBOX_LANDLOCK_H

#include "lib/sandbox/sandbox.h"

/* The kernel's ABI; 0 when it has no Landlock or it is switched off. */
unsigned sandbox_landlock_kernel(void);

/*
 * Enter a domain of ABI *abi, the lowest of abi_max, the kernel's and the
 * newest known here. *abi is 0, with RC_OK, when Landlock cannot be used: not
 * there, or ABI 1 (which forbids every link and rename between folders) where
 * a path has SANDBOX_MAKE. Needs no_new_privs. RC_PERM: a path cannot be
 * opened, or the kernel refuses (more than 16 layers).
 */
enum rc sandbox_landlock_enter(
    const struct sandbox_setup *setup, unsigned *abi, struct why *why);

#endif

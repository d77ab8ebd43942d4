/*
 * Forbidden acts, each tried for real: what a worker must not be able to do,
 * with the roles and layers that must stop it. Written apart from policy.def,
 * so that a mistake there is not repeated here.
 */
#ifndef LIB_SANDBOX_PROBE_H
#define LIB_SANDBOX_PROBE_H

#include <stdint.h>

#include "lib/sandbox/policy.h"
#include "lib/sandbox/sandbox.h"

/* Layers that stop an act besides the role's system-call filter. */
#define SANDBOX_BY_IDS       1U
#define SANDBOX_BY_CHROOT    2U
#define SANDBOX_BY_LANDLOCK  4U  /* any ABI */
#define SANDBOX_BY_LANDLOCK6 8U  /* ABI 6 */
#define SANDBOX_NEEDS_ROOT   16U /* nobody else could do it anyway */
#define SANDBOX_BY_LANDLOCK4 32U /* ABI 4 */

/* What an act works with; made by its arrange, before confinement. */
struct sandbox_probe {
	const char *outside; /* an absolute path, none of the worker's */
	int dir;             /* the same folder, open */
	int fd;
	int pid;
	void *page;
	struct sandbox_address {
		unsigned len;
		char bytes[128];
	} to;
};

/*
 * 0, or -1 with errno. `arrange` (may be NULL) runs unconfined, `attempt`
 * behind it, confined or, in the control, not.
 */
typedef int sandbox_probe_fn(struct sandbox_probe *probe);

struct sandbox_act {
	const char *name;
	sandbox_probe_fn *arrange;
	sandbox_probe_fn *attempt;
	uint32_t filtered; /* roles whose filter stops it */
	unsigned by;       /* SANDBOX_BY_: each stops it, too */
};

/* Remove what acts made below `outside`; what is not there is not missed. */
void sandbox_probe_tidy(const char *outside);

/* The acts; each ends with a row whose name is NULL. */
extern const struct sandbox_act sandbox_probe_files[];
extern const struct sandbox_act sandbox_probe_net[];
extern const struct sandbox_act sandbox_probe_calls[];

#endif

/*
 * What a user of the system says in ~/.forward: where mail for that user goes
 * instead. Addresses, names without a domain, programs and files (action.h), on
 * lines, with commas between; comments as in the aliases file. The user's own
 * name, also with a backslash before it, is the user's mailbox. Pure, fuzzed.
 */
#ifndef LIB_DIRECTORY_FORWARD_H
#define LIB_DIRECTORY_FORWARD_H

#include "lib/base/buf.h"
#include "lib/base/why.h"

#define FORWARD_FILE_MAX    16384 /* bytes of the file */
#define FORWARD_TARGETS_MAX 200
#define FORWARD_BYTES_MAX   32768 /* of all targets: one message of IPC */

struct forward_who {
	const char *name;
	char *const *domains; /* at which that is the user; the first is that
				 of names without one */
	size_t n;
	bool actions; /* are allowed */
};

struct forward {
	bool own; /* the mailbox gets the message as well */
	/* each once, canonical, LF between: addresses and actions. Empty: the
	 * mailbox is all there is */
	struct buf targets;
};

void forward_init(struct forward *f);
void forward_fini(struct forward *f);

/*
 * Read the file's text. A file that names nobody means the mailbox. RC_PERM
 * 5.3.5 with "line:column: mistake": *f is of no use.
 */
enum rc forward_read(struct forward *f, struct span text,
    const struct forward_who *who, struct why *why);

/* Is that action, as a target has it, one of these? */
bool forward_has(const struct forward *f, struct span action);

#endif

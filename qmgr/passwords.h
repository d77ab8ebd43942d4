/*
 * The passwords for other hosts: the one line of relay.password_file, and the
 * table of relay.passwords, a line "HOST LOGIN PASSWORD" each; '#' begins a
 * comment. A password belongs to host and login, and goes to no other.
 */
#ifndef QMGR_PASSWORDS_H
#define QMGR_PASSWORDS_H

#include "lib/base/secret.h"
#include "lib/base/span.h"

struct passwords {
	struct secret smart; /* of relay.password_file */
	struct secret table; /* the file's text */
};

/* The first line of the file; what was there is released. */
void passwords_take_smart(struct passwords *p, int fd);
/* All of it, up to 256 kB; more is cut at a line. */
void passwords_take_table(struct passwords *p, int fd);
/* The configuration names these files: what was read of others is released. */
void passwords_keep(struct passwords *p, bool smart, bool table);
void passwords_fini(struct passwords *p);

/* Borrowed until the next change; p NULL: there is none. The host compares
 * without case. */
struct span passwords_find(
    const struct passwords *p, struct span host, struct span login);

#endif

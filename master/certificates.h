/*
 * Certificates and ticket keys for the workers that serve TLS. root's files
 * are opened here, as they are read by nobody else, and again when they have
 * changed: whoever renews a certificate need not tell.
 */
#ifndef MASTER_CERTIFICATES_H
#define MASTER_CERTIFICATES_H

#include "master/master.h"

/* To one worker, if it serves TLS. RC_PERM: a file cannot be opened. */
enum rc certificates_send(struct proc *p, struct why *why);
/* Look for changes, and change the ticket keys, from now on. */
void certificates_watch(struct master *m);
/* No more, and forget the keys. */
void certificates_free(struct master *m);

#endif

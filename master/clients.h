/*
 * The counts of clients that a service's processes share (lib/census): made
 * here, handed to each of them, and cleared of those who have died.
 */
#ifndef MASTER_CLIENTS_H
#define MASTER_CLIENTS_H

#include "master/master.h"

/* In set-up, to a worker that serves clients; to others nothing. Without
 * memory for it the worker counts nobody, which is logged. */
void clients_send(struct proc *p);

/* p->pid has ended. */
void clients_bury(const struct proc *p);

#endif

/*
 * A warm parent of processes that serve one account each: it is asked for a
 * service and an account by name, forks, and hands sockets on. What it serves,
 * and where an account's files are, its program says (program.h).
 */
#ifndef SPAWN_PARENT_H
#define SPAWN_PARENT_H

#include "lib/worker/worker.h"

/* The program's main(). */
int parent_main(enum role role, int argc, char **argv);

#endif

/*
 * How many connections each client has to a service, over all its processes.
 * They share a memfd, which master makes: each writes a column of its own and
 * reads all, without a lock or a message. Clients are kept by a keyed hash of
 * their address, so that nobody can choose whose count he shares; an IPv6
 * client is its /64, as that is what one customer has. Logins are counted
 * likewise, by their names. The count may be too
 * low by what others do at the same moment, and for a client that finds no
 * place; it is never too high.
 */
#ifndef LIB_CENSUS_CENSUS_H
#define LIB_CENSUS_CENSUS_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/base/span.h"
#include "lib/base/why.h"

/* For master: the shared memory of one service, as a descriptor; -1: errno. */
int census_make(void);

struct census;

/*
 * Map it. fd is taken. NULL: it is none of census_make()'s, or there is no
 * memory for it (`why`).
 */
struct census *census_open(int fd, struct why *why);
void census_close(struct census **c);

/*
 * For a process that serves: have a column. False: all are taken, and this
 * process's connections are not counted. A column is given back by
 * census_bury() alone.
 */
bool census_join(struct census *c);

/* For master: the process has ended, and so have its connections. */
void census_bury(struct census *c, pid_t pid);

struct census_limits {
	uint64_t sessions; /* at a time; 0: any */
	uint64_t rate;     /* new ones in a minute; 0: any */
};

enum census_answer {
	CENSUS_WELCOME,
	CENSUS_TOO_MANY,
	CENSUS_TOO_OFTEN,
};

/* Who is counted. */
struct census_who {
	enum {
		CENSUS_ADDRESS, /* as peer_address() says it */
		CENSUS_LOGIN
	} kind;
	struct span text;
};

/*
 * A client connects, or has logged in. When it is welcome,
 * it is counted, and *ticket is for census_leave() (0: it has no place).
 * Whoever is turned away counts for nothing: it is let in as soon as there is
 * room. now_ms is CLOCK_MONOTONIC.
 */
enum census_answer census_enter(struct census *c,
    const struct census_limits *limits, const struct census_who *client,
    uint64_t now_ms, uint32_t *ticket);
void census_leave(struct census *c, uint32_t ticket);

#endif

/*
 * What stands in a message, for a server that does not take everything, and
 * the message in seven bits for one that takes no more (RFC 6152 3). Both take
 * a reading of all of it, in a thread.
 */
#ifndef DELIVERY_CLIENT_LOOK_H
#define DELIVERY_CLIENT_LOOK_H

#include <stdbool.h>

#include "lib/base/why.h"
#include "lib/ev/pool.h"

struct client_look {
	bool header;    /* octets beyond ASCII in its header fields */
	bool body;      /* and behind them */
	int seven;      /* memory file of it in seven bits; -1: none */
	uint64_t size;  /* of that */
	struct why why; /* RC_PERM: it cannot be converted */
};

struct client_look_job;

/* look->seven may be taken. why: the file could not be read, or no memory. */
typedef void client_look_fn(
    void *ctx, struct client_look *look, const struct why *why);

struct client_look_at {
	int fd; /* borrowed until return: a copy is made */
	uint64_t offset;
	uint64_t size;
	bool seven; /* convert it if there is anything to convert in the body */
};

/* `on_look` runs in a later turn of the loop. */
struct client_look_job *client_look_start(struct pool *pool,
    const struct client_look_at *at, client_look_fn *on_look, void *ctx);
/* on_look does not run any more; accepts NULL inside. */
void client_look_forget(struct client_look_job **job);

#endif

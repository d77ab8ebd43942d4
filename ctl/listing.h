/*
 * Answers that are printed once they are whole: half a list would be a wrong
 * one. For what is short; a queue is printed as it comes (cmd_queue.c).
 */
#ifndef CTL_LISTING_H
#define CTL_LISTING_H

#include "ctl/output.h"
#include "ctl/server.h"

/* A row as people read it, with its line end; appended. */
typedef void listing_row(struct buf *out, const struct output_row *row);

struct listing {
	enum role role; /* who is asked */
	uint16_t type;
	const union ipc_msg *msg; /* with id 1 */
	listing_row *row;
	const char
	    *texts;  /* keys that are strings in JSON, output_json_row() */
	bool single; /* there is one row: an object and no array */
	size_t max;  /* bytes of it all */
};

/* Ask, and print; the exit status: what went wrong has been said. */
int listing_print(const struct command_call *call, const struct listing *l);

#endif

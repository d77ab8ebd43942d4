/*
 * One POP3 connection before log-in: what lib/front does not know of it.
 */
#ifndef POP3D_FRONT_H
#define POP3D_FRONT_H

#include "lib/ev/line.h"
#include "lib/front/front.h"

/* Bit values: a command's row says in which it is allowed. */
enum pop3_state {
	POP3_GREETED = 1, /* RFC 1939's AUTHORIZATION */
	POP3_USER = 2,    /* a name is given, PASS may follow */
	POP3_COMMANDS = POP3_GREETED | POP3_USER,
};

struct pop3 {
	struct front front; /* first: the library knows this one */
	enum pop3_state state;
	struct line line;
	char *user; /* USER; NULL: none */
};

/* For front_serve() and front_new(). */
extern const struct front_ops front_ops;

#endif

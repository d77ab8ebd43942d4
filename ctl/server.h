/*
 * A conversation with the server, over its control socket: one question at a
 * time, waited for.
 */
#ifndef CTL_SERVER_H
#define CTL_SERVER_H

#include "ctl/command.h"
#include "lib/base/buf.h"
#include "lib/conf/conf.h"
#include "lib/proto/proto.h"

struct server;

/* A line of the answer; borrowed. */
typedef void server_row(void *ctx, struct span row);

struct server_answer {
	server_row *on_row;  /* or NULL */
	server_row *on_data; /* a piece of a message; or NULL */
	void *ctx;
	enum rc rc;
	struct buf text; /* what the server says of it */
};

/* The configuration, or NULL: what is wrong has been said. */
struct conf *server_conf(const struct command_call *call);
/* NULL: there is no server, and that has been said. */
struct server *server_open(const struct command_call *call);
void server_close(struct server **s);
/*
 * Ask (a message with id 1) and wait for the end of the answer, which is in
 * `a`; server_answer_fini() it. False: the server has gone meanwhile.
 */
bool server_ask(struct server *s, uint16_t type, const union ipc_msg *msg,
    struct server_answer *a);
void server_answer_fini(struct server_answer *a);
/* From now on ask that worker. False: refused, or not there; has been said. */
bool server_reach(struct server *s, enum role role);
/* Open and reach; NULL: has been said, and the exit status is in *status. */
struct server *server_worker(
    const struct command_call *call, enum role role, int *status);
/* Is somebody there still, or again? */
bool server_listens(const struct server *s);
/* Say why server_ask was false. */
void server_say_gone(const struct server *s);
/* As server_ask(); says what is wrong if it is; the exit status. */
int server_ask_ok(struct server *s, uint16_t type, const union ipc_msg *msg,
    struct server_answer *a);
/* The same, where the answer is nothing but that. */
int server_do(struct server *s, uint16_t type, const union ipc_msg *msg);
/* Open, reach, server_do() and close. */
int server_tell(const struct command_call *call, enum role role, uint16_t type,
    const union ipc_msg *msg);

#endif

/*
 * One POP3 connection at the front: TLS and the log-in. Afterwards it only
 * carries bytes between the client and the account's session.
 */
#ifndef POP3D_FRONT_H
#define POP3D_FRONT_H

#include <sys/queue.h>

#include "lib/base/id.h"
#include "lib/ev/line.h"
#include "lib/ev/stream.h"
#include "lib/worker/worker.h"

/* Bit values: a command's row says in which it is allowed. */
enum front_state {
	FRONT_GREETED = 1, /* RFC 1939's AUTHORIZATION */
	FRONT_USER = 2,    /* a name is given, PASS may follow */
	FRONT_SASL = 4,    /* the client's answer is awaited (RFC 5034) */
	FRONT_ASKED = 8,   /* authd has the password */
	FRONT_PIPE = 16,   /* logged in */
	FRONT_CLOSED = 32, /* what waits goes out, then the end */
	FRONT_COMMANDS = FRONT_GREETED | FRONT_USER,
};

struct front_server {
	struct worker *w;
	SSL_CTX *tls; /* NULL: not offered */
	struct ipc_link *authd;
	uint64_t next_id; /* of questions to authd */
	unsigned n_fronts;
	uint64_t n_logins;
	TAILQ_HEAD(, front) fronts;
};

struct front {
	TAILQ_ENTRY(front) next;
	struct front_server *server;
	bool implicit_tls;
	enum front_state state;
	struct stream *client;  /* NULL: gone, the session gets the rest */
	struct stream *session; /* NULL before log-in */
	int session_fd;         /* our end of the pair while authd is asked */
	struct line line;
	struct id sid;
	char *address;     /* of the client */
	char *user;        /* USER; NULL: none */
	uint64_t auth_id;  /* of the question to authd; 0: none */
	unsigned failures; /* log-ins refused */
	unsigned errors;   /* other refusals */
};

/* Take a connection (fd is taken) and greet. */
void front_new(struct front_server *server, bool implicit_tls, int fd);
/* Close at once and release. */
void front_free(struct front *f);
/* Say what waits to be said, then close. */
void front_close(struct front *f);
/* A command was refused: too many of them end the connection. */
void front_error(struct front *f);
/* The suite stops: say so before log-in; after it just close. */
void front_stop(struct front *f);

/* May a password be given on this connection? */
bool front_may_login(const struct front *f);

/* In front_pipe.c: the session's end is there; from here on bytes only. */
void front_pipe_start(struct front *f, int fd);
/* New input of the client for its session. */
void front_pipe_input(struct front *f);
/* The client has taken all. */
void front_pipe_drained(struct front *f);
/* The client has gone: what it said still reaches the session. */
void front_pipe_closed(struct front *f);

#endif

/*
 * What the fronts of mailbox protocols share: the connection before log-in,
 * the question to authd, the pipe to the account's session behind it, and the
 * worker around them. The protocol brings a table of functions and its words;
 * it is the program (front_serve()).
 */
#ifndef LIB_FRONT_FRONT_H
#define LIB_FRONT_FRONT_H

#include <sys/queue.h>

#include "lib/base/id.h"
#include "lib/census/gate.h"
#include "lib/ev/proxy.h"
#include "lib/ev/stream.h"
#include "lib/log/log.h"
#include "lib/worker/worker.h"

enum front_phase {
	FRONT_TALK,   /* commands before log-in */
	FRONT_ASKED,  /* authd has the password; input is paused */
	FRONT_PIPE,   /* logged in */
	FRONT_CLOSED, /* what waits goes out, then the end */
};

/* Which answer of the client is awaited, in FRONT_TALK. */
enum front_sasl {
	FRONT_SASL_NONE,
	FRONT_SASL_PLAIN,
	FRONT_SASL_FIRST, /* of several */
	FRONT_SASL_NEXT   /* authd waits for it */
};
#define FRONT_MECHANISM_MAX 20 /* RFC 4422 3.1 */

/* What every protocol has words for. */
enum front_word {
	FRONT_GREETING,
	FRONT_STOPPING, /* the connection is closed behind these */
	FRONT_TOO_MANY, /* connections */
	FRONT_TOO_MANY_OF_CLIENT,
	FRONT_TOO_OFTEN,         /* it connects */
	FRONT_TOO_MANY_ERRORS,   /* of this client */
	FRONT_TOO_MANY_FAILURES, /* to log in */
	FRONT_TIMED_OUT,         /* behind this, too */
	FRONT_AUTH_DOWN,         /* authd cannot be asked */
	FRONT_AUTH_TEMP,         /* it cannot say; `text` is its reason */
	FRONT_AUTH_FAILED,       /* it refuses; `text` is its reason */
	FRONT_LOGGED_IN,         /* the session's end of the pipe is there */
};

struct front;

/* A protocol. All functions have to be there. */
struct front_ops {
	const char *service;     /* asked of authd, and in the log: "pop3" */
	const char *tls_service; /* TLS from the first byte: "pop3s" */
	size_t size;      /* of its struct, whose first is struct front */
	size_t input_max; /* bytes of a client that wait to be read */
	enum log_event connect, tls, login, close;
	uint64_t (*max_sessions)(const struct conf *conf);
	uint64_t (*max_of_client)(const struct conf *conf); /* 0: any */
	uint64_t (*login_timeout)(const struct conf *conf); /* ms */
	/* The rest of its struct, which is zero; and what that owns. */
	void (*init)(struct front *f);
	void (*fini)(struct front *f);
	/* Say it; `text` borrowed. The library closes where it has to. */
	void (*say)(struct front *f, enum front_word word, struct span text);
	/*
	 * Take one command out of the client's input, and wipe it. False: it is
	 * not whole yet. Called while the phase is FRONT_TALK.
	 */
	bool (*command)(struct front *f);
};

struct front_server {
	const struct front_ops *ops;
	struct worker *w;
	struct gate gate;
	struct proxy_door door;
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
	bool greeted;
	enum front_phase phase;
	struct stream *client;  /* NULL: gone, the session gets the rest */
	struct stream *session; /* NULL before log-in */
	int session_fd;         /* our end of the pair while authd is asked */
	struct event *timer;    /* for all that comes before the log-in */
	struct id sid;
	char *address;   /* of the client */
	uint32_t ticket; /* of the gate; 0: not counted */
	uint32_t login_ticket;
	uint64_t auth_id; /* of the question to authd; 0: none */
	enum front_sasl sasl;
	char mechanism[FRONT_MECHANISM_MAX + 1]; /* in FRONT_SASL_FIRST */
	unsigned failures;                       /* log-ins refused */
	unsigned errors;                         /* other refusals */
};

/*
 * Be the worker `role` whose connections `ops` serves; the exit status.
 * Owns listeners, certificate and the link to authd; has no files and cannot
 * open, connect or exec.
 */
int front_serve(
    enum role role, const struct front_ops *ops, int argc, char **argv);

/* Take a connection (fd is taken) and greet. `address`: of its client, copied;
 * NULL: the kernel knows. */
void front_new(struct front_server *server, bool implicit_tls, int fd,
    const char *address);
/* When the worker drains and nobody is left: its end. */
void front_settle(struct front_server *server);
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
/* Is TLS offered, and not active yet? */
bool front_may_start_tls(const struct front *f);
/*
 * Ask authd; the answer is said by ops->say, now (it is down) or later. All
 * text is borrowed; the caller wipes the password.
 */
void front_ask(struct front *f, struct span authzid, struct span login,
    struct span password);
/*
 * SASL (RFC 4422), whose messages POP3 and IMAP write in base64, alone on a
 * line, "+ " before those of the server. A mechanism is chosen: f->sasl says
 * that the client's first message is awaited. False: it is not offered.
 */
bool front_sasl_begin(struct front *f, struct span mechanism);
/* " NAME", or with `before` in its place, for each that is offered. */
void front_sasl_put(const struct front *f, struct buf *b, const char *before);
enum front_sasl_fault {
	FRONT_SASL_OK, /* authd is asked, or has been said to be down */
	FRONT_SASL_CANCELLED,
	FRONT_SASL_BAD_BASE64,
	FRONT_SASL_BAD_FORM /* no PLAIN, RFC 4616 */
};
/*
 * The client's message as it came, which the caller wipes. But with
 * FRONT_SASL_OK the exchange has ended, and the protocol has words for that.
 */
enum front_sasl_fault front_sasl_answer(struct front *f, struct span line);
/* It will not come: the exchange has ended. */
void front_sasl_cancel(struct front *f);
/* authd wants to hear more. */
void front_challenge(struct front *f, const struct msg_sasl_challenge *msg);
/* authd's answer, or (msg NULL) the loss of its link. */
void front_answer(struct front *f, const struct msg_auth_result *msg);

/* The session's end is there: from here on bytes only. fd is taken. */
void front_pipe_start(struct front *f, int fd);
/* New input of the client for its session. */
void front_pipe_input(struct front *f);
/* The client has taken all. */
void front_pipe_drained(struct front *f);
/* The client has gone: what it said still reaches the session. */
void front_pipe_closed(struct front *f);

#endif

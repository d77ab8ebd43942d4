/*
 * One logged-in POP3 connection, with its front at the other end of the
 * socket, and what the files of the mailbox side share about it.
 */
#ifndef POP3D_SESSION_H
#define POP3D_SESSION_H

#include <sys/queue.h>

#include "lib/base/id.h"
#include "lib/ev/line.h"
#include "lib/ev/pool.h"
#include "lib/ev/stream.h"
#include "pop3d/account.h"
#include "pop3d/drop.h"

struct session;

/* All connections of the account that this process serves. */
struct account {
	struct service_env env;
	struct pool *pool;
	size_t n; /* connections; one of them has the mailbox's lock */
};

enum session_state {
	SESSION_OPENING, /* the mailbox is being listed */
	SESSION_READY,   /* for a command: RFC 1939's TRANSACTION */
	SESSION_SENDING, /* an answer of many lines is on its way */
	SESSION_UPDATE,  /* QUIT: files are being removed */
	SESSION_CLOSED,  /* what waits goes out, then the end */
};

/* Runs in a thread and may touch drop and send, the loop does not meanwhile. */
typedef void session_work(struct session *s);
/* Back in the loop; not run when the connection has gone. */
typedef void session_next(struct session *s);

struct session {
	struct account *account;
	struct stream *stream; /* NULL: it has gone, and a thread is at work */
	enum session_state state;
	struct id sid;
	struct line line;
	unsigned errors;
	bool busy; /* a thread is at work */
	session_work *work;
	session_next *done;
	session_next *more; /* SENDING: what was said has gone out */
	/* shared with the thread at work */
	struct drop drop;
	struct send *send; /* RETR, TOP; NULL: nothing is being read */
	enum rc rc;
	bool in_use;
	struct why why;
	/* for LIST and UIDL, and the log */
	size_t listed;
	uint64_t retrieved;
	uint64_t removed;
};

/* Takes fd; answers the log-in. */
void session_new(struct account *account, int fd);
/* Say what waits to be said, then close. */
void session_close(struct session *s);
/* A command was refused: too many of them end the session. */
void session_error(struct session *s);

/* Have a thread work; no command is read before session_ready(). */
void session_start(struct session *s, session_work *work, session_next *done);
/* Call `more` when all that was said has gone out; likewise. */
void session_send(struct session *s, session_next *more);
/* Back to commands. */
void session_ready(struct session *s);

/* In account.c: this one has ended. */
void account_over(struct account *account);

#endif

/*
 * One SMTP connection: its state, its transaction, and what the files of
 * smtpd share about it.
 */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include <sys/queue.h>

#include "lib/base/id.h"
#include "lib/census/gate.h"
#include "lib/directory/directory.h"
#include "lib/ev/line.h"
#include "lib/ev/proxy.h"
#include "lib/ev/stream.h"
#include "lib/worker/worker.h"
#include "smtpd/dotstream.h"

enum service {
	SERVICE_SMTP,
	SERVICE_SUBMISSION,
	SERVICE_SUBMISSIONS,
	SERVICE_LMTP, /* RFC 2033 */
	SERVICE_LOCAL /* sendmail's socket: the kernel says who it is */
};

/* Bit values: a command's row says in which it is allowed. */
enum state {
	ST_NEW = 1,     /* before EHLO or HELO */
	ST_GREETED = 2, /* no transaction */
	ST_MAIL = 4,    /* a sender */
	ST_RCPT = 8,    /* sender and recipients */
	ST_DATA = 16,   /* octets of the message */
	ST_COMMIT = 32, /* qmgr has it */
	ST_AUTH = 64,   /* a SASL exchange */
	ST_CLOSED = 128,
	ST_BDAT = 256,  /* between two chunks of the message */
	ST_CHUNK = 512, /* octets of one */
	ST_ANY = ST_NEW | ST_GREETED | ST_MAIL | ST_RCPT | ST_BDAT,
};

struct server {
	struct worker *w;
	SSL_CTX *tls; /* NULL: not offered */
	struct gate gate;
	struct proxy_door door;
	struct directory *directory;
	struct ipc_link *qmgr;
	struct ipc_link *authd;
	bool queue_open; /* as qmgr said last */
	char queue_text[128];
	uint64_t next_id; /* of transactions and log-ins */
	unsigned n_sessions;
	uint64_t in_memory;  /* bytes of messages being received */
	uint64_t n_accepted; /* messages */
	uint32_t untold;     /* refusals that the history has not heard of */
	struct event *untold_timer; /* then it shall; NULL: there was none */
	TAILQ_HEAD(session_list, session) sessions;
};

/* What BDAT has announced, RFC 3030. */
struct chunk {
	uint64_t size;
	uint64_t left; /* octets that have not come yet */
	bool last;
	bool refused;    /* they are read and thrown away, then... */
	enum state back; /* ... it is a bad sequence, in this state */
};

struct session {
	TAILQ_ENTRY(session) next;
	struct server *server;
	enum service service;
	enum state state;
	struct stream *stream;
	struct id sid;
	char *client; /* "192.0.2.1", "2001:db8::1", local "uid:1000" */
	uint32_t uid; /* of a local client */
	bool may_xclient;
	uint32_t ticket; /* of the gate; 0: not counted */
	uint32_t login_ticket;
	char *helo; /* as given; NULL before */
	bool esmtp;
	char *login;     /* NULL: not authenticated */
	unsigned errors; /* refused commands */
	size_t repeats; /* so often the last line of a reply is said; 0: once */
	unsigned junk;  /* commands since the last message that bring none */
	bool behind;    /* there is more behind the line that is taken */
	struct line line;   /* where commands are cut */
	struct txn *txn;    /* NULL outside a transaction */
	struct chunk chunk; /* in ST_CHUNK */
	struct auth *auth;  /* NULL outside a SASL exchange */
	uint64_t auth_id;   /* of the question to authd; 0: none */
	const char *verb;   /* whose refusal is to be told; else NULL */
	struct span args;   /* behind it; borrowed while verb is set */
};

/* Take a connection (fd is taken) and greet. `address`: of its client, copied;
 * NULL: the kernel knows. */
void session_new(
    struct server *server, enum service service, int fd, const char *address);
/* When the worker drains and nobody is left: its end. */
void session_settle(struct server *server);
/* Close at once and release. */
void session_free(struct session *s);
/* Say what waits to be said, then close. */
void session_close(struct session *s);
/* Back to commands in `state`, reading again. */
void session_resume(struct session *s, enum state state);
/* No transaction under way: 421 and close; else at its end. */
void session_drain(struct session *s);
/* XCLIENT: a client of another address begins anew, or is turned away. */
void session_again(struct session *s, const char *address, const char *login);
/* Forget whose session it is, if anybody's. */
void session_log_out(struct session *s);
/* A command was refused: too many of them end the session. */
void session_error(struct session *s);

/* Is it one of the services of submission, where a log-in is asked for? */
bool session_is_submission(const struct session *s);
/* RFC 6409: has who it is been shown, so that mail may go to other hosts? */
bool session_is_user(const struct session *s);
/* May this session log in now, and may it give a password in clear? */
bool session_may_auth(const struct session *s);
/* "smtp", "submission" ...: static. */
const char *session_service(const struct session *s);
/* "[192.0.2.1]", "[IPv6:...]", "uid:1000"; appended. */
void session_put_client(const struct session *s, struct buf *b);
/* The word for Received of the transaction, RFC 3848 and RFC 6531 4.3. */
const char *session_protocol(const struct session *s);

#endif

/*
 * One logged-in IMAP connection, with its front at the other end of the
 * socket, and what the files of the mailbox side share about it.
 *
 * The event loop owns stream and input; the account's one store thread runs
 * the commands, and owns all else while `busy`. Neither touches the other's.
 */
#ifndef IMAPD_SESSION_H
#define IMAPD_SESSION_H

#include <sys/queue.h>

#include "imapd/account.h"
#include "imapd/input.h"
#include "imapd/parse.h"
#include "imapd/store.h"
#include "imapd/view.h"
#include "lib/base/id.h"
#include "lib/ev/pool.h"
#include "lib/ev/stream.h"

struct session;

/* All connections of the account that this process serves. */
struct account {
	struct service_env env;
	struct pool *pool; /* one thread: it alone touches the store */
	struct store store;
	struct ipc_link *watch; /* NULL: folders are looked at by the clock */
	struct event *tick;
	size_t n;
	TAILQ_HEAD(, session) sessions;
};

/* What a piece of work left behind. */
enum step {
	STEP_DONE,  /* the command has ended, its reply is set */
	STEP_MORE,  /* run s->more when what was said has gone out */
	STEP_IDLE,  /* idling: until DONE, or something happens */
	STEP_CLOSE, /* say what waits to be said, then the end */
};

typedef enum step session_work(struct session *s);

/* Bit values: a command's row says in which it is allowed. */
enum session_state {
	SESSION_AUTH = 1, /* RFC 3501's authenticated */
	SESSION_SELECTED = 2,
	SESSION_ANY = 3,
};

struct fetch;
struct search;
struct append;
struct copy;

struct session {
	TAILQ_ENTRY(session) next;
	struct account *account;
	struct stream *stream; /* NULL: it has gone, and a thread is at work */
	struct input input;
	struct id sid;
	bool busy;     /* the thread is at work */
	bool idling;   /* IDLE */
	bool waiting;  /* s->more waits for the client to take what was said */
	bool poked;    /* look for news as soon as it idles */
	bool look_due; /* and read the folder, whatever its times say */
	bool closing;  /* what waits goes out, then the end */
	bool timed_out;
	bool ending; /* the connection is over, the mailbox not given back */
	uint64_t idle_ms; /* monotonic: by then DONE has to come */
	unsigned errors;  /* BADs in a row */
	struct buf chunk; /* of an APPEND, on its way to the thread */
	char *watched;    /* folder that the watch was told of; NULL: none */
	session_work *work;
	/* The thread's while busy: */
	enum session_state state;
	enum step step;
	session_work *more;
	struct buf out;
	size_t out_at; /* that much has been handed to the stream */
	char tag[PARSE_TAG_MAX + 1];
	bool uid;        /* the command has UID in front */
	unsigned tell;   /* VIEW_*: what its end may tell */
	struct buf last; /* its tagged reply, told behind the news */
	bool bad;        /* that is a BAD */
	bool changed;    /* it changed a mailbox */
	bool look;       /* as look_due, taken over */
	char *selected;  /* folder of the view, as a copy; NULL: none */
	struct view view;
	struct fetch *fetch;
	struct search *search;
	struct append *append;
	struct copy *copy;
	uint64_t fetched; /* messages, for the log */
};

/* Takes fd. */
void session_new(struct account *account, int fd);
/*
 * Something has happened in a mailbox, by another program if `look`: those who
 * idle are told.
 */
void session_poke(struct session *s, bool look);
/* In account.c: this one has ended. */
void account_over(struct account *account, struct session *s);
/* The watch is told which mailboxes are looked at. Loop only. */
void account_watch(struct account *account);

#endif

/*
 * One message in the queue manager's hands, from commit until every recipient
 * has its word.
 *
 *   DIRECT   attempts are under way, nothing is on disk, smtpd waits
 *   WRITING  the queue file is being made durable, smtpd may wait
 *   ACTIVE   on disk, loaded, attempts under way or wanted
 *   LOADING  on disk, a thread reads and checks it
 *   BOUNCING on disk, loaded, a thread makes a notice for its sender
 *   SAVING   on disk, loaded, at rest but for words that are not in its file
 *            yet: read again without them it would be sent again
 *   IDLE     on disk, not loaded: waits for its time, or is held. It leaves
 *            memory as soon as the index has it (idle.h)
 */
#ifndef QMGR_MESSAGE_H
#define QMGR_MESSAGE_H

#include "qmgr/qmgr.h"
#include "qmgr/record.h"

enum message_state {
	MESSAGE_DIRECT,
	MESSAGE_WRITING,
	MESSAGE_ACTIVE,
	MESSAGE_LOADING,
	MESSAGE_BOUNCING,
	MESSAGE_SAVING,
	MESSAGE_IDLE,
};

#define MESSAGE_REASON_MAX RECORD_REASON_MAX

/* One recipient's attempt. */
struct attempt {
	struct agent *agent; /* it is under way there; NULL: it is not */
	bool filing;     /* it has ended there, and a message is made of it */
	bool tried;      /* in this round, with an outcome */
	bool again;      /* an earlier one may have succeeded unseen */
	unsigned deaths; /* of workers that had it, in this round */
	bool queued;     /* it waits for its destination's turn */
	uint64_t job;    /* at a remote agent: of which job it is part */
	struct why why;  /* of the last outcome; RC_OK: done */
	char *host;      /* at another host: who said so, or NULL */
	char *tls;       /* how the way there was protected, or NULL */
	char *reply;     /* and in which words it said so, or NULL */
	bool dsn;        /* and tells the sender of success itself */
	bool by;         /* and until when it is wanted, RFC 2852 */
};

struct message {
	TAILQ_ENTRY(message) next; /* in its bucket */
	struct qmgr *q;
	enum message_state state;
	char name[STORE_NAME_MAX + 1]; /* queue ID, and file name when ours */
	char *file;                    /* as it is called on disk */
	bool in_cur;
	struct envelope *env;     /* NULL when IDLE */
	struct attempt *attempts; /* per recipient; NULL when IDLE */
	size_t underway;
	size_t n_queued;          /* recipients that wait for their turn */
	struct visit_list visits; /* likewise, by destination */
	bool crowded;             /* and those for which there was no room */
	bool displaced;           /* it had some, which another party has now */
	TAILQ_ENTRY(message) of_displaced;
	unsigned steps;         /* how often that was so, since a round */
	uint64_t not_before_ms; /* a destination is left alone until then */
	int fd;                 /* memfd, then queue file; -1 when IDLE */
	uint64_t offset;
	uint64_t size;
	struct buf trace;      /* not yet in the file: our Received, LF ends */
	struct intake *intake; /* smtpd waits for an answer; NULL: no more */
	uint64_t txn;
	uint64_t committed;         /* bytes, as its account there has them */
	struct errand_list errands; /* words on their way to the file */
	bool unwritten;             /* it lacks some, and they are not */
	bool wants_notice;          /* once the words are there */
	bool refused_file;          /* the queue file could not be written */
	unsigned rounds;
	struct event *timer;
	uint64_t due_ms;  /* monotonic, when IDLE */
	bool held;        /* as its file says: no attempt begins */
	bool given_up;    /* the administrator wants it to go back */
	bool changing;    /* somebody writes that, or deletes it: likewise */
	char *reason;     /* of the last failure; or NULL */
	bool recorded;    /* the index may have a record of it */
	uint64_t put_seq; /* the last change there that put it in */
};

/*
 * A new message, in state DIRECT: env, fd and name are taken, `trace` is
 * borrowed (Received, LF ends).
 */
struct message *message_new(struct qmgr *q, struct span name,
    struct envelope *env, int fd, struct span trace);
void message_free(struct message *m);
struct message *message_find(struct qmgr *q, struct span name);

/* Attempt every recipient now; falls back to the queue. */
void message_start_direct(struct message *m);
/* Make the queue file, then answer smtpd and go on as ACTIVE. */
void message_enqueue(struct message *m);
/* One that was in the index only: IDLE, without a timer. */
struct message *message_recall(struct qmgr *q, const struct record *r);
/* IDLE, and not in the index: it wakes after so long. */
void message_set_timer(struct message *m, uint64_t ms);
/* It has ended for good, and its file has gone or is about to. */
void message_end(struct message *m);
/* A message at rest, IDLE or SAVING: attempt what is to do. */
void message_wake(struct message *m);

/* The folder it stands in; borrowed. */
int message_folder(const struct message *m);
/*
 * The administrator changes its file: no attempt begins until
 * message_changed(). RC_TEMP, said in `why`: it cannot be changed now.
 */
enum rc message_change(struct message *m, struct why *why);
/*
 * The administrator gives it up, also one that is held: who has no attempt
 * under way fails for good, the others when theirs has failed; the sender is
 * told as of any failure. Until then it is remembered in memory only.
 */
void message_give_up(struct message *m);
/* The file says so now. Attempts may begin at once; m may be gone then. */
void message_changed(struct message *m, bool held);

/* An attempt has ended (agent's word), or its worker has (rc RC_WAIT). */
void message_outcome(struct message *m, size_t rcpt, const struct why *why);
/* What another host said to that recipient, before message_outcome(); NULL: it
 * had none to say it. */
void message_reply(
    struct message *m, size_t rcpt, const struct msg_relayed *said);
/* Release what it was told so. */
void message_forget(struct attempt *a);
/* Nobody attempts it, and nothing is made of it: it may begin. */
static inline bool
message_is_free(const struct attempt *a)
{
	return !a->tried && a->agent == NULL && !a->filing;
}
/* Append its own lines that are not in its file yet, with CRLF. */
void message_put_trace(const struct message *m, struct buf *b);
/* No attempt in this round: its destination is left alone until `until_ms`. */
void message_skip(
    struct message *m, size_t rcpt, const struct why *why, uint64_t until_ms);
/* A queue file that was just written, with e and fd (taken): ACTIVE. */
struct message *message_child(
    struct qmgr *q, struct span name, struct envelope *e, int fd);
/* Recipients whose word a notice has changed. */
struct message_noticed {
	enum envelope_word word;
	const size_t *rcpts;
	size_t n;
};
/*
 * The word was written for them (in BOUNCING): ACTIVE again, and the round goes
 * on. RC_TEMP: nothing was written.
 */
void message_noticed(struct message *m, const struct message_noticed *noticed,
    const struct why *why);
/* Words were written to its file, or could not be. m may be gone then. */
void message_saved(struct message *m, bool written);
/* libevent's callback: patience or deferral is over. */
void message_on_timer(evutil_socket_t fd, short what, void *arg);
/* There are agents (again): attempt what waits. */
void message_kick(struct message *m);

#endif

/*
 * A mailbox as IMAP sees it: messages in the order of their UIDs, kept in
 * memory and brought up to date from new/ and cur/ while other programs change
 * them. The files are the truth: a message's UID, size and flags are in its
 * name (name.h), UIDVALIDITY and keywords in a text file (state.h).
 *
 * One thread at a time uses a mailbox. Everything blocks but what says
 * otherwise. No link is followed, no file replaced.
 */
#ifndef LIB_MAILDIR_MAILBOX_H
#define LIB_MAILDIR_MAILBOX_H

#include "lib/maildir/durable.h"
#include "lib/maildir/name.h"
#include "lib/maildir/place.h"
#include "lib/maildir/state.h"

struct maildir_message {
	uint32_t uid;
	uint32_t flags;   /* flags.h */
	uint64_t size;    /* on disk, as its name says */
	uint64_t wire;    /* with CRLF line ends; 0: not known */
	uint64_t changed; /* generation in which its flags were last changed */
	int64_t date;     /* seconds since 1970: the file's time; INT64_MIN:
			     not asked yet */
	bool recent;      /* no session has been told of it */
	bool gone;        /* until maildir_mailbox_settle() */
	unsigned pass;    /* private: of the last scan that saw it */
	char *name;       /* of its file in cur/ */
};

/* Since when a folder has had the time it has, as far as we have looked. */
struct maildir_met {
	int64_t ns;
	uint64_t since_ms; /* monotonic */
};

struct maildir_mailbox {
	struct maildir_folders folders;
	struct durable durable; /* into cur/ */
	struct maildir_state state;
	struct maildir_message *v; /* by UID, ascending */
	size_t n;
	size_t cap;
	uint32_t next;       /* UIDNEXT */
	uint64_t generation; /* grows with every change that was found or made
			      */
	size_t n_gone;       /* marked, and not yet taken out */
	size_t torn;         /* files moved aside */
	bool broken; /* its UIDVALIDITY has changed: only to be closed */
	/* private: */
	char *boot;
	int root; /* borrowed */
	int lock; /* -1: not locked */
	unsigned pass;
	uint32_t known_next; /* UIDs below it are in v, or were taken out */
	bool scanned;        /* once, at least */
	bool settled;        /* a change since would have another time */
	bool owed;           /* it might not: to be read again, in a while */
	uint64_t scanned_ms; /* monotonic, when it was read last */
	int64_t new_ns;
	int64_t cur_ns;
	struct maildir_met met_new;
	struct maildir_met met_cur;
};

/*
 * Open the mailbox whose Maildir folder is `name` ("": the account's inbox)
 * below `root`, the account's Maildir (borrowed for
 * the mailbox's life); `boot` is the boot's ID. Gives it a
 * UIDVALIDITY and a tag if it has none. RC_PERM: there is no such folder
 * (5.1.1); RC_TEMP; nothing is open then. Nothing is scanned yet.
 */
enum rc maildir_mailbox_open(int root, const char *name, const char *boot,
    struct maildir_mailbox **out, struct why *why);
/* Accepts NULL inside. */
void maildir_mailbox_close(struct maildir_mailbox **m);

/*
 * Bring it up to date, and give UIDs to messages that have none: what is in
 * new/ moves to cur/. Cheap when the folders' times show no change but our
 * own; a change by another program that falls into the same tick of the clock
 * as one of ours is found a second later, or by maildir_mailbox_stale(). What
 * is gone is taken out of v, so pointers into it end here; where it was removed
 * just now that takes a tick (20 ms), and where the folders never rest it comes
 * with a later sync. On RC_TEMP what is known stays as it is, or is partly
 * newer.
 */
enum rc maildir_mailbox_sync(struct maildir_mailbox *m, struct why *why);
/* The next sync reads the folders, whatever their times say. Not blocking. */
void maildir_mailbox_stale(struct maildir_mailbox *m);

/*
 * Around a change of our own in cur/, which is put into v by who makes it: so
 * the folder need not be read again for it. A new message, named and with the
 * next UID, comes to the end of v; its name is taken. Private to
 * lib/maildir/mailbox*.c.
 */
void maildir_mailbox_sync_append(
    struct maildir_mailbox *m, char *name, bool recent);
bool maildir_mailbox_own(const struct maildir_mailbox *m);
void maildir_mailbox_owned(struct maildir_mailbox *m, bool own);
/*
 * Read cur/ for the names that the messages of v have by now: all of them by
 * one reading. Nothing moves in v; those that are gone are marked. False with
 * errno: it cannot be read; EAGAIN on true: some were not seen, and may be
 * there. Private as above.
 */
bool maildir_mailbox_sync_names(struct maildir_mailbox *m);

/* Borrowed until the next sync, add or settle; NULL: none. Not blocking. */
struct maildir_message *maildir_mailbox_find(
    const struct maildir_mailbox *m, uint32_t uid);
/* Index of the first with a UID of at least `uid`; m->n: none. */
size_t maildir_mailbox_from(const struct maildir_mailbox *m, uint32_t uid);

/*
 * Open its file for reading: *fd. RC_PERM when it is gone (it is then marked).
 * The sizes in *msg are corrected when the name told others.
 */
enum rc maildir_mailbox_read(struct maildir_mailbox *m,
    struct maildir_message *msg, int *fd, struct why *why);
/* Sets msg->date. RC_PERM as above. */
enum rc maildir_mailbox_date(
    struct maildir_mailbox *m, struct maildir_message *msg, struct why *why);
/* Sets msg->wire, by counting if nobody has said. As above. */
enum rc maildir_mailbox_wire(
    struct maildir_mailbox *m, struct maildir_message *msg, struct why *why);

/*
 * Take the flags `less` away, then set `more`; not flushed. What another
 * program has changed meanwhile stays, so ~0U alone replaces all. RC_PERM when
 * it is gone (marked).
 */
enum rc maildir_mailbox_flag(struct maildir_mailbox *m,
    struct maildir_message *msg, uint32_t less, uint32_t more, struct why *why);
/* Remove the file (not flushed) and mark it. RC_OK when it was gone. */
enum rc maildir_mailbox_remove(
    struct maildir_mailbox *m, struct maildir_message *msg, struct why *why);
/* Take the marked ones out of v. Not blocking. */
void maildir_mailbox_settle(struct maildir_mailbox *m);

/*
 * The bit of a keyword (any case); 0 when it has none and `make` is false, or
 * all letters are taken: by other names, or by messages (then another program
 * knows what it means). RC_TEMP when a new one cannot be made durable.
 */
enum rc maildir_mailbox_keyword(struct maildir_mailbox *m, struct span name,
    bool make, uint32_t *bit, struct why *why);
/* Is there room for a keyword that is not there yet? Not blocking. */
bool maildir_mailbox_keyword_room(const struct maildir_mailbox *m);

/* A message on its way into a mailbox. */
struct maildir_adding {
	struct durable_file file; /* file.fd: to be written to; LF line ends */
	uint64_t size;            /* the caller's to set, before the commit: */
	uint64_t wire;
	uint32_t flags;
	int64_t date; /* seconds since 1970 */
	char base[32];
};

enum rc maildir_mailbox_add(
    struct maildir_mailbox *m, struct maildir_adding *a, struct why *why);
/*
 * Make it durable under its name, with the next UID: *uid. Ends *a in either
 * case. It is in v after the next sync.
 */
enum rc maildir_mailbox_add_commit(struct maildir_mailbox *m,
    struct maildir_adding *a, uint32_t *uid, struct why *why);
/* Nothing is left of it. */
void maildir_mailbox_add_abort(
    struct maildir_mailbox *m, struct maildir_adding *a);

/*
 * Link a message of `from` into `to`, as the next UID, with the same flags
 * (keywords by name) and time; not flushed: maildir_mailbox_copy_flush().
 * RC_PERM when it is gone.
 */
enum rc maildir_mailbox_copy(struct maildir_mailbox *from,
    struct maildir_message *msg, struct maildir_mailbox *to, uint32_t *uid,
    struct why *why);
/* The reverse of what a copy has just made. Best effort. */
void maildir_mailbox_copy_undo(struct maildir_mailbox *m, uint32_t uid);
/* Make all that has been linked durable. */
enum rc maildir_mailbox_copy_flush(
    const struct maildir_mailbox *m, struct why *why);

#endif

/*
 * A line of the history: what happened to a message, or to an attempt to send
 * one, and when. Pure, fuzzed.
 *
 *   2026-11-26T19:00:00.123Z received id=01ABC from=<...> size=4321 ...
 *   2026-11-26T19:00:00.140Z failed id=01ABC to=x@b text="no such user"
 *
 * Time, event, then key=value with one space between. In a value each byte
 * outside 0x20..0x7e and each of %<>=" is %XX; one with a space stands between
 * quotes. So nothing that a stranger wrote makes a line, a field, or what looks
 * like one to grep; and a line that was cut is none.
 */
#ifndef QMGR_HISTORY_LINE_H
#define QMGR_HISTORY_LINE_H

#include "lib/base/buf.h"

/* With its LF. */
#define HISTORY_LINE_MAX 8192
/* Bytes that are kept of a value; an address that is longer is none. */
#define HISTORY_VALUE_MAX  512
#define HISTORY_FIELDS_MAX 24

enum history_event {
	HISTORY_RECEIVED,  /* a message has come, from outside or as a notice */
	HISTORY_RECIPIENT, /* one of those it is for, behind aliases */
	HISTORY_QUEUED,    /* it is durable in the queue */
	HISTORY_DELIVERED, /* into a mailbox here */
	HISTORY_FORWARDED, /* by the user's ~/.forward, as another message */
	HISTORY_SENT,      /* another host has taken it */
	HISTORY_DELAYED,   /* an attempt failed for now */
	HISTORY_FAILED,    /* or for good */
	HISTORY_WAITS,     /* for its next attempt */
	HISTORY_RETURNED,  /* its sender is told, in a message of its own */
	HISTORY_TOLD,      /* likewise, of a success or a delay */
	HISTORY_DROPPED,   /* its sender cannot be told */
	HISTORY_DONE,      /* it has left the queue */
	HISTORY_HELD,      /* by an administrator, as the next two */
	HISTORY_RELEASED,
	HISTORY_DELETED,
	HISTORY_DAMAGED, /* its file is not whole */
	HISTORY_GONE,    /* somebody took its file away */
	HISTORY_REFUSED, /* the client was told so */
	HISTORY_MORE,    /* refusals that were only counted */
	HISTORY_GAP,     /* events that could not be written */
	HISTORY_EVENTS,
};

/* The word in the line; static. */
const char *history_line_event(enum history_event event);

/*
 * Append to b (whose maximum is HISTORY_LINE_MAX) the head, then any number of
 * fields, then the end. A value is cut at HISTORY_VALUE_MAX; one without
 * pointer is left out, field and all, and so is what has no more room: the
 * line is whole in any case.
 */
void history_line_begin(
    struct buf *b, uint64_t real_us, enum history_event event);
void history_line_text(struct buf *b, const char *key, struct span value);
void history_line_number(struct buf *b, const char *key, uint64_t number);
void history_line_end(struct buf *b);

/* A line taken apart; borrows from its text. */
struct history_line {
	uint64_t time_us;
	enum history_event event;
	size_t n;
	struct history_field {
		struct span key;
		struct span value; /* as it stands there */
	} fields[HISTORY_FIELDS_MAX];
};

/* `text` is without its LF. False: it is no line of ours, or a torn one. */
bool history_line_parse(struct span text, struct history_line *l);
/* The value of the first such field, appended; false, and nothing: none. */
bool history_line_get(
    const struct history_line *l, const char *key, struct buf *out);
/* Is there such a field? */
bool history_line_has(const struct history_line *l, const char *key);
/* Is that the field's value? */
bool history_line_is(
    const struct history_line *l, const char *key, struct span value);
/*
 * Of which story it is, appended; gaps, and refusals that were only counted,
 * are the stories "gap" and "more". False: of none.
 */
bool history_line_id(const struct history_line *l, struct buf *out);
/* One field's value, appended. */
void history_line_value(const struct history_field *f, struct buf *out);

/*
 * Of two addresses, or an address and what an administrator typed for it: the
 * same if equal in this form. `<` and `>` around it are left out, letters are
 * small, and it is cut as a value is. Appended.
 */
void history_line_address(struct span address, struct buf *out);
/* Likewise of a Message-ID, whose case counts. */
void history_line_message_id(struct span id, struct buf *out);
/*
 * Of a client, as smtpd or an administrator says it: "192.0.2.1" of
 * "name[192.0.2.1]", "2001:db8::1" of "[IPv6:2001:DB8::1]", "uid:1000".
 */
void history_line_client(struct span client, struct buf *out);

#endif

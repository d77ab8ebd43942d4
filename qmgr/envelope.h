/*
 * The head of a queue file: the envelope as header fields, so that any
 * Maildir tool can read the queue. Pure, fuzzed.
 *
 *   Mailstead-Queue: 1 offset=0000000413 size=0000004312 crc32c=9b1f0c22 (+)
 *       state=live
 *   Mailstead-From: <alice@example.org>
 *   Mailstead-Arrived: 2026-11-21T19:00:00.123Z client=[192.0.2.1] (+)
 *       proto=ESMTPSA login=alice@example.org
 *   Mailstead-To: todo <bob@example.net> account=bob@example.net
 *   Mailstead-To: done <carol@example.com>
 *
 * What the sender asked about notices (RFC 3461) stands behind that, where
 * there is something: ` ret=HDRS`, ` envid=...` in From, ` notify=SUCCESS`,
 * ` orcpt=rfc822;...` in To. ` expanded` is an alias whose targets have lines
 * of their own, and whose sender is to hear that it was one. ` utf8` at the end
 * of From: the message came with SMTPUTF8 (RFC 6531). ` priority=-3` and
 * ` release=2026-11-22T08:00:00.000Z` stand at the end of Arrived (RFC 6710,
 * RFC 4865), then ` tls=required` or ` tls=optional` (RFC 8689), then
 * ` by=2026-11-22T09:00:00.000Z;R` (RFC 2852).
 *
 * ((+): one line in the file.) Who has an account gets it in a mailbox here,
 * who has none at another host.
 * Lines end with CRLF. All values go through enc_line, so no address can make
 * a line. Words of recipients and state are overwritten in place; the sum
 * covers everything but them and itself.
 */
#ifndef QMGR_ENVELOPE_H
#define QMGR_ENVELOPE_H

#include "lib/addr/by.h"
#include "lib/base/buf.h"
#include "lib/base/why.h"
#include "lib/proto/proto.h"

enum envelope_word {
	ENVELOPE_TODO,
	ENVELOPE_LATE, /* the same, and the sender has been warned */
	ENVELOPE_SENT, /* the recipient has it; the sender has yet to hear */
	ENVELOPE_DONE,
	ENVELOPE_FAIL,
};

struct envelope_rcpt {
	char *address; /* as it was addressed, canonical */
	char *account; /* mailbox here that gets it; "": another host */
	enum envelope_word word;
	uint64_t word_at; /* offset of its four bytes in the file */
	uint8_t notify;   /* RFC 3461 4.1: addr_dsn_notify */
	char *orcpt;      /* RFC 3461 4.2: "rfc822;x+40y"; "": none */
	bool expanded;    /* an alias: others have it, this one never will */
};

struct envelope {
	uint64_t offset; /* of the message in the file */
	uint64_t size;   /* of the message */
	uint32_t crc;
	bool held;
	uint64_t arrived_us;
	char *sender;        /* "" is the null reverse-path */
	char *client;        /* "[192.0.2.1]" */
	char *protocol;      /* RFC 3848 */
	char *login;         /* "" : none */
	uint8_t ret;         /* RFC 3461 4.3: addr_dsn_ret */
	char *envid;         /* RFC 3461 4.4, xtext; "": none */
	bool utf8;           /* RFC 6531: it came with SMTPUTF8 */
	uint64_t release_us; /* RFC 4865: not before that; 0: at once */
	int priority;        /* RFC 6710: -9 to 9 */
	enum queue_tls need; /* RFC 8689 */
	struct addr_by by;   /* RFC 2852 */
	size_t n_rcpts;
	struct envelope_rcpt *rcpts;
};

#define ENVELOPE_HEAD_MAX  (16U << 20)
#define ENVELOPE_RCPTS_MAX 10000
#define ENVELOPE_WORD_LEN  4
#define ENVELOPE_STATE_AT  75 /* offset of the state in the file */

struct envelope *envelope_new(void);
/* Of mail of our own: from the null reverse-path, without recipients. */
struct envelope *envelope_new_own(uint64_t now_us);
void envelope_free(struct envelope **e);
/* A copy, owned by the caller. */
struct envelope *envelope_copy(const struct envelope *e);
/* The same without recipients, and live: of what is sent on. */
struct envelope *envelope_heir(const struct envelope *e);
/* One more recipient, todo; the new one is returned, until the next call. */
struct envelope_rcpt *envelope_add(
    struct envelope *e, struct span address, struct span account);
/* Is it still to be delivered? */
static inline bool
envelope_is_todo(const struct envelope_rcpt *r)
{
	return r->word == ENVELOPE_TODO || r->word == ENVELOPE_LATE;
}
/* RFC 4865: is it to wait until a time that has not come? */
static inline bool
envelope_is_early(const struct envelope *e, uint64_t now_us)
{
	return e->release_us > now_us;
}
/* Since when it is tried: its age counts from then. */
static inline uint64_t
envelope_begun_us(const struct envelope *e)
{
	return e->release_us > e->arrived_us ? e->release_us : e->arrived_us;
}
/* How many are. */
size_t envelope_todo(const struct envelope *e);
/* These, and those whose sender has yet to hear. */
size_t envelope_open(const struct envelope *e);
/* Does the sender want to hear of that recipient's success? */
bool envelope_owes(const struct envelope *e, const struct envelope_rcpt *r);
/* Of any recipient's? */
bool envelope_owes_any(const struct envelope *e);
/* Is it for another host? */
static inline bool
envelope_is_remote(const struct envelope_rcpt *r)
{
	return r->account[0] == '\0' && !r->expanded;
}
/* Is any recipient at another host? */
bool envelope_has_remote(const struct envelope *e);

/*
 * Append the head of a file whose message has e->size bytes: sets e->offset
 * and each word_at. The sum is that of the head with zeros in its place;
 * envelope_seal() puts the final one in when the message has been added.
 */
bool envelope_format(struct envelope *e, struct buf *b);
/* Sum of the formatted head, to go on with over the message's bytes. */
uint32_t envelope_head_crc(struct span head);
/* Write e->crc into the formatted head. */
void envelope_seal(const struct envelope *e, struct buf *b);

/*
 * Read the head of a file of `file_size` bytes; `text` is its beginning (all
 * of the head at least, when the file is what it says). RC_PERM for anything
 * that envelope_format would not have written, or when sizes do not agree.
 * The sum is not compared here. An unknown word counts as todo.
 */
enum rc envelope_parse(struct span text, uint64_t file_size,
    struct envelope **out, struct why *why);

/* "required", "optional", "" when nothing was said: what the file says. */
const char *envelope_need_text(enum queue_tls need);
/* "hold", "live": four bytes. */
const char *envelope_state_text(bool held);
/* Is this the beginning of a queue file, up to and with its state? */
bool envelope_is_head(struct span text);
/* "todo", "late", "sent", "done", "fail": four bytes. */
const char *envelope_word_text(enum envelope_word word);

#endif

/*
 * Links to smtpd: see intake.h. smtpd reads the network and is not believed:
 * addresses are parsed again, the memfd is sealed and measured here, and from
 * then on nobody can change what was accepted.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/addr/dsn.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/users/user.h"
#include "qmgr/history_event.h"
#include "qmgr/hops.h"
#include "qmgr/intake.h"
#include "qmgr/limit.h"
#include "qmgr/recipients.h"
#include "lib/base/banned.h"

#define ROOM_MS       100         /* how long the disk is not asked again */
#define PARTIAL_MAX   4096        /* commits being assembled on one link */
#define PARTIAL_BYTES (32U << 20) /* of them all */
#define HEADER_BYTES  (1U << 20)  /* looked at */
#define HOPS_MAX      50
/* no smtpd.max_hold is longer */
#define HOLD_MAX_US (366ULL * 86400 * 1000000)
#define REFUSALS_S  10   /* told to the history one by one, a link and second */
#define MORE_MS     5000 /* how often it is told how many others there were */

/* recipients that have come before their COMMIT */
struct partial {
	TAILQ_ENTRY(partial) next;
	uint64_t txn;
	size_t n;
	struct buf rcpts; /* recipients_put() */
};

struct intake {
	TAILQ_ENTRY(intake) next;
	struct qmgr *q;
	struct ipc_link *link;
	size_t n_partials;
	size_t bytes;   /* in them */
	size_t n_mails; /* committed, and not answered yet */
	uint64_t mails_bytes;
	TAILQ_HEAD(, partial) partials;
	uint64_t second; /* in which so many refusals were told */
	unsigned told;
	uint64_t more;    /* that were not, and are yet to be counted */
	uint64_t more_ms; /* when some were last */
	uint64_t room_ms; /* until when there is room */
};

static struct partial *
partial_find(struct intake *in, uint64_t txn)
{
	struct partial *p;

	TAILQ_FOREACH (p, &in->partials, next)
		if (p->txn == txn)
			return p;
	return NULL;
}

static void
partial_free(struct intake *in, struct partial *p)
{
	TAILQ_REMOVE(&in->partials, p, next);
	in->n_partials--;
	in->bytes -= p->rcpts.n;
	buf_fini(&p->rcpts);
	free(p);
}

static void
on_commit_rcpt(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct intake *in = ctx;
	struct partial *p = partial_find(in, msg->commit_rcpt.txn);

	(void)link;
	if (p == NULL) {
		/* a liar's own oldest one goes, and its COMMIT will fail */
		if (in->n_partials == PARTIAL_MAX)
			partial_free(in, TAILQ_FIRST(&in->partials));
		p = mem_alloc(sizeof(*p));
		p->txn = msg->commit_rcpt.txn;
		buf_init(&p->rcpts, RECIPIENTS_BYTES);
		TAILQ_INSERT_TAIL(&in->partials, p, next);
		in->n_partials++;
	}
	in->bytes -= p->rcpts.n;
	if (p->n++ < ENVELOPE_RCPTS_MAX)
		recipients_put(
		    &p->rcpts, &(struct recipients_asked){
				   .address = msg->commit_rcpt.address,
				   .notify = msg->commit_rcpt.notify,
				   .orcpt = msg->commit_rcpt.orcpt});
	in->bytes += p->rcpts.n;
	/* as above: no honest smtpd has so many on the way */
	while (in->bytes > PARTIAL_BYTES)
		partial_free(in, TAILQ_FIRST(&in->partials));
}

void
intake_answer(
    struct intake *in, uint64_t txn, const char *name, const struct why *why)
{
	bool ok = why->rc == RC_OK;

	proto_send_committed(
	    in->link, &(struct msg_committed){txn, (uint8_t)why->rc,
			  span_of(name), span_of(ok ? "2.0.0" : why->status),
			  ok ? SPAN_LIT("") : span_of(why->text)});
}

void
intake_ended(struct intake *in, uint64_t size)
{
	in->n_mails--;
	in->mails_bytes -= size;
}

/* From here on it cannot be changed by whoever else has it open. */
static enum rc
take_body(const struct msg_commit *c, struct why *why)
{
	struct stat st;

	/* nothing else can be sealed */
	if (c->body < 0 ||
	    fcntl(c->body, F_ADD_SEALS,
		F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return why_set(why, RC_TEMP, "4.3.0",
		    "the message is not in a memory file of its own");
	/* measured behind the seal */
	if (fstat(c->body, &st) < 0 || (uint64_t)st.st_size != c->size)
		return why_set(why, RC_TEMP, "4.3.0",
		    "the message has not the size that was said");
	return RC_OK;
}

/*
 * As many at a time as an honest smtpd can have. One of before a reload may go
 * by other limits: that is no reason to end it.
 */
static enum rc
check_bounds(
    const struct intake *in, const struct msg_commit *c, struct why *why)
{
	const struct conf *conf = in->q->w->conf;

	if (c->size > conf->smtpd.max_message_size)
		return why_set(why, RC_PERM, "5.3.4",
		    "the message is larger than smtpd.max_message_size");
	if (in->n_mails >= conf->smtpd.max_sessions ||
	    in->mails_bytes + c->size > conf->smtpd.max_memory)
		return why_set(
		    why, RC_TEMP, "4.3.2", "too many messages at a time");
	return RC_OK;
}

/* RFC 2852: whoever had it before us, when the time came, told of the delay. */
static void
warned_already(struct envelope *e)
{
	for (size_t i = 0; i < e->n_rcpts; i++)
		if (e->rcpts[i].word == ENVELOPE_TODO)
			e->rcpts[i].word = ENVELOPE_LATE;
}

static enum rc
add_rcpts(struct intake *in, struct envelope *e, const struct msg_commit *c,
    struct why *why)
{
	struct partial *p = partial_find(in, c->txn);
	enum rc rc;

	if (p == NULL || p->n != c->recipients || p->rcpts.over ||
	    p->n > ENVELOPE_RCPTS_MAX)
		rc = why_set(why, RC_TEMP, "4.3.0",
		    "not as many recipients as were said");
	else if (in->q->directory == NULL)
		rc = why_set(why, RC_TEMP, "4.3.0", "no directory");
	else
		rc = recipients_add(in->q, e, buf_span(&p->rcpts),
		    c->login.n > 0 || c->local != 0, why);
	if (p != NULL)
		partial_free(in, p);
	if (rc == RC_OK && e->n_rcpts == 0)
		rc = why_set(why, RC_PERM, "5.1.1", "no mailbox here");
	if (rc == RC_OK && e->by.mode == ADDR_BY_NOTIFY &&
	    addr_by_over(&e->by, e->arrived_us))
		warned_already(e);
	return rc;
}

/* RFC 5321 4.4: our own Received, LF line ends */
static void
put_received(struct buf *b, const struct qmgr *q, const struct msg_commit *c,
    const struct id *id, uint64_t now_us)
{
	buf_puts(b, "Received: from ");
	buf_put_span(b, c->helo);
	buf_puts(b, " (");
	buf_put_span(b, c->client);
	buf_puts(b, ")\n\tby ");
	buf_puts(b, q->w->conf->hostname);
	buf_puts(b, " with ");
	buf_put_span(b, c->protocol);
	buf_puts(b, " id ");
	buf_put_span(b, id_span(id));
	/* RFC 6710 7 */
	if (c->priority != 0)
		buf_putf(b, " PRIORITY %d", proto_priority(c->priority));
	if (c->tls.n > 0) {
		buf_puts(b, "\n\t(");
		buf_put_span(b, c->tls);
		buf_puts(b, ")");
	}
	buf_puts(b, ";\n\t");
	clock_put_rfc5322(b, now_us);
	buf_puts(b, "\n");
}

static bool
envid_ok(struct span envid)
{
	struct buf b;
	bool ok;

	buf_init(&b, ADDR_DSN_ENVID_MAX);
	ok = addr_dsn_envid(&b, envid) && span_eq(buf_span(&b), envid);
	buf_fini(&b);
	return ok;
}

/* A comment or word of Received must not be able to end itself. */
static bool
word_ok(struct span s, const char *also)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~' ||
		    (strchr("()\\\"<>;", s.p[i]) != NULL) ||
		    (s.p[i] == ' ' && strchr(also, ' ') == NULL))
			return false;
	return s.n <= 256;
}

static enum rc
check_words(const struct msg_commit *c, struct why *why)
{
	struct addr_by by;

	if (word_ok(c->helo, "") && c->helo.n > 0 && word_ok(c->client, "") &&
	    word_ok(c->protocol, "") && word_ok(c->tls, " ") &&
	    word_ok(c->service, "") && c->ret < ADDR_DSN_RET_COUNT &&
	    proto_priority(c->priority) >= -9 &&
	    proto_priority(c->priority) <= 9 &&
	    c->release <= clock_real_us() + HOLD_MAX_US &&
	    c->need <= QUEUE_TLS_REQUIRED &&
	    (c->by.n == 0 || addr_by_get(c->by, &by)) &&
	    (c->envid.n == 0 || envid_ok(c->envid)) &&
	    (c->sender.n == 0 || recipients_canonical(c->sender, why)) &&
	    (c->login.n == 0 || user_name_ok(c->login) ||
		recipients_canonical(c->login, why)))
		return RC_OK;
	return why_set(why, RC_TEMP, "4.3.0", "odd words in the envelope");
}

static struct envelope *
make_envelope(const struct msg_commit *c, uint64_t now_us)
{
	struct envelope *e = envelope_new();

	e->sender = span_dup(c->sender);
	e->client = span_dup(c->client);
	e->protocol = span_dup(c->protocol);
	e->login = span_dup(c->login);
	e->ret = c->ret;
	e->envid = c->envid.n > 0 ? span_dup(c->envid) : NULL;
	e->utf8 = c->utf8 != 0;
	e->priority = proto_priority(c->priority);
	e->need = (enum queue_tls)c->need;
	(void)addr_by_get(c->by, &e->by); /* as above */
	/* as above: it is written and read back in milliseconds */
	e->release_us = c->release / 1000 * 1000;
	/* as it will be read back: milliseconds */
	e->arrived_us = now_us / 1000 * 1000;
	e->size = c->size;
	return e;
}

/*
 * A message that goes round between hosts comes by with ever more Received
 * fields. Who says nothing of TLS by MAIL may do so in the header.
 */
static enum rc
look_at_header(struct envelope *e, const struct msg_commit *c, struct why *why)
{
	struct hops h = {0};
	char chunk[8192];
	uint64_t at = 0;
	size_t got = 1;

	if (!envelope_has_remote(e))
		return RC_OK;
	while (!h.ended && got > 0 && at < HEADER_BYTES) {
		if (!io_pread_all(
			c->body, chunk, sizeof(chunk), (off_t)at, &got))
			return why_sys(why, RC_TEMP, "4.3.0", "read");
		hops_feed(&h, span_make(chunk, got));
		at += got;
	}
	if (h.tls_optional && e->need == QUEUE_TLS_UNSAID)
		e->need = QUEUE_TLS_OPTIONAL;
	return h.received <= HOPS_MAX
		   ? RC_OK
		   : why_set(why, RC_PERM, "5.4.6",
			 "too many hops: this message goes round in a loop");
}

/* However many a liar, or a spammer behind an honest one, makes. */
static bool
may_tell(struct intake *in)
{
	uint64_t second = clock_mono_ms() / 1000;

	if (in->second != second)
		in->told = 0;
	in->second = second;
	if (in->told == REFUSALS_S) {
		in->more++;
		return false;
	}
	in->told++;
	return true;
}

static void
tell_more(struct intake *in)
{
	in->more_ms = clock_mono_ms();
	if (in->more > 0)
		history_event_more(in->q, in->more);
	in->more = 0;
}

void
intake_check(struct qmgr *q)
{
	struct intake *in;

	TAILQ_FOREACH (in, &q->intakes, next)
		if (clock_mono_ms() - in->more_ms >= MORE_MS)
			tell_more(in);
}

static void
on_refused(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct intake *in = ctx;

	(void)link;
	in->more += msg->refused.untold;
	if (msg->refused.verb.n > 0 && may_tell(in))
		history_event_refused(in->q, &msg->refused);
}

static void
refuse(struct intake *in, const struct msg_commit *c, const struct id *id,
    const struct why *why)
{
	LOG(QUEUE_REFUSED, log_text(id_span(id)), log_str(why->status),
	    log_str(why->text));
	if (may_tell(in))
		history_event_not_taken(in->q, id_span(id), c, why);
	intake_answer(in, c->txn, id->text, why);
}

/*
 * Not asked of the disk for each message: a write that finds no room all the
 * same refuses the message as well.
 */
static enum rc
check_room(struct intake *in, struct why *why)
{
	uint64_t now_ms = clock_mono_ms();
	enum rc rc = RC_OK;

	if (now_ms >= in->room_ms)
		rc = store_room(&in->q->store, why);
	if (rc == RC_OK && now_ms >= in->room_ms)
		in->room_ms = now_ms + ROOM_MS;
	return rc;
}

static void
on_commit(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_commit *c = &msg->commit;
	struct intake *in = ctx;
	struct qmgr *q = in->q;
	uint64_t now_us = clock_real_us();
	struct envelope *e = make_envelope(c, now_us);
	struct id id = id_new();
	struct message *m;
	struct buf trace;
	struct why why;

	(void)link;
	if (add_rcpts(in, e, c, &why) != RC_OK ||
	    check_words(c, &why) != RC_OK ||
	    check_bounds(in, c, &why) != RC_OK || take_body(c, &why) != RC_OK ||
	    look_at_header(e, c, &why) != RC_OK ||
	    check_room(in, &why) != RC_OK ||
	    limit_check(q, c, id.text, &why) != RC_OK) {
		refuse(in, c, &id, &why);
		envelope_free(&e);
		return;
	}
	buf_init(&trace, 4096);
	put_received(&trace, q, c, &id, now_us);
	m = message_new(q, id_span(&id), e, msg->commit.body, buf_span(&trace));
	msg->commit.body = -1;
	buf_fini(&trace);
	m->intake = in;
	m->txn = c->txn;
	history_event_received(m, c);
	m->committed = c->size;
	in->n_mails++;
	in->mails_bytes += c->size;
	if (e->n_rcpts <= q->w->conf->queue.direct_recipients &&
	    !envelope_has_remote(e) && !envelope_owes_any(e) &&
	    !envelope_is_early(e, now_us))
		message_start_direct(m);
	else
		message_enqueue(m);
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_COMMIT_RCPT] = on_commit_rcpt,
    [MSG_COMMIT] = on_commit,
    [MSG_REFUSED] = on_refused,
};

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct intake *in = ctx;
	struct qmgr *q = in->q;
	struct message *m;

	worker_link_closed(q->w, link, why);
	tell_more(in);
	/* nobody waits any more; what is under way goes on all the same */
	for (size_t i = 0; i < QMGR_BUCKETS; i++)
		TAILQ_FOREACH (m, &q->buckets[i], next)
			if (m->intake == in)
				m->intake = NULL;
	while (!TAILQ_EMPTY(&in->partials))
		partial_free(in, TAILQ_FIRST(&in->partials));
	TAILQ_REMOVE(&q->intakes, in, next);
	ipc_link_free(&in->link);
	free(in);
}

static void
tell(struct intake *in, const struct why *why)
{
	bool ok = why == NULL;

	proto_send_queue_state(
	    in->link, &(struct msg_queue_state){ok ? RC_OK : RC_TEMP,
			  ok ? SPAN_LIT("") : span_of(why->text)});
}

void
intake_announce(struct qmgr *q, const struct why *why)
{
	struct intake *in;

	TAILQ_FOREACH (in, &q->intakes, next)
		tell(in, why);
}

void
intake_new(struct qmgr *q, int fd)
{
	struct intake *in = mem_alloc(sizeof(*in));
	struct why why;

	in->q = q;
	TAILQ_INIT(&in->partials);
	TAILQ_INSERT_TAIL(&q->intakes, in, next);
	in->link =
	    worker_link_new(q->w, ROLE_SMTPD, fd, handlers, on_closed, in);
	/* all are told, so that nobody keeps an older answer */
	q->open = store_room(&q->store, &why) == RC_OK;
	intake_announce(q, q->open ? NULL : &why);
}

size_t
intake_count(const struct qmgr *q)
{
	const struct intake *in;
	size_t n = 0;

	TAILQ_FOREACH (in, &q->intakes, next)
		n++;
	return n;
}

/*
 * Notices: see notice.h. A job owns all it touches; m stays, since nothing else
 * happens to a message that is BOUNCING.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/addr/dsn.h"
#include "lib/base/clock.h"
#include "lib/base/enc.h"
#include "lib/base/id.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/bounce.h"
#include "qmgr/child.h"
#include "qmgr/history_event.h"
#include "qmgr/letter.h"
#include "qmgr/notice.h"
#include "qmgr/recipients.h"
#include "lib/base/banned.h"

#define RCPTS_MAX  500 /* of one notice; the rest get another */
#define TEXT_BYTES (8U << 20)

/* What is told, the most urgent first: one notice is of one kind. */
enum kind {
	KIND_FAILED,
	KIND_UNTOLD, /* the same, and the sender does not want to hear */
	KIND_SUCCESS,
	KIND_DELAY,
	KIND_NONE,
};

struct notice {
	struct message *m;
	enum kind kind;
	const struct store *store;
	struct bounce b;
	char *hostname, *sender, *envid;
	struct bounce_rcpt *rcpts;
	struct envelope_rcpt *words; /* word and place only */
	size_t *numbers;
	size_t n;
	char parent[STORE_NAME_MAX + 1];
	char name[STORE_NAME_MAX + 1];
	char boundary[40];
	struct envelope *env; /* of the notice; NULL: nobody gets one */
	int fd;               /* of the message */
	uint64_t offset;
	int child;      /* the notice's file, or -1 */
	bool unwritten; /* m's file lacks the words */
	struct why why;
	enum rc rc;
};

static const struct {
	char letter; /* in its name */
	enum envelope_word word;
	enum bounce_kind bounce;
} kinds[] = {
    [KIND_FAILED] = {'b', ENVELOPE_FAIL, BOUNCE_FAILURE},
    [KIND_UNTOLD] = {'b', ENVELOPE_FAIL, BOUNCE_FAILURE},
    [KIND_SUCCESS] = {'s', ENVELOPE_DONE, BOUNCE_SUCCESS},
    [KIND_DELAY] = {'w', ENVELOPE_LATE, BOUNCE_DELAY},
};

/* Has it been tried for longer than that? */
static bool
older(const struct message *m, uint64_t ms)
{
	uint64_t now = clock_real_us(), begun = envelope_begun_us(m->env);

	return now > begun && (now - begun) / 1000 > ms;
}

static bool
expired(const struct message *m)
{
	return older(m, m->q->w->conf->queue.max_age);
}

/* May a delay of that recipient be told, and has not been? RFC 3461 5.2.5 */
static bool
may_warn(const struct message *m, size_t i)
{
	const struct envelope_rcpt *r = &m->env->rcpts[i];

	return m->q->w->conf->queue.delay_warning > 0 &&
	       r->word == ENVELOPE_TODO && m->env->sender[0] != '\0' &&
	       (r->notify == ADDR_DSN_UNSAID ||
		   (r->notify & ADDR_DSN_DELAY) != 0);
}

/* The same when it should have been delivered: RFC 2852. */
static bool
may_warn_by(const struct message *m, size_t i)
{
	const struct envelope_rcpt *r = &m->env->rcpts[i];

	return m->env->by.mode == ADDR_BY_NOTIFY && r->word == ENVELOPE_TODO &&
	       m->env->sender[0] != '\0' && r->notify != ADDR_DSN_NEVER;
}

/* What is to be told of a recipient. */
static enum kind
kind_of(const struct message *m, size_t i)
{
	const struct envelope_rcpt *r = &m->env->rcpts[i];
	const struct attempt *a = &m->attempts[i];

	if (r->word == ENVELOPE_SENT)
		return KIND_SUCCESS;
	if (!envelope_is_todo(r) || !a->tried || a->why.rc == RC_OK)
		return KIND_NONE;
	if (a->why.rc == RC_PERM || expired(m))
		/* RFC 3461 5.2.6 */
		return r->notify == ADDR_DSN_UNSAID ||
			       (r->notify & ADDR_DSN_FAILURE) != 0
			   ? KIND_FAILED
			   : KIND_UNTOLD;
	return (may_warn(m, i) &&
		   older(m, m->q->w->conf->queue.delay_warning)) ||
		       (may_warn_by(m, i) &&
			   addr_by_over(&m->env->by, clock_real_us()))
		   ? KIND_DELAY
		   : KIND_NONE;
}

/* The first of them that is to be told of any recipient. */
static enum kind
kind_due(const struct message *m)
{
	enum kind first = KIND_NONE;

	for (size_t i = 0; i < m->env->n_rcpts; i++) {
		enum kind kind = kind_of(m, i);

		if (kind < first)
			first = kind;
	}
	return first;
}

bool
notice_due(const struct message *m)
{
	return kind_due(m) != KIND_NONE;
}

/* How long until it should have been delivered, if anything follows from it. */
static uint64_t
before_by(const struct message *m, uint64_t ms)
{
	uint64_t now = clock_real_us(), until = m->env->by.until_us;
	bool matters = m->env->by.mode == ADDR_BY_RETURN;

	for (size_t i = 0; i < m->env->n_rcpts && !matters; i++)
		matters = may_warn_by(m, i);
	if (!matters || until <= now || (until - now) / 1000 >= ms)
		return ms;
	return (until - now) / 1000 + 1;
}

uint64_t
notice_before(const struct message *m, uint64_t ms)
{
	uint64_t warning = m->q->w->conf->queue.delay_warning;
	uint64_t begun = envelope_begun_us(m->env) / 1000;
	uint64_t now = clock_real_us() / 1000;

	ms = before_by(m, ms);
	if (older(m, warning) || begun > now || now + ms <= begun + warning)
		return ms;
	for (size_t i = 0; i < m->env->n_rcpts; i++)
		if (may_warn(m, i))
			return begun + warning - now + 1;
	return ms;
}

static enum bounce_action
action_of(const struct message *m, size_t i, enum kind kind)
{
	const struct envelope_rcpt *r = &m->env->rcpts[i];

	if (kind == KIND_DELAY)
		return BOUNCE_DELAYED;
	if (kind != KIND_SUCCESS)
		return BOUNCE_FAILED;
	if (r->expanded)
		return BOUNCE_EXPANDED;
	return envelope_is_remote(r) ? BOUNCE_RELAYED : BOUNCE_DELIVERED;
}

static void
take_rcpt(struct notice *t, size_t i)
{
	const struct message *m = t->m;
	const struct envelope_rcpt *r = &m->env->rcpts[i];
	const struct attempt *a = &m->attempts[i];

	t->numbers[t->n] = i;
	t->words[t->n].word = kinds[t->kind].word;
	t->words[t->n].word_at = r->word_at;
	t->rcpts[t->n++] = (struct bounce_rcpt){.address = mem_dup(r->address),
	    .orcpt = mem_dup(r->orcpt),
	    .action = action_of(m, i, t->kind),
	    .host = mem_dup(a->host),
	    .reply = mem_dup(a->reply),
	    .why = a->why,
	    .expired =
		kinds[t->kind].word == ENVELOPE_FAIL && a->why.rc == RC_TEMP};
}

static void
take_rcpts(struct notice *t)
{
	const struct message *m = t->m;
	size_t max = m->env->n_rcpts < RCPTS_MAX ? m->env->n_rcpts : RCPTS_MAX;

	t->kind = kind_due(m);
	t->rcpts = mem_array(max, sizeof(*t->rcpts));
	t->words = mem_array(max, sizeof(*t->words));
	t->numbers = mem_array(max, sizeof(*t->numbers));
	for (size_t i = 0; i < m->env->n_rcpts && t->n < max; i++)
		if (kind_of(m, i) == t->kind)
			take_rcpt(t, i);
}

/*
 * "PARENT-b2-1f0c2299": its kind, the first recipient, and a sum of them all.
 * The same recipients have the same name, and others another: a notice that is
 * found is never taken for one about somebody else.
 */
static void
make_name(struct notice *t)
{
	uint32_t sum = 0;
	struct id id;
	int n;

	for (size_t i = 0; i < t->n; i++) {
		uint64_t number = t->numbers[i];

		sum = enc_crc32c(sum, (const char *)&number, sizeof(number));
	}
	n = snprintf(t->name, sizeof(t->name), "%s-%c%zu-%08x", t->parent,
	    kinds[t->kind].letter, t->numbers[0], sum);
	if (n > 0 && (size_t)n < sizeof(t->name))
		return;
	/* a file that somebody named by hand, at great length */
	id = id_new();
	(void)span_copy(id_span(&id), t->name, sizeof(t->name)); /* fits */
}

/*
 * Is m a notice of ours about a failure, of which nobody would hear if it were
 * dropped? One about such a notice is the last: "ID-b0-...-b0-...".
 */
static bool
is_first_notice(const struct message *m)
{
	struct span rest = child_notice(span_of(m->name));

	return m->env->sender[0] == '\0' && span_at(rest, 0) == 'b' &&
	       span_find(rest, '-') == span_rfind(rest, '-');
}

/* RFC 5321 6.1: never to the null reverse-path; but the host's own notices go
 * to its postmaster. */
static void
tell_postmaster(struct notice *t)
{
	struct buf b;

	buf_init(&b, RECIPIENTS_BYTES);
	letter_put_postmaster(&b, t->m->q->w->conf);
	free(t->sender);
	t->sender = span_dup(buf_span(&b));
	t->b.twice = true;
	buf_fini(&b);
}

/* Who gets it? RC_PERM: nobody. */
static enum rc
address_it(struct notice *t)
{
	struct qmgr *q = t->m->q;
	struct recipients_asked to = {.address = span_of(t->sender)};
	struct buf list;
	enum rc rc;

	/* wherever the directory says that this is */
	if (t->b.twice)
		to.address = SPAN_LIT("postmaster");
	if (to.address.n == 0 || t->kind == KIND_UNTOLD)
		return why_set(&t->why, RC_PERM, "5.1.7", "nobody to tell");
	if (q->directory == NULL)
		return why_set(&t->why, RC_TEMP, "4.3.0", "no directory");
	t->env = envelope_new_own(t->b.now_us);
	t->env->utf8 = t->b.utf8;
	t->env->priority = t->m->env->priority; /* RFC 6710 4.6 */
	if (t->m->env->need == QUEUE_TLS_REQUIRED)
		t->env->need = QUEUE_TLS_REQUIRED; /* RFC 8689 5 */
	buf_init(&list, RECIPIENTS_BYTES);
	recipients_put(&list, &to);
	rc = recipients_add(q, t->env, buf_span(&list), true, &t->why);
	buf_fini(&list);
	if (rc != RC_OK)
		envelope_free(&t->env);
	return rc;
}

static void
free_notice(struct notice *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->rcpts[i].address);
		free(t->rcpts[i].orcpt);
		free(t->rcpts[i].host);
		free(t->rcpts[i].reply);
	}
	free(t->rcpts);
	free(t->words);
	free(t->numbers);
	free(t->hostname);
	free(t->sender);
	free(t->envid);
	envelope_free(&t->env);
	io_close(&t->fd);
	io_close(&t->child);
	free(t);
}

static void
write_child(struct notice *t, struct span text)
{
	struct store_write w = {
	    .name = t->name, .trace = text, .body = -1, .fd = -1};

	t->rc = child_write(t->store, &w, &t->env, &t->child, &t->why);
}

static void
make_child(struct notice *t)
{
	size_t max = t->b.full ? BOUNCE_FULL_MAX : BOUNCE_HEADER_MAX;
	char *head = mem_grow(NULL, max);
	struct buf text;
	size_t got;

	buf_init(&text, TEXT_BYTES);
	if (!io_pread_all(t->fd, head, max, (off_t)t->offset, &got)) {
		t->rc = why_sys(&t->why, RC_TEMP, "4.3.0", "read");
	} else {
		t->b.header = span_make(head, got);
		if (bounce_format(&t->b, &text))
			write_child(t, buf_span(&text));
		else
			t->rc = why_set(&t->why, RC_TEMP, "4.3.0",
			    "the notice is too large");
	}
	buf_fini(&text);
	free(head);
}

static void
work(void *arg)
{
	struct notice *t = arg;
	struct why why;

	t->rc = RC_OK;
	if (t->env != NULL)
		make_child(t);
	/* a word that is not written is written later; but after a crash the
	 * repetition finds the notice, or makes a second one */
	if (t->rc == RC_OK)
		t->unwritten =
		    store_words(t->fd, t->words, t->n, &why) != RC_OK;
}

/* Of what is not lost. */
static void
say_told(const struct notice *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *action = bounce_action_text(t->rcpts[i].action);

		/* a sender whom nobody here is has asked in vain */
		if (t->env == NULL)
			continue;
		history_event_told(
		    t->m->q, &(struct history_event_loss){.id = t->parent,
				 .notice = t->name,
				 .address = t->rcpts[i].address,
				 .text = action});
		LOG(QUEUE_TOLD, log_str(t->parent), log_str(t->name),
		    log_str(t->rcpts[i].address), log_str(action));
	}
}

static void
say(const struct notice *t)
{
	if (kinds[t->kind].word != ENVELOPE_FAIL) {
		say_told(t);
		return;
	}
	for (size_t i = 0; i < t->n; i++) {
		const struct bounce_rcpt *r = &t->rcpts[i];

		history_event_loss(
		    t->m->q, &(struct history_event_loss){.id = t->parent,
				 .notice = t->env != NULL ? t->name : NULL,
				 .address = r->address,
				 .status = r->expired ? "4.4.7" : r->why.status,
				 .text = r->why.text});
		if (t->env != NULL)
			LOG(QUEUE_BOUNCED, log_str(t->parent), log_str(t->name),
			    log_str(r->address),
			    log_str(r->expired ? "4.4.7" : r->why.status),
			    log_str(r->why.text));
		else
			LOG(QUEUE_DROPPED, log_str(t->parent),
			    log_str(r->address),
			    log_str(r->expired ? "4.4.7" : r->why.status),
			    log_str(r->why.text));
	}
}

static void
done(void *arg)
{
	struct notice *t = arg;
	struct message *m = t->m, *child = NULL;
	struct qmgr *q = m->q;

	t->why.rc = t->rc;
	if (t->rc == RC_OK) {
		say(t);
		if (t->env != NULL)
			child = child_take(q, t->name, &t->env, &t->child);
		if (child != NULL)
			history_event_notice(child, t->parent);
	}
	m->unwritten |= t->unwritten;
	/* may release m */
	message_noticed(m,
	    &(struct message_noticed){kinds[t->kind].word, t->numbers, t->n},
	    &t->why);
	if (child != NULL)
		message_kick(child);
	free_notice(t);
}

static void
begin(struct notice *t)
{
	uint64_t chance;

	io_random(&chance, sizeof(chance));
	(void)snprintf(t->boundary, sizeof(t->boundary), "mailstead-%016llx",
	    (unsigned long long)chance);
	make_name(t);
	t->b.hostname = t->hostname;
	t->b.id = t->name;
	t->b.parent = t->parent;
	t->b.sender = t->sender;
	t->b.boundary = t->boundary;
	t->b.envid = t->envid;
	t->b.kind = kinds[t->kind].bounce;
	t->b.rcpts = t->rcpts;
	t->b.n = t->n;
	pool_submit(t->m->q->pool, work, done, t);
}

void
notice_start(struct message *m)
{
	struct notice *t = mem_alloc(sizeof(*t));
	enum rc rc;

	t->m = m;
	t->store = &m->q->store;
	t->child = -1;
	t->fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 0);
	t->offset = m->offset;
	t->hostname = mem_dup(m->q->w->conf->hostname);
	t->sender = mem_dup(m->env->sender);
	(void)span_copy(span_of(m->name), t->parent, sizeof(t->parent));
	t->envid = mem_dup(m->env->envid);
	/* who sends so can be told so */
	t->b.utf8 = m->env->utf8;
	t->b.arrived_us = m->env->arrived_us;
	t->b.by_us = m->env->by.mode == ADDR_BY_NONE ? 0 : m->env->by.until_us;
	t->b.now_us = clock_real_us();
	t->b.until_us =
	    envelope_begun_us(m->env) + m->q->w->conf->queue.max_age * 1000;
	take_rcpts(t);
	if (t->kind == KIND_FAILED && is_first_notice(m) &&
	    m->q->w->conf->queue.double_bounces)
		tell_postmaster(t);
	/* RFC 3461 6.2: with failures only; RFC 8689 5: as with RET=HDRS */
	t->b.full = t->kind == KIND_FAILED && m->size <= BOUNCE_FULL_MAX &&
		    m->env->need != QUEUE_TLS_REQUIRED &&
		    (t->b.twice || m->env->ret == ADDR_DSN_RET_FULL);
	rc = address_it(t);
	if (rc == RC_TEMP) {
		message_noticed(m, &(struct message_noticed){0}, &t->why);
		free_notice(t);
		return;
	}
	begin(t);
}

/*
 * queue show: one message's envelope with what memory knows of it, then its
 * header and body, a piece a time. The file is kept open: it may be delivered
 * and removed meanwhile, and is shown to its end.
 */
#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "qmgr/manage.h"
#include "lib/base/banned.h"

#define PIECE        32768
#define RECIPIENTS   64 /* rows in a turn */
#define PART_HEADER  1
#define PART_MESSAGE 2

struct show {
	struct manage_ask ask;
	struct idle_job job;
	uint8_t part;
	/* the threads' */
	struct record r; /* name, file and folder; and all that the index has */
	bool found;      /* who has it is known */
	struct envelope *env;
	int fd;
	uint64_t at; /* of the next piece in the file */
	char *piece;
	size_t n_piece;
	enum rc rc;
	struct why why;
	/* the loop's */
	bool begun;    /* the message's row has gone out */
	size_t rcpt;   /* next */
	unsigned ends; /* bytes of "\r\n\r\n" seen last */
	bool header_ended;
};

static void
put_message(struct show *s, const struct message *m)
{
	struct manage_view v =
	    m != NULL ? manage_view_memory(m, s->env->held)
		      : manage_view_record(s->ask.q, &s->r, s->env->held);
	struct buf b;

	buf_init(&b, IPC_FRAME_MAX / 2);
	buf_puts(&b, "kind=message id=");
	enc_line(&b, span_of(s->r.name));
	buf_putf(&b, " state=%s", v.state);
	manage_put_envelope(&b, s->env);
	buf_puts(&b, " client=");
	enc_line(&b, span_of(s->env->client));
	buf_puts(&b, " protocol=");
	enc_line(&b, span_of(s->env->protocol));
	buf_puts(&b, " login=");
	enc_line(&b, span_of(s->env->login));
	if (s->env->need != QUEUE_TLS_UNSAID)
		buf_putf(&b, " need=%s", envelope_need_text(s->env->need));
	if (s->env->by.mode != ADDR_BY_NONE) {
		buf_puts(&b, " by=");
		addr_by_put(&b, &s->env->by);
	}
	manage_put_view(&b, &v);
	manage_row(&s->ask, buf_span(&b));
	buf_fini(&b);
}

static void
put_recipient(struct show *s, const struct message *m, size_t i)
{
	const struct envelope_rcpt *r = &s->env->rcpts[i];
	const struct attempt *a = NULL;
	enum envelope_word word = r->word;
	struct buf b;

	/* memory is ahead of the file */
	if (m != NULL && m->env != NULL && i < m->env->n_rcpts) {
		a = &m->attempts[i];
		word = m->env->rcpts[i].word;
	}
	buf_init(&b, IPC_FRAME_MAX / 2);
	buf_puts(&b, "kind=recipient address=");
	enc_line(&b, span_of(r->address));
	buf_puts(&b, " account=");
	enc_line(&b, span_of(r->account));
	buf_putf(&b, " word=%s waits=%s underway=%s", envelope_word_text(word),
	    a != NULL && a->queued ? "yes" : "no",
	    a != NULL && (a->agent != NULL || a->filing) ? "yes" : "no");
	buf_puts(&b, " status=");
	enc_line(&b, span_of(a != NULL && a->tried ? a->why.status : ""));
	buf_puts(&b, " text=");
	enc_line(&b, span_of(a != NULL && a->tried ? a->why.text : ""));
	buf_puts(&b, " host=");
	enc_line(&b, span_of(a != NULL ? a->host : NULL));
	buf_puts(&b, " reply=");
	enc_line(&b, span_of(a != NULL ? a->reply : NULL));
	manage_row(&s->ask, buf_span(&b));
	buf_fini(&b);
}

static void
work_open(void *arg)
{
	struct show *s = arg;
	const struct store *store = &s->ask.q->store;

	s->rc = store_peek(s->r.in_cur ? store->cur : store->new, s->r.file,
	    &s->env, &s->fd, &s->why);
}

static void
back_open(void *arg)
{
	struct show *s = arg;

	if (!manage_back(&s->ask))
		return;
	if (s->rc != RC_OK) {
		manage_end(&s->ask, s->rc, s->why.text);
		return;
	}
	s->at = s->env->offset;
	manage_again(&s->ask, 0);
}

static void
work_get(void *arg)
{
	struct show *s = ((struct idle_job *)arg)->ctx;

	s->job.rc = index_get(s->job.index, &s->r, 1, &s->job.why);
}

static void
back_get(void *arg)
{
	struct show *s = ((struct idle_job *)arg)->ctx;

	if (manage_back(&s->ask))
		manage_again(&s->ask, 0);
}

/* Where it is: as memory says, or else the index. */
static void
find(struct show *s)
{
	const struct message *m = message_find(s->ask.q, span_of(s->r.name));

	if (m != NULL && manage_is_queued(m)) {
		(void)span_copy(span_of(m->file), s->r.file,
		    sizeof(s->r.file)); /* checked when it was found */
		s->r.in_cur = m->in_cur;
		manage_submit(&s->ask, work_open, back_open);
	} else if (!s->found && s->r.name[0] != '\0') {
		s->found = true;
		manage_submit_idle(&s->ask, &s->job, work_get, back_get);
	} else if (s->found && s->job.rc != RC_OK) {
		manage_end(&s->ask, s->job.rc, s->job.why.text);
	} else if (s->r.file[0] != '\0') {
		manage_submit(&s->ask, work_open, back_open);
	} else {
		why_set(&s->why, RC_PERM, "5.3.0",
		    "there is no message %s in the queue",
		    s->r.name[0] != '\0' ? s->r.name : "of that ID");
		manage_end(&s->ask, RC_PERM, s->why.text);
	}
}

static void
work_read(void *arg)
{
	struct show *s = arg;
	uint64_t left = s->env->offset + s->env->size - s->at;
	size_t want = left < PIECE ? (size_t)left : PIECE;

	s->rc = RC_OK;
	if (!io_pread_all(s->fd, s->piece, want, (off_t)s->at, &s->n_piece))
		s->rc = why_sys(&s->why, RC_TEMP, "4.3.0", "%s", s->r.file);
	else if (s->n_piece < want)
		s->rc = why_set(&s->why, RC_PERM, "5.3.0",
		    "%s is shorter than it says", s->r.file);
}

/* How much of the piece is to be shown: all, or up to the header's end. */
static size_t
cut(struct show *s)
{
	static const char end[] = "\r\n\r\n";

	if (s->part != PART_HEADER)
		return s->n_piece;
	for (size_t i = 0; i < s->n_piece; i++) {
		char c = s->piece[i];

		if (c == end[s->ends])
			s->ends++;
		else
			s->ends = c == '\r' ? 1 : 0;
		if (s->ends == sizeof(end) - 1) {
			s->header_ended = true;
			return i + 1;
		}
	}
	return s->n_piece;
}

static void
back_read(void *arg)
{
	struct show *s = arg;
	size_t n;

	if (!manage_back(&s->ask))
		return;
	if (s->rc != RC_OK) {
		manage_end(&s->ask, s->rc, s->why.text);
		return;
	}
	n = cut(s);
	s->at += n;
	(void)proto_send_ctl_data(
	    s->ask.link, &(struct msg_ctl_data){s->ask.id,
			     span_make(s->piece, n)}); /* on_closed comes */
	manage_again(&s->ask, 0);
}

static void
turn(struct manage_ask *a)
{
	struct show *s = (struct show *)a;
	const struct message *m = message_find(a->q, span_of(s->r.name));

	if (s->env == NULL) {
		find(s);
		return;
	}
	if (!s->begun)
		put_message(s, m);
	s->begun = true;
	for (int i = 0; i < RECIPIENTS && s->rcpt < s->env->n_rcpts; i++)
		put_recipient(s, m, s->rcpt++);
	if (s->rcpt < s->env->n_rcpts)
		manage_again(a, 0);
	else if (s->part == 0 || s->header_ended ||
		 s->at == s->env->offset + s->env->size)
		manage_end(a, RC_OK, "");
	else
		manage_submit(a, work_read, back_read);
}

static void
fini(struct manage_ask *a)
{
	struct show *s = (struct show *)a;

	envelope_free(&s->env);
	io_close(&s->fd);
	free(s->piece);
}

static const struct manage_ops ops = {turn, fini};

void
manage_on_show(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	const struct msg_queue_show *q = &msg->queue_show;
	struct show *s = manage_ask_new(ctx, sizeof(*s), &ops, q->id);

	(void)link;
	if (s == NULL)
		return;
	s->job.ctx = s;
	s->fd = -1;
	s->part = q->part > PART_MESSAGE ? PART_MESSAGE : q->part;
	s->piece = mem_grow(NULL, PIECE);
	(void)span_copy(q->qid, s->r.name, sizeof(s->r.name)); /* else none */
}

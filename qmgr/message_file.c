/*
 * A message's queue file, written and read in threads: see message.h.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/errand.h"
#include "qmgr/history_event.h"
#include "qmgr/idle.h"
#include "qmgr/message_state.h"
#include "lib/base/banned.h"

/* what a thread does for a message; the message may be gone meanwhile only
 * if nothing was promised, so jobs own all they touch */
struct job {
	struct message *m;
	const struct store *store;
	struct store_write write;
	struct buf trace;
	struct envelope *env;
	int fd;
	int folder;
	char *file;
	bool gone; /* work_load: there is no such file */
	struct why why;
	enum rc rc;
};

static void
work_write(void *arg)
{
	struct job *j = arg;

	j->rc = store_write(j->store, &j->write, &j->why);
}

/* The outcomes of before are known to the file only from now on. */
static void
written(struct message *m, struct job *j)
{
	struct why ok = {.rc = RC_OK};

	io_close(&m->fd);
	m->fd = j->write.fd;
	m->offset = j->env->offset;
	m->size = m->env->size = j->env->size;
	m->state = MESSAGE_ACTIVE;
	for (size_t i = 0; i < m->env->n_rcpts; i++) {
		m->env->rcpts[i].word_at = j->env->rcpts[i].word_at;
		if (m->env->rcpts[i].word != j->env->rcpts[i].word &&
		    envelope_open(m->env) > 0)
			errand_word(m, i);
	}
	buf_fini(&m->trace);
	m->q->n_queued++;
	LOG(QUEUE_FILED, log_str(m->name), log_num(m->env->n_rcpts),
	    log_num(m->size));
	history_event_tell(m, HISTORY_QUEUED);
	message_answer(m, &ok);
	message_kick(m);
}

static void
done_write(void *arg)
{
	struct job *j = arg;
	struct message *m = j->m;

	if (j->rc == RC_OK) {
		written(m, j);
	} else {
		LOG(QUEUE_ERROR, log_str(m->name), log_str(j->why.text));
		m->refused_file = true;
		m->state = MESSAGE_DIRECT;
		if (m->underway == 0 && envelope_todo(m->env) > 0) {
			message_answer(m, &j->why);
			message_free(m);
		} else if (m->underway == 0) {
			message_finish_direct(m);
		}
	}
	envelope_free(&j->env);
	io_close(&j->fd);
	buf_fini(&j->trace);
	free(j);
}

/* LF to CRLF */
void
message_put_trace(const struct message *m, struct buf *b)
{
	struct span text = buf_span(&m->trace);

	while (text.n > 0) {
		size_t n = span_find(text, '\n');

		buf_put_span(b, span_head(text, n));
		buf_puts(b, "\r\n");
		text = span_from(text, n + 1);
	}
}

void
message_enqueue(struct message *m)
{
	struct job *j = mem_alloc(sizeof(*j));

	m->state = MESSAGE_WRITING;
	event_del(m->timer);
	j->m = m;
	j->store = &m->q->store;
	/* a copy: outcomes may change the message's own meanwhile */
	j->env = envelope_copy(m->env);
	/* the memfd may be closed here while the thread still reads */
	j->fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 0);
	buf_init(&j->trace, 16384);
	message_put_trace(m, &j->trace);
	j->write.name = m->name;
	j->write.envelope = j->env;
	j->write.trace = buf_span(&j->trace);
	j->write.body = j->fd;
	j->write.size = m->size;
	pool_submit(m->q->pool, work_write, done_write, j);
}

static void
work_load(void *arg)
{
	struct job *j = arg;

	j->rc = store_read(j->folder, j->file, &j->env, &j->fd, &j->why);
	j->gone = j->rc != RC_OK && store_gone(j->folder, j->file);
}

/* A file that cannot be read now is tried again; a damaged one is kept; one
 * that somebody took away is no message any more. */
static void
not_loaded(struct message *m, struct job *j)
{
	struct qmgr *q = m->q;
	struct why why;

	if (j->gone) {
		/* somebody has taken it away: so it was meant */
		LOG(QUEUE_GONE, log_str(m->name));
		history_event_tell(m, HISTORY_GONE);
		message_end(m);
		idle_relist(q); /* unless it has another name now */
		return;
	}
	if (j->rc == RC_PERM)
		LOG(QUEUE_DAMAGED, log_str(m->name), log_str(j->why.text));
	else
		LOG(QUEUE_ERROR, log_str(m->name), log_str(j->why.text));
	if (j->rc == RC_PERM &&
	    store_damaged(j->store, j->folder, j->file, &why) == RC_OK) {
		history_event_reason(m, HISTORY_DAMAGED, j->why.text);
		message_end(m);
		return;
	}
	m->due_ms = clock_mono_ms() + q->w->conf->queue.retry_first;
	message_rest(m);
}

static void
done_load(void *arg)
{
	struct job *j = arg;
	struct message *m = j->m;
	struct qmgr *q = m->q;

	q->n_loading--;
	if (j->rc != RC_OK) {
		not_loaded(m, j);
	} else {
		message_load(m, j->env, j->fd);
		m->held = j->env->held;
		m->offset = j->env->offset;
		m->size = j->env->size;
		m->state = MESSAGE_ACTIVE;
		/* it may have been attempted before we knew of it */
		for (size_t i = 0; i < m->env->n_rcpts; i++)
			m->attempts[i].again = true;
		message_kick(m);
	}
	free(j->file);
	free(j);
	idle_run(q);
}

void
message_wake(struct message *m)
{
	struct job *j;

	if ((m->held && !m->given_up) || m->changing)
		return;
	if (m->state == MESSAGE_SAVING) {
		message_again(m);
		return;
	}
	if (m->state != MESSAGE_IDLE)
		return;
	j = mem_alloc(sizeof(*j));
	event_del(m->timer); /* it may be woken before its time */
	m->state = MESSAGE_LOADING;
	m->q->n_loading++;
	j->m = m;
	j->store = &m->q->store;
	j->folder = message_folder(m);
	j->file = mem_dup(m->file);
	j->fd = -1;
	pool_submit(m->q->pool, work_load, done_load, j);
}

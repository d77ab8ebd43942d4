/*
 * Small changes of a queue file: see errand.h.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/errand.h"
#include "qmgr/idle.h"
#include "lib/base/banned.h"

/* owns all it touches: the message may be gone meanwhile */
struct errand {
	TAILQ_ENTRY(errand) next; /* of m, if it has one */
	struct message *m;        /* to be told; NULL: nobody is */
	struct qmgr *q;
	struct envelope_rcpt *rcpts; /* words and places only */
	size_t n;
	int fd;
	char *file; /* to be removed, or NULL */
	bool stays; /* it could not be */
	struct why why;
	enum rc rc;
};

static struct errand *
make(struct qmgr *q, size_t n)
{
	struct errand *e = mem_alloc(sizeof(*e));

	e->q = q;
	e->rcpts = mem_array(n, sizeof(*e->rcpts));
	return e;
}

static void
add(struct errand *e, const struct envelope_rcpt *r)
{
	e->rcpts[e->n].word = r->word;
	e->rcpts[e->n++].word_at = r->word_at;
}

static void
work(void *arg)
{
	struct errand *e = arg;

	if (e->file != NULL && store_remove(&e->q->store, e->file))
		return;
	e->stays = e->file != NULL;
	e->rc = store_words(e->fd, e->rcpts, e->n, &e->why);
}

static void
done(void *arg)
{
	struct errand *e = arg;

	if (e->rc != RC_OK)
		LOG(QUEUE_ERROR, log_str("word"), log_str(e->why.text));
	/* what has nothing to do is removed when it is loaded */
	if (e->stays)
		idle_relist(e->q);
	if (e->m != NULL) {
		TAILQ_REMOVE(&e->m->errands, e, next);
		message_saved(e->m, e->rc == RC_OK);
	}
	io_close(&e->fd);
	free(e->file);
	free(e->rcpts);
	free(e);
}

static void
start(struct errand *e, struct message *m)
{
	e->m = m;
	TAILQ_INSERT_TAIL(&m->errands, e, next);
	e->fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 0);
	pool_submit(m->q->pool, work, done, e);
}

void
errand_word(struct message *m, size_t rcpt)
{
	struct errand *e = make(m->q, 1);

	add(e, &m->env->rcpts[rcpt]);
	start(e, m);
}

void
errand_words(struct message *m)
{
	struct errand *e = make(m->q, m->env->n_rcpts);

	for (size_t i = 0; i < m->env->n_rcpts; i++)
		if (m->env->rcpts[i].word != ENVELOPE_TODO)
			add(e, &m->env->rcpts[i]);
	/* until this fails, too */
	m->unwritten = false;
	start(e, m);
}

void
errand_forget(struct message *m)
{
	struct errand *e;

	while ((e = TAILQ_FIRST(&m->errands)) != NULL) {
		TAILQ_REMOVE(&m->errands, e, next);
		e->m = NULL;
	}
}

void
errand_remove(struct message *m)
{
	struct errand *e = make(m->q, m->env->n_rcpts);

	for (size_t i = 0; i < m->env->n_rcpts; i++)
		add(e, &m->env->rcpts[i]);
	e->file = mem_dup(m->file);
	e->fd = m->fd;
	m->fd = -1;
	pool_submit(m->q->pool, work, done, e);
}

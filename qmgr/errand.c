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

	/* if it was not written, recovery attempts again and finds the name */
	if (e->rc != RC_OK)
		LOG(QUEUE_ERROR, log_str("word"), log_str(e->why.text));
	/* what has nothing to do is removed when it is loaded */
	if (e->stays)
		idle_relist(e->q);
	io_close(&e->fd);
	free(e->file);
	free(e->rcpts);
	free(e);
}

void
errand_word(struct qmgr *q, int fd, const struct envelope_rcpt *r)
{
	struct errand *e = make(q, 1);

	add(e, r);
	e->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	pool_submit(q->pool, work, done, e);
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

/*
 * Small changes of a queue file: see errand.h.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/errand.h"
#include "lib/base/banned.h"

/* owns all it touches: the message may be gone meanwhile */
struct errand {
	const struct store *store;
	struct envelope_rcpt rcpt; /* its word and place only */
	int fd;
	char *file;
	struct why why;
	enum rc rc;
};

static void
work_remove(void *arg)
{
	struct errand *e = arg;

	store_remove(e->store, e->file);
}

static void
work_word(void *arg)
{
	struct errand *e = arg;

	e->rc = store_word(e->fd, &e->rcpt, &e->why);
}

static void
done(void *arg)
{
	struct errand *e = arg;

	/* if it was not written, recovery attempts again and finds the name */
	if (e->rc != RC_OK)
		LOG(QUEUE_ERROR, log_str("word"), log_str(e->why.text));
	io_close(&e->fd);
	free(e->file);
	free(e);
}

void
errand_word(struct qmgr *q, int fd, const struct envelope_rcpt *r)
{
	struct errand *e = mem_alloc(sizeof(*e));

	e->rcpt.word = r->word;
	e->rcpt.word_at = r->word_at;
	e->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	pool_submit(q->pool, work_word, done, e);
}

void
errand_remove(struct qmgr *q, const char *file)
{
	struct errand *e = mem_alloc(sizeof(*e));

	e->store = &q->store;
	e->file = mem_dup(file);
	e->fd = -1;
	pool_submit(q->pool, work_remove, done, e);
}

/*
 * Threads for what blocks: see pool.h. Two queues under one lock; an eventfd
 * tells the loop that jobs are done.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/ev/pool.h"
#include "lib/base/banned.h"

#define STACK_SIZE 262144

struct item {
	STAILQ_ENTRY(item) next;
	pool_work *work;
	pool_done *done;
	void *job;
};

STAILQ_HEAD(item_list, item);

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct item_list todo;
	struct item_list ready;
	int fd; /* eventfd */
	struct event *ev;
	size_t pending; /* touched by the loop only */
};

static void *
thread_main(void *arg)
{
	struct pool *p = arg;
	const uint64_t one = 1;

	for (;;) {
		struct item *item;
		bool first;

		pthread_mutex_lock(&p->lock);
		while ((item = STAILQ_FIRST(&p->todo)) == NULL)
			pthread_cond_wait(&p->wake, &p->lock);
		STAILQ_REMOVE_HEAD(&p->todo, next);
		pthread_mutex_unlock(&p->lock);

		item->work(item->job);

		pthread_mutex_lock(&p->lock);
		first = STAILQ_EMPTY(&p->ready);
		STAILQ_INSERT_TAIL(&p->ready, item, next);
		pthread_mutex_unlock(&p->lock);
		/* one wake-up serves all that are ready by then */
		if (first && write(p->fd, &one, sizeof(one)) < 0 &&
		    errno != EAGAIN)
			bug("eventfd");
	}
	return NULL;
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	struct item_list list;
	struct item *item;
	uint64_t n;

	(void)what;
	/* only resets the counter: the list says what is ready */
	(void)!read(fd, &n, sizeof(n));
	pthread_mutex_lock(&p->lock);
	list = p->ready;
	if (STAILQ_EMPTY(&list))
		STAILQ_INIT(&list); /* its end pointed into the pool */
	STAILQ_INIT(&p->ready);
	pthread_mutex_unlock(&p->lock);
	while ((item = STAILQ_FIRST(&list)) != NULL) {
		STAILQ_REMOVE_HEAD(&list, next);
		p->pending--;
		item->done(item->job);
		free(item);
	}
}

struct pool *
pool_new(struct event_base *base, unsigned threads)
{
	struct pool *p = mem_alloc(sizeof(*p));
	sigset_t all, old;
	pthread_attr_t attr;

	STAILQ_INIT(&p->todo);
	STAILQ_INIT(&p->ready);
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->ev = event_new(base, p->fd, EV_READ | EV_PERSIST, on_ready, p);
	if (p->fd < 0 || p->ev == NULL || event_add(p->ev, NULL) < 0 ||
	    pthread_mutex_init(&p->lock, NULL) != 0 ||
	    pthread_cond_init(&p->wake, NULL) != 0 ||
	    pthread_attr_init(&attr) != 0)
		fatal("thread pool");
	/* signals are for the loop's thread */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);     /* cannot fail */
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE); /* else default */
	for (unsigned i = 0; i < threads; i++) {
		pthread_t t;

		if (pthread_create(&t, &attr, thread_main, p) != 0 ||
		    pthread_detach(t) != 0)
			fatal("cannot start a thread");
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL); /* cannot fail */
	(void)pthread_attr_destroy(&attr);
	return p;
}

void
pool_submit(struct pool *p, pool_work *work, pool_done *done, void *job)
{
	struct item *item = mem_alloc(sizeof(*item));

	item->work = work;
	item->done = done;
	item->job = job;
	p->pending++;
	pthread_mutex_lock(&p->lock);
	STAILQ_INSERT_TAIL(&p->todo, item, next);
	pthread_mutex_unlock(&p->lock);
	/* behind the lock, or who wakes has to wait for it at once */
	pthread_cond_signal(&p->wake);
}

size_t
pool_pending(const struct pool *p)
{
	return p->pending;
}

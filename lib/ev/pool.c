/*
 * Threads for what blocks: see pool.h. A job goes to the thread that fell idle
 * last, whose stack and caches are warm, and which alone is woken; when all are
 * at work it waits in `todo`, under the lock. What is done goes back by a list
 * without a lock, and an eventfd tells the loop.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
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
	STAILQ_ENTRY(item) next; /* in `todo` */
	struct item *below;      /* in `ready` */
	pool_work *work;
	pool_done *done;
	void *job;
};

STAILQ_HEAD(item_list, item);

struct thread {
	SLIST_ENTRY(thread) next; /* in `idle` */
	struct pool *pool;
	struct item *item; /* given to it while it was idle */
	sem_t wake;
};

struct pool {
	pthread_mutex_t lock; /* of `todo` and `idle`, one of which is empty */
	struct item_list todo;
	SLIST_HEAD(, thread) idle;
	_Atomic(struct item *) ready; /* the newest on top */
	struct thread *threads;
	int fd; /* eventfd */
	struct event *ev;
	size_t pending; /* touched by the loop only */
};

/* The next job for a thread, which is waited for. */
static struct item *
next_item(struct pool *p, struct thread *t)
{
	struct item *item;

	pthread_mutex_lock(&p->lock);
	item = STAILQ_FIRST(&p->todo);
	if (item != NULL)
		STAILQ_REMOVE_HEAD(&p->todo, next);
	else
		SLIST_INSERT_HEAD(&p->idle, t, next);
	pthread_mutex_unlock(&p->lock);
	if (item != NULL)
		return item;
	while (sem_wait(&t->wake) < 0)
		if (errno != EINTR)
			bug("semaphore");
	return t->item;
}

static void
tell_ready(struct pool *p, struct item *item)
{
	struct item *below = atomic_load(&p->ready);
	const uint64_t one = 1;

	do
		item->below = below;
	while (!atomic_compare_exchange_weak(&p->ready, &below, item));
	/* from here on the item is the loop's. One wake-up serves all that are
	 * ready by then */
	if (below == NULL && write(p->fd, &one, sizeof(one)) < 0 &&
	    errno != EAGAIN)
		bug("eventfd");
}

static void *
thread_main(void *arg)
{
	struct thread *t = arg;

	for (;;) {
		struct item *item = next_item(t->pool, t);

		item->work(item->job);
		tell_ready(t->pool, item);
	}
	return NULL;
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct pool *p = arg;
	struct item *top, *first = NULL;
	uint64_t n;

	(void)what;
	/* only resets the counter: the list says what is ready */
	(void)!read(fd, &n, sizeof(n));
	top = atomic_exchange(&p->ready, NULL);
	/* in the order in which they became ready */
	while (top != NULL) {
		struct item *below = top->below;

		top->below = first;
		first = top;
		top = below;
	}
	while (first != NULL) {
		struct item *item = first;

		first = item->below;
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
	SLIST_INIT(&p->idle);
	p->threads = mem_array(threads, sizeof(*p->threads));
	p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->ev = event_new(base, p->fd, EV_READ | EV_PERSIST, on_ready, p);
	if (p->fd < 0 || p->ev == NULL || event_add(p->ev, NULL) < 0 ||
	    pthread_mutex_init(&p->lock, NULL) != 0 ||
	    pthread_attr_init(&attr) != 0)
		fatal("thread pool");
	/* signals are for the loop's thread */
	sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);     /* cannot fail */
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE); /* else default */
	for (unsigned i = 0; i < threads; i++) {
		struct thread *t = &p->threads[i];
		pthread_t id;

		t->pool = p;
		if (sem_init(&t->wake, 0, 0) < 0 ||
		    pthread_create(&id, &attr, thread_main, t) != 0 ||
		    pthread_detach(id) != 0)
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
	struct thread *t;

	item->work = work;
	item->done = done;
	item->job = job;
	p->pending++;
	pthread_mutex_lock(&p->lock);
	t = SLIST_FIRST(&p->idle);
	if (t != NULL)
		SLIST_REMOVE_HEAD(&p->idle, next);
	else
		STAILQ_INSERT_TAIL(&p->todo, item, next);
	pthread_mutex_unlock(&p->lock);
	if (t == NULL)
		return;
	t->item = item;
	if (sem_post(&t->wake) < 0)
		bug("semaphore");
}

/* One that never was in a queue. */
struct later {
	struct pool *pool;
	pool_done *done;
	void *job;
};

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	struct later *l = arg;

	(void)fd;
	(void)what;
	l->pool->pending--;
	l->done(l->job);
	free(l);
}

void
pool_later(struct pool *p, pool_done *done, void *job)
{
	struct later *l = mem_alloc(sizeof(*l));

	*l = (struct later){p, done, job};
	p->pending++;
	/* without a time: it is made active, and costs no system call */
	if (event_base_once(
		event_get_base(p->ev), -1, EV_TIMEOUT, on_later, l, NULL) < 0)
		bug("event_base_once");
}

size_t
pool_pending(const struct pool *p)
{
	return p->pending;
}

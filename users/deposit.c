/*
 * Deliveries with one user's rights: see deposit.h. The same jobs as in local
 * delivery, with one mailbox; each link is one local delivery worker's.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/directory/action.h"
#include "users/deposit.h"
#include "users/forward.h"
#include "lib/base/banned.h"

/* one user's mail: many at a time are rare, and share the disk anyway */
#define THREADS 4

struct deposit {
	struct service_env env;
	struct job_desk desk;
	size_t n_links;
	void (*left)(void *ctx); /* or NULL */
	void *left_ctx;
	struct stat mailbox; /* as this process was let into it */
	const struct forward_file *forward; /* or NULL: nothing is asked */
};

static void
check_idle(void *ctx)
{
	struct deposit *d = ctx;

	if (deposit_connections(d) == 0)
		d->env.on_idle(d->env.ctx);
}

/* What runs is finished, though nobody hears of it. */
size_t
deposit_connections(const void *state)
{
	const struct deposit *d = state;

	return d->n_links + !TAILQ_EMPTY(&d->desk.jobs);
}

/* As whom the user is known, at the first of the users' domains. */
static char *
address(const struct service_env *env)
{
	struct span name = span_of(env->account), action;
	struct buf b;
	char *text;

	(void)action_of_user(name, &name, &action); /* "\joe" */
	buf_init(&b, 1024);
	/* a name and a domain are short */
	(void)buf_putf(
	    &b, SPAN_FMT "@%s", SPAN_ARG(name), env->conf->users.domains.v[0]);
	text = span_dup(buf_span(&b));
	buf_fini(&b);
	return text;
}

struct deposit *
deposit_new(const struct service_env *env, unsigned threads)
{
	struct deposit *d = mem_alloc(sizeof(*d));

	d->env = *env;
	job_desk_init(&d->desk);
	d->desk.base = env->base;
	d->desk.mail.fd = -1;
	d->desk.pool = pool_new(env->base, threads);
	d->desk.on_end = check_idle;
	d->desk.ctx = d;
	return d;
}

struct job_desk *
deposit_desk(struct deposit *d)
{
	return &d->desk;
}

void
deposit_on_left(struct deposit *d, void (*left)(void *ctx), void *ctx)
{
	d->left = left;
	d->left_ctx = ctx;
}

/* In a thread: as the user's ~/.forward has it. */
static enum rc
deliver(void *ctx, const struct maildir_deliver *d,
    struct maildir_delivered *out, struct why *why)
{
	const struct deposit *p = ctx;

	if (forward_file_check(p->forward, why) != RC_OK)
		return RC_TEMP;
	if (forward_file_own(p->forward))
		return maildir_deliver(&p->desk.mail, d, out, why);
	out->size = d->size;
	return RC_OK;
}

void *
deposit_open(const struct service_env *env, struct why *why)
{
	struct deposit *d = deposit_new(env, THREADS);

	(void)why;
	d->desk.maildir = mem_dup(env->maildir);
	(void)stat(env->maildir, &d->mailbox); /* else the first one fails */
	d->desk.account = address(env);
	d->forward = env->forward;
	if (d->forward != NULL) {
		d->desk.deliver = deliver;
		d->desk.deliver_ctx = d;
		d->desk.forward = forward_file_targets(d->forward);
	}
	return d;
}

/*
 * The user may remove or replace ~/Maildir at any time, and change ~/.forward.
 * This process is let into the folder that was there when it began, and into no
 * other, and has read the file then: the next one makes a new folder, or finds
 * it, and reads what the file says now.
 */
static bool
has_moved(const struct deposit *d)
{
	struct stat st;

	if (d->forward != NULL && forward_file_changed(d->forward))
		return true;
	return stat(d->desk.maildir, &st) < 0 ||
	       st.st_ino != d->mailbox.st_ino || st.st_dev != d->mailbox.st_dev;
}

static void
on_deliver(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct deposit *d = ctx;

	if (d->desk.maildir != NULL && has_moved(d))
		_exit(0); /* what is under way is asked for again */
	job_start(&d->desk, link, &msg->deliver);
}

static void
on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct deposit *d = ctx;

	(void)why; /* the other end tells it */
	job_desk_left(&d->desk, link);
	ipc_link_free(&link);
	d->n_links--;
	if (d->n_links == 0 && d->left != NULL)
		d->left(d->left_ctx);
	check_idle(d);
}

static ipc_handler *const handlers[MSG_COUNT] = {
    [MSG_DELIVER] = on_deliver,
};

void
deposit_take(void *state, int fd, int watch)
{
	struct deposit *d = state;

	io_close(&watch);
	d->n_links++;
	(void)ipc_link_new(&(struct ipc_link_args){.base = d->env.base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_closed,
	    .ctx = d,
	    .fd = fd,
	    .self = ROLE_SESSION,
	    .peer = ROLE_LOCAL,
	    .phase = IPC_RUN}); /* freed when closed */
}

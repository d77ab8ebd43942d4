/*
 * The life of each worker: see supervise.h. Owns the list of processes; every
 * change of p->state is in this file or launch.c.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "master/channel.h"
#include "master/clients.h"
#include "master/compile.h"
#include "master/control.h"
#include "master/launch.h"
#include "master/reload.h"
#include "master/supervise.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

#define START_MS       60000 /* a snapshot or an index may have to be read */
#define STABLE_MS      60000 /* living so long, a worker's past is forgotten */
#define STOP_MS        30000
#define DRAIN_MS       3600000 /* a new generation serves: no hurry */
#define BACKOFF_MS     100
#define BACKOFF_MAX    30000
#define DEATHS_FAILING 5

typedef void handler(struct proc *p);

static void
set_timer(struct proc *p, uint64_t ms)
{
	struct timeval tv = {(time_t)(ms / 1000), (int)(ms % 1000) * 1000};

	evtimer_add(p->timer, &tv);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	supervise_event(arg, SUPERVISE_TIMER);
}

static void
gone(struct proc *p)
{
	struct master *m = p->m;

	TAILQ_REMOVE(&m->procs, p, next);
	channel_forget(p);
	ipc_link_free(&p->link);
	event_free(p->timer);
	free(p);
	if (m->stopping && TAILQ_EMPTY(&m->procs))
		event_base_loopexit(m->base, NULL);
}

static uint64_t
backoff_ms(const struct proc *p)
{
	uint64_t ms = BACKOFF_MS;

	for (uint32_t i = 1; i < p->deaths && ms < BACKOFF_MAX; i++)
		ms *= 2;
	return ms < BACKOFF_MAX ? ms : BACKOFF_MAX;
}

static void
back_off(struct proc *p)
{
	p->deaths++;
	p->pid = 0;
	p->state = PROC_BACKOFF;
	channel_forget(p);
	ipc_link_free(&p->link);
	if (p->deaths == DEATHS_FAILING)
		LOG(WORKER_FAILING, log_str(role_name(p->row->role)),
		    log_num(p->index), log_num(p->deaths));
	set_timer(p, backoff_ms(p));
}

static void
launch(struct proc *p)
{
	struct why why;

	if (launch_proc(p, &why) == RC_OK) {
		set_timer(p, START_MS);
		return;
	}
	LOG(MASTER_ERROR, log_str(role_name(p->row->role)), log_str(why.text));
	/* started but killed again: its exit leads to the back-off */
	if (p->pid == 0)
		back_off(p);
}

static void
become_ready(struct proc *p)
{
	p->state = PROC_RUNNING;
	set_timer(p, STABLE_MS);
	LOG(WORKER_READY, log_str(role_name(p->row->role)), log_num(p->index),
	    log_num((uint64_t)p->pid), log_num(p->layers),
	    log_num(p->landlock_abi));
	reload_progress(p->m);
}

static void
forget_deaths(struct proc *p)
{
	p->deaths = 0;
}

static void
kill_proc(struct proc *p)
{
	LOG(WORKER_STUCK, log_str(role_name(p->row->role)), log_num(p->index),
	    log_num((uint64_t)p->pid), log_str(supervise_state_name(p->state)));
	(void)kill(p->pid, SIGKILL); /* our own child, not yet reaped */
}

static void
kill_and_leave(struct proc *p)
{
	p->state = PROC_DRAINING;
	(void)kill(p->pid, SIGKILL); /* our own child, not yet reaped */
}

static void
drain(struct proc *p)
{
	p->state = PROC_DRAINING;
	proto_send_drain(p->link, &(struct msg_drain){p->m->stopping});
	set_timer(p, p->m->stopping ? STOP_MS : DRAIN_MS);
}

static void
ignore(struct proc *p)
{
	(void)p;
}

static handler *const table[PROC_STATES][SUPERVISE_EVENTS] = {
    [PROC_STARTING] = {become_ready, back_off, kill_proc, kill_and_leave},
    [PROC_RUNNING] = {ignore, back_off, forget_deaths, drain},
    [PROC_DRAINING] = {ignore, gone, kill_proc, drain},
    [PROC_BACKOFF] = {ignore, ignore, launch, gone},
};

void
supervise_event(struct proc *p, enum supervise_event event)
{
	table[p->state][event](p);
}

const char *
supervise_state_name(enum proc_state state)
{
	static const char *const names[] = {
	    "starting", "running", "draining", "back-off"};

	return names[state];
}

static void
on_ready(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct proc *p = ctx;

	p->layers = msg->ready.layers;
	p->landlock_abi = msg->ready.landlock_abi;
	ipc_link_phase(link, IPC_RUN);
	supervise_event(p, SUPERVISE_READY);
}

/*
 * A channel broke while both live, as far as p knows: neither side would hear
 * of the other again. By SIGKILL: nobody knows what the one that is trusted
 * less has turned into, and what it does must not go on beside its successor.
 */
static void
on_bad_peer(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct proc *p = ctx;
	struct proc *weaker = channel_broken(p, msg->bad_peer.channel);

	(void)link;
	LOG(LINK_BAD, log_str(role_name(p->row->role)),
	    log_str(role_name((enum role)msg->bad_peer.role)),
	    log_num(p->index), log_text(msg->bad_peer.reason));
	if (weaker == NULL || weaker->pid == 0)
		return;
	LOG(WORKER_CUT, log_str(role_name(weaker->row->role)),
	    log_num(weaker->index), log_num((uint64_t)weaker->pid));
	(void)kill(weaker->pid, SIGKILL); /* our own child, not yet reaped */
}

static void
on_status(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct proc *p = ctx;

	(void)link;
	control_on_status(p, msg->status.id, msg->status.text);
}

static void
on_stale(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct proc *p = ctx;

	(void)link;
	/* only callers are ever too many */
	(void)compile_start(
	    p->m, p->row->role, p->index, msg->directory_stale.id);
}

ipc_handler *const supervise_handlers[MSG_COUNT] = {
    [MSG_READY] = on_ready,
    [MSG_BAD_PEER] = on_bad_peer,
    [MSG_STATUS] = on_status,
    [MSG_DIRECTORY_STALE] = on_stale,
};

/* The end of the process is what counts; it follows, or is made to. */
void
supervise_on_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct proc *p = ctx;

	(void)link;
	if (why != NULL)
		LOG(LINK_BAD, log_str("master"),
		    log_str(role_name(p->row->role)), log_num(p->index),
		    log_str(why->text));
	if (why != NULL && p->pid > 0)
		(void)kill(p->pid, SIGKILL); /* our own child, not reaped */
}

static struct proc *
find_pid(struct master *m, pid_t pid)
{
	struct proc *p;

	TAILQ_FOREACH (p, &m->procs, next)
		if (p->pid == pid)
			return p;
	return NULL;
}

static void
reaped(struct proc *p, int status)
{
	bool by_signal = WIFSIGNALED(status);
	int code = by_signal ? WTERMSIG(status) : WEXITSTATUS(status);

	if (p->state == PROC_DRAINING && status == 0)
		LOG(WORKER_DONE, log_str(role_name(p->row->role)),
		    log_num(p->index), log_num((uint64_t)p->pid));
	else
		LOG(WORKER_EXIT, log_str(role_name(p->row->role)),
		    log_num(p->index), log_num((uint64_t)p->pid),
		    log_str(by_signal ? "signal" : "exit"),
		    log_num((uint64_t)code), log_num(backoff_ms(p)));
	clients_bury(p);
	p->pid = 0;
	supervise_event(p, SUPERVISE_EXIT);
}

void
supervise_reap(struct master *m)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct proc *p = find_pid(m, pid);

		if (p == NULL)
			compile_on_exit(m, pid, status);
		else
			reaped(p, status);
	}
}

static void
start_one(struct master *m, const struct worker_row *row, uint32_t index)
{
	struct proc *p = mem_alloc(sizeof(*p));

	p->m = m;
	p->row = row;
	p->index = index;
	p->generation = m->generation;
	p->timer = evtimer_new(m->base, on_timer, p);
	if (p->timer == NULL)
		bug("evtimer_new");
	TAILQ_INSERT_TAIL(&m->procs, p, next);
	launch(p);
}

void
supervise_start_all(struct master *m, bool singles_too)
{
	for (size_t i = 0; i < workers_n; i++) {
		const struct worker_row *row = &workers[i];

		if (row->single && !singles_too)
			continue;
		for (uint32_t k = 0; k < row->count(m->conf); k++)
			start_one(m, row, k);
	}
}

void
supervise_stop_all(struct master *m)
{
	struct proc *p, *after;

	m->stopping = true;
	if (TAILQ_EMPTY(&m->procs))
		event_base_loopexit(m->base, NULL);
	for (p = TAILQ_FIRST(&m->procs); p != NULL; p = after) {
		after = TAILQ_NEXT(p, next);
		supervise_event(p, SUPERVISE_DRAIN);
	}
}

bool
supervise_all_running(const struct master *m, uint32_t generation)
{
	const struct proc *p;

	TAILQ_FOREACH (p, &m->procs, next)
		if (p->generation == generation && p->state != PROC_RUNNING &&
		    p->state != PROC_DRAINING)
			return false;
	return true;
}

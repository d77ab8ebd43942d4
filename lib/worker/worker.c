/*
 * The skeleton of every worker: see worker.h. Owns the event base, the link
 * to master and the order in which rights are given up.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "lib/worker/worker.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

#define MASTER_FD 3
#define LINKS_MAX 256

/* set-up as told by master, next to what the worker itself may see */
struct setup {
	struct worker w;
	struct workers_rights rights;
	bool started;
	bool ready;
	char *directory; /* first snapshot */
	/* channels that came before the worker could serve them */
	size_t n_links;
	struct link_row {
		uint32_t role;
		uint32_t channel;
		int fd;
	} links[LINKS_MAX];
};

static struct setup *
setup_of(const struct worker *w)
{
	/* w is the first member of the only struct setup there is */
	return (struct setup *)(uintptr_t)w;
}

void
worker_fatal(struct worker *w, const struct why *why)
{
	LOG(WORKER_FATAL, log_str(role_name(w->ops->role)), log_str(why->text));
	exit(1);
}

static void
on_setup(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct setup *s = ctx;

	(void)link;
	s->rights.unconfined = s->w.ops->as_root;
	s->rights.set_ids = msg->setup.set_ids != 0;
	s->rights.uid = msg->setup.uid;
	s->rights.gid = msg->setup.gid;
	if (msg->setup.chroot.n > 0)
		s->rights.chroot = span_dup(msg->setup.chroot);
	s->rights.landlock_abi = msg->setup.landlock_abi;
	s->rights.required = msg->setup.required != 0;
	s->w.index = msg->setup.index;
	s->w.generation = msg->setup.generation;
	log_open(STDERR_FILENO, role_name(s->w.ops->role), LOG_INFO,
	    msg->setup.journal != 0);
}

static void
on_conf(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct setup *s = ctx;
	struct conf *conf = NULL;
	struct why why;

	(void)link;
	if (conf_decode(msg->conf.text, &conf, &why) != RC_OK)
		worker_fatal(&s->w, &why);
	conf_free(&s->w.conf);
	s->w.conf = conf;
	log_level((enum log_level)(LOG_ERROR + conf->log.level));
	if (s->ready && s->w.ops->on_conf != NULL)
		s->w.ops->on_conf(&s->w);
}

static void
on_path(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct workers_rights *r = &((struct setup *)ctx)->rights;

	(void)link;
	if (r->n_paths == WORKER_PATHS_MAX)
		bug("too many paths");
	r->paths[r->n_paths++] =
	    (struct workers_right){span_dup(msg->path.name),
		span_dup(msg->path.path), msg->path.access};
}

static void
on_listener(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct setup *s = ctx;

	(void)link;
	if (s->w.ops->on_listener == NULL)
		return;
	s->w.ops->on_listener(
	    &s->w, msg->listener.service, msg->listener.socket);
	msg->listener.socket = -1;
}

static void
on_file(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct setup *s = ctx;

	(void)link;
	if (s->w.ops->on_file == NULL)
		return;
	s->w.ops->on_file(&s->w, msg->file.name, msg->file.file);
	msg->file.file = -1;
}

static void
hand_over(struct setup *s, const struct link_row *l)
{
	int fd = l->fd;

	s->w.channel = l->channel;
	if (s->w.ops->on_link == NULL || l->role >= ROLE_COUNT)
		io_close(&fd);
	else
		s->w.ops->on_link(&s->w, (enum role)l->role, fd);
	s->w.channel = 0;
}

static void
on_link(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct setup *s = ctx;
	struct link_row l = {
	    msg->link.role, msg->link.channel, msg->link.socket};

	(void)link;
	msg->link.socket = -1;
	if (s->ready)
		hand_over(s, &l);
	else if (s->n_links == LINKS_MAX)
		bug("too many channels");
	else
		s->links[s->n_links++] = l;
}

static void
on_directory(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct setup *s = ctx;
	char name[64];

	(void)link;
	if (s->w.ops->on_directory != NULL &&
	    span_copy(msg->directory.name, name, sizeof(name)))
		s->w.ops->on_directory(&s->w, name);
}

static void
on_start(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct setup *s = ctx;

	(void)link;
	s->directory = span_dup(msg->start.directory);
	s->started = true;
}

static void
on_drain(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct setup *s = ctx;

	(void)link;
	s->w.draining = true;
	if (msg->drain.stop != 0)
		s->w.stopping = true;
	if (s->w.ops->on_drain != NULL)
		s->w.ops->on_drain(&s->w);
	else
		worker_done(&s->w);
}

static void
on_status_ask(void *ctx, struct ipc_link *link, union ipc_msg *msg)
{
	struct setup *s = ctx;
	struct buf b;

	buf_init(&b, 4096);
	if (s->w.ops->on_status != NULL)
		s->w.ops->on_status(&s->w, &b);
	proto_send_status(
	    link, &(struct msg_status){msg->status_ask.id, buf_span(&b)});
	buf_fini(&b);
}

static ipc_handler *const common_handlers[MSG_COUNT] = {
    [MSG_SETUP] = on_setup,
    [MSG_CONF] = on_conf,
    [MSG_PATH] = on_path,
    [MSG_LISTENER] = on_listener,
    [MSG_FILE] = on_file,
    [MSG_LINK] = on_link,
    [MSG_DIRECTORY] = on_directory,
    [MSG_START] = on_start,
    [MSG_DRAIN] = on_drain,
    [MSG_STATUS_ASK] = on_status_ask,
};

/* Without master there is nobody to restart, reload or stop us. */
static void
on_master_closed(void *ctx, struct ipc_link *link, const struct why *why)
{
	struct setup *s = ctx;

	(void)link;
	if (why != NULL)
		worker_fatal(&s->w, why);
	_exit(0);
}

static void
enter_sandbox(struct setup *s)
{
	struct sandbox_path paths[WORKER_PATHS_MAX];
	struct sandbox_setup setup;
	struct sandbox_report report;
	struct msg_ready ready;
	struct why why;

	workers_sandbox(s->w.ops->role, &s->rights, paths, &setup);
	setup.limits.descriptors = s->w.ops->files_max;
	if (sandbox_enter(&setup, &report, &why) != RC_OK)
		worker_fatal(&s->w, &why);
	ready = (struct msg_ready){
	    .layers = (report.ids ? WORKER_LAYER_IDS : 0U) |
		      (report.chroot ? WORKER_LAYER_CHROOT : 0U) |
		      (report.caps ? WORKER_LAYER_CAPS : 0U) |
		      (report.no_new_privs ? WORKER_LAYER_NO_NEW_PRIVS : 0U) |
		      (report.landlock_abi > 0 ? WORKER_LAYER_LANDLOCK : 0U) |
		      (report.seccomp ? WORKER_LAYER_SECCOMP : 0U),
	    .landlock_abi = report.landlock_abi};
	if (s->w.ops->on_start != NULL)
		s->w.ops->on_start(&s->w);
	if (s->w.ops->on_directory != NULL && s->directory[0] != '\0')
		s->w.ops->on_directory(&s->w, s->directory);
	s->ready = true;
	for (size_t i = 0; i < s->n_links; i++)
		hand_over(s, &s->links[i]);
	proto_send_ready(s->w.master, &ready);
	ipc_link_phase(s->w.master, IPC_RUN);
}

/* The common rows, with the worker's own beside them. */
static ipc_handler **
all_handlers(const struct worker_ops *ops)
{
	ipc_handler **all = mem_array(MSG_COUNT, sizeof(*all));

	for (size_t i = 0; i < MSG_COUNT; i++)
		all[i] = common_handlers[i] != NULL || ops->handlers == NULL
			     ? common_handlers[i]
			     : ops->handlers[i];
	return all;
}

int
worker_main(const struct worker_ops *ops, int argc, char **argv)
{
	struct setup *s = mem_alloc(sizeof(*s));
	ipc_handler **handlers = all_handlers(ops);

	if (argc != 2 || !span_eq(span_of(argv[1]), SPAN_LIT("--worker")))
		fatal("%s is started by mailstead-master", argv[0]);
	log_open(STDERR_FILENO, role_name(ops->role), LOG_INFO, false);
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for this signal */
	(void)signal(SIGINT, SIG_IGN);  /* Ctrl-C is for master to handle */
	tzset(); /* reads its file before the sandbox closes */
	s->w.ops = ops;
	s->w.base = event_base_new();
	if (s->w.base == NULL || fcntl(MASTER_FD, F_SETFD, FD_CLOEXEC) < 0)
		fatal("no event loop or no master");
	s->w.master = ipc_link_new(&(struct ipc_link_args){.base = s->w.base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_master_closed,
	    .ctx = s,
	    .fd = MASTER_FD,
	    .self = ops->role,
	    .peer = ROLE_MASTER,
	    .phase = IPC_SETUP});
	if (!ipc_link_wait(s->w.master, &s->started))
		return 1;
	if (ops->on_open != NULL)
		ops->on_open(&s->w);
	enter_sandbox(s);
	event_base_dispatch(s->w.base);
	return 0;
}

void
worker_done(struct worker *w)
{
	event_base_loopexit(w->base, NULL);
}

const char *
worker_path(const struct worker *w, const char *name)
{
	const struct workers_rights *r = &setup_of(w)->rights;

	for (size_t i = 0; i < r->n_paths; i++)
		if (span_eq(span_of(r->paths[i].name), span_of(name)))
			return r->paths[i].path;
	bug("a path that master did not name");
}

/* each argument is one fact of the link: a struct would only rename them */
/* NOLINTBEGIN(readability-function-size) */
struct ipc_link *
worker_link_new(struct worker *w, enum role peer, int fd,
    ipc_handler *const *handlers, ipc_closed *on_closed, void *ctx)
{
	return ipc_link_new(&(struct ipc_link_args){.base = w->base,
	    .schema = proto_schema(),
	    .handlers = handlers,
	    .on_closed = on_closed,
	    .ctx = ctx,
	    .fd = fd,
	    .self = w->ops->role,
	    .peer = peer,
	    .phase = IPC_RUN,
	    .tag = w->channel});
}
/* NOLINTEND(readability-function-size) */

void
worker_link_closed(
    struct worker *w, const struct ipc_link *link, const struct why *why)
{
	enum role peer = (enum role)ipc_link_peer(link);

	if (why == NULL)
		return;
	LOG(LINK_BAD, log_str(role_name(w->ops->role)),
	    log_str(role_name(peer)), log_num(w->index), log_str(why->text));
	proto_send_bad_peer(
	    w->master, &(struct msg_bad_peer){
			   peer, ipc_link_tag(link), span_of(why->text)});
}

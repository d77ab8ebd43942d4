/*
 * Starting one worker: see launch.h.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/log/log.h"
#include "lib/users/user.h"
#include "master/certificates.h"
#include "master/channel.h"
#include "master/clients.h"
#include "master/compile.h"
#include "master/launch.h"
#include "master/supervise.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

/* of a message, with room for its head */
#define CONF_MAX  (IPC_FRAME_MAX - 64)
#define WORKER_FD 3 /* as in lib/worker */

/* in the child: only descriptors 0, 1, 2 and the link to master stay */
static void
exec_worker(const struct proc *p, int fd)
{
	char path[4096];
	char *const argv[] = {
	    (char *)(uintptr_t)p->row->program, (char[]){"--worker"}, NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail */
	for (int sig = 1; sig < 32; sig++)
		(void)signal(sig, SIG_DFL); /* fails for SIGKILL, SIGSTOP */
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    (fd == WORKER_FD ? fcntl(fd, F_SETFD, 0) : dup2(fd, WORKER_FD)) < 0)
		_exit(126);
	if (snprintf(path, sizeof(path), "%s/%s", p->m->libexec,
		p->row->program) < (int)sizeof(path))
		execv(path, argv);
	/* master sees the status and logs it */
	_exit(127);
}

static void
send_listeners(struct proc *p)
{
	struct listener *l;

	for (const char *const *s = p->row->services; s != NULL && *s != NULL;
	     s++)
		TAILQ_FOREACH (l, &p->m->listeners, next)
			if (l->keep &&
			    span_eq(span_of(l->service), span_of(*s)))
				proto_send_listener(
				    p->link, &(struct msg_listener){span_of(*s),
						 span_of(l->address), l->fd});
}

static void
send_rights(struct proc *p, const struct workers_rights *r)
{
	proto_send_setup(
	    p->link, &(struct msg_setup){.index = p->index,
			 .generation = p->generation,
			 .set_ids = r->set_ids,
			 .uid = r->uid,
			 .gid = r->gid,
			 .chroot = span_of(r->chroot == NULL ? "" : r->chroot),
			 .landlock_abi = r->landlock_abi,
			 .required = r->required,
			 .journal = p->m->journal});
	for (size_t i = 0; i < r->n_paths; i++)
		proto_send_path(p->link,
		    &(struct msg_path){span_of(r->paths[i].name),
			span_of(r->paths[i].path), r->paths[i].access});
}

static enum rc
send_file(struct proc *p, const char *option, const char *path, struct why *why)
{
	int fd;

	if (path[0] == '\0')
		return RC_OK;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return why_sys(
		    why, RC_PERM, "5.3.5", "relay.%s: %s", option, path);
	proto_send_file(p->link, &(struct msg_file){span_of(option), fd});
	io_close(&fd);
	return RC_OK;
}

/* One that is missing does not keep back the other. */
enum rc
launch_send_passwords(struct proc *p, struct why *why)
{
	const struct conf *conf = p->m->conf;
	enum rc one, table;

	if (!p->row->relay)
		return RC_OK;
	one = send_file(p, "password_file", conf->relay.password_file, why);
	table = send_file(p, "passwords", conf->relay.passwords, why);
	return one != RC_OK ? one : table;
}

static enum rc
send_setup(struct proc *p, struct why *why)
{
	struct workers_rights rights;
	struct buf text;
	enum rc rc =
	    workers_rights(p->row, p->m->conf, p->m->root, &rights, why);

	if (rc == RC_OK)
		send_rights(p, &rights);
	workers_rights_fini(&rights);
	if (rc != RC_OK)
		return rc;
	buf_init(&text, CONF_MAX);
	if (!conf_encode(p->m->conf, p->row->sections, &text)) {
		buf_fini(&text);
		return why_set(why, RC_PERM, "5.3.5",
		    "the configuration is too large for one message");
	}
	proto_send_conf(p->link, &(struct msg_conf){buf_span(&text)});
	buf_fini(&text);
	send_listeners(p);
	clients_send(p);
	/* without them mail for those hosts waits: no reason to take none */
	if (launch_send_passwords(p, why) != RC_OK)
		LOG(MASTER_ERROR, log_str(role_name(p->row->role)),
		    log_str(why->text));
	if (certificates_send(p, why) != RC_OK)
		return RC_PERM;
	if (channel_open_all(p, why) != RC_OK)
		return RC_TEMP;
	proto_send_start(
	    p->link, &(struct msg_start){span_of(compile_current(p->m))});
	return RC_OK;
}

enum rc
launch_proc(struct proc *p, struct why *why)
{
	int fds[2];
	enum rc rc;

	if (channel_pair(fds) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", "socketpair");
	p->pid = fork();
	if (p->pid == 0)
		exec_worker(p, fds[1]);
	io_close(&fds[1]);
	if (p->pid < 0) {
		p->pid = 0;
		io_close(&fds[0]);
		return why_sys(why, RC_TEMP, "4.3.0", "fork");
	}
	p->state = PROC_STARTING;
	p->started_ms = clock_mono_ms();
	p->layers = 0;
	p->link = ipc_link_new(&(struct ipc_link_args){.base = p->m->base,
	    .schema = proto_schema(),
	    .handlers = supervise_handlers,
	    .on_closed = supervise_on_closed,
	    .ctx = p,
	    .fd = fds[0],
	    .self = ROLE_MASTER,
	    .peer = p->row->role,
	    .phase = IPC_SETUP});
	LOG(WORKER_START, log_str(role_name(p->row->role)), log_num(p->index),
	    log_num((uint64_t)p->pid), log_num(p->generation));
	rc = send_setup(p, why);
	if (rc != RC_OK)
		(void)kill(p->pid, SIGKILL); /* gone already is as good */
	return rc;
}

enum rc
launch_conf_fits(const struct conf *conf, struct why *why)
{
	struct user user = {0};
	enum rc rc = RC_OK;

	if (user_needed(conf) && geteuid() != 0)
		rc = why_set(why, RC_PERM, "5.3.5",
		    "users.domains, delivery.program_user: only root can "
		    "become users of the system");
	if (rc == RC_OK && conf->delivery.program_user[0] != '\0')
		rc = user_of_programs(conf, &user, why);
	user_fini(&user);
	for (size_t i = 0; rc == RC_OK && i < workers_n; i++) {
		struct buf text;

		buf_init(&text, CONF_MAX);
		if (!conf_encode(conf, workers[i].sections, &text))
			rc = why_set(why, RC_PERM, "5.3.5",
			    "domains: too many, together more than %d bytes",
			    (int)CONF_MAX);
		buf_fini(&text);
	}
	return rc;
}

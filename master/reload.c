/*
 * Taking up a changed configuration: see reload.h. Owns both configurations
 * while it is under way; m->conf is the one that new workers get.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "master/compile.h"
#include "master/folders.h"
#include "master/launch.h"
#include "master/listen.h"
#include "master/notify.h"
#include "master/reload.h"
#include "master/supervise.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

#define PATIENCE_S 60
#define REPORT_MAX 32768

struct reload {
	struct conf *old;
	uint32_t old_generation;
	bool compiling; /* the directory, before anything is started */
	struct event *timer;
	reload_done *done;
	void *ctx;
};

static void
finish(struct master *m, enum rc rc, struct span text)
{
	struct reload *r = m->reload;

	m->reload = NULL;
	notify_state(m, "READY=1");
	LOG(MASTER_RELOAD, log_num(m->generation),
	    log_str(rc == RC_OK ? "done" : "failed"));
	if (r->done != NULL)
		r->done(r->ctx, rc, text);
	event_free(r->timer);
	conf_free(&r->old);
	free(r);
}

static void
drain_generation(struct master *m, uint32_t generation)
{
	struct proc *p, *after;

	for (p = TAILQ_FIRST(&m->procs); p != NULL; p = after) {
		after = TAILQ_NEXT(p, next);
		if (p->generation == generation && !p->row->single &&
		    p->state != PROC_DRAINING)
			supervise_event(p, SUPERVISE_DRAIN);
	}
}

static void
give_up(struct master *m, struct span reason)
{
	struct conf *failed = m->conf;
	struct why why;

	drain_generation(m, m->generation);
	m->generation = m->reload->old_generation;
	m->conf = m->reload->old;
	m->reload->old = NULL;
	/* every address of the old one is still bound: this only marks */
	(void)listen_open(m, m->conf, &why);
	listen_close_unused(m);
	conf_free(&failed);
	log_level((enum log_level)(LOG_ERROR + m->conf->log.level));
	finish(m, RC_PERM, reason);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	give_up(arg,
	    SPAN_LIT("the new workers did not come up: see the log; the old "
		     "ones serve on with the old configuration"));
}

/* singles stay; they get their new configuration in place */
static void
tell_singles(struct master *m)
{
	struct proc *p;

	TAILQ_FOREACH (p, &m->procs, next) {
		struct why why;
		struct buf text;

		if (!p->row->single || p->link == NULL)
			continue;
		p->generation = m->generation;
		buf_init(&text, IPC_FRAME_MAX - 64);
		if (conf_encode(m->conf, p->row->sections, &text))
			proto_send_conf(
			    p->link, &(struct msg_conf){buf_span(&text)});
		buf_fini(&text);
		/* the old password is better than none */
		if (launch_send_passwords(p, &why) != RC_OK)
			LOG(MASTER_ERROR, log_str("reload"), log_str(why.text));
	}
}

void
reload_progress(struct master *m)
{
	if (!m->ready && supervise_all_running(m, m->generation)) {
		m->ready = true;
		notify_state(m, "READY=1");
		LOG(MASTER_READY, log_num(m->generation),
		    log_num(clock_mono_ms() - m->start_ms));
	}
	if (m->reload == NULL || m->reload->compiling ||
	    !supervise_all_running(m, m->generation))
		return;
	tell_singles(m);
	drain_generation(m, m->reload->old_generation);
	listen_close_unused(m);
	finish(m, RC_OK, SPAN_LIT("reloaded"));
}

/* what a running suite cannot change under its feet */
static enum rc
check_fixed(const struct conf *old, const struct conf *new, struct why *why)
{
	const char *const paths[][3] = {
	    {"paths.spool", old->paths.spool, new->paths.spool},
	    {"paths.state", old->paths.state, new->paths.state},
	    {"paths.run", old->paths.run, new->paths.run},
	    {"paths.mail", old->paths.mail, new->paths.mail},
	};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (!span_eq(span_of(paths[i][1]), span_of(paths[i][2])))
			return why_set(why, RC_PERM, "5.3.5",
			    "%s: to change it, stop, move the folder, start",
			    paths[i][0]);
	if (old->sandbox.uid_base != new->sandbox.uid_base)
		return why_set(why, RC_PERM, "5.3.5",
		    "sandbox.uid_base: to change it, stop, change the owners "
		    "of the files, start");
	return RC_OK;
}

static enum rc
load(struct master *m, struct conf **conf, struct buf *errors)
{
	struct why why;
	enum rc rc;
	int fd = open(m->conf_path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0) {
		why_sys(&why, RC_PERM, "5.3.5", "%s", m->conf_path);
		buf_puts(errors, why.text);
		return RC_PERM;
	}
	rc = conf_load(fd, m->conf_path, conf, errors);
	io_close(&fd);
	return rc;
}

enum rc
reload_start(struct master *m, reload_done *done, void *ctx)
{
	struct timeval patience = {PATIENCE_S, 0};
	struct conf *conf = NULL;
	struct buf errors;
	struct why why;
	enum rc rc = RC_WAIT;

	buf_init(&errors, REPORT_MAX);
	if (m->reload != NULL || !m->ready || m->stopping) {
		rc = RC_PERM;
		buf_puts(&errors, "not now: starting, reloading or stopping");
	} else if (load(m, &conf, &errors) != RC_OK) {
		rc = RC_PERM;
	} else if (check_fixed(m->conf, conf, &why) != RC_OK ||
		   launch_conf_fits(conf, &why) != RC_OK ||
		   folders_make(m, conf, &why) != RC_OK ||
		   listen_open(m, conf, &why) != RC_OK) {
		rc = RC_PERM;
		buf_puts(&errors, why.text);
	}
	if (rc != RC_WAIT) {
		LOG(MASTER_CONFIG, log_text(buf_span(&errors)));
		done(ctx, rc, buf_span(&errors));
		conf_free(&conf);
		buf_fini(&errors);
		return rc;
	}
	buf_fini(&errors);
	notify_state(m, "RELOADING=1");
	m->reload = mem_alloc(sizeof(*m->reload));
	*m->reload = (struct reload){.old = m->conf,
	    .timer = evtimer_new(m->base, on_timeout, m),
	    .done = done,
	    .ctx = ctx};
	if (m->reload->timer == NULL)
		bug("evtimer_new");
	evtimer_add(m->reload->timer, &patience);
	m->reload->old_generation = m->generation;
	m->reload->compiling = true;
	m->conf = conf;
	/* a number is never used again: the old may be draining still */
	m->generation = ++m->generations;
	log_level((enum log_level)(LOG_ERROR + conf->log.level));
	/* only callers are ever too many */
	(void)compile_start(m, ROLE_MASTER, 0, 0);
	return RC_WAIT;
}

void
reload_compiled(struct master *m, bool ok)
{
	if (m->reload == NULL || !m->reload->compiling)
		return;
	m->reload->compiling = false;
	if (ok)
		supervise_start_all(m, false);
	else
		give_up(m,
		    SPAN_LIT("accounts or aliases cannot be taken up: see the "
			     "log; all serves on as before"));
}

void
reload_forget(struct master *m, const void *ctx)
{
	if (m->reload != NULL && m->reload->ctx == ctx)
		m->reload->done = NULL;
}

void
reload_drop(struct master *m)
{
	if (m->reload != NULL)
		finish(m, RC_PERM, SPAN_LIT("stopping"));
}

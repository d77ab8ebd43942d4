/*
 * mailstead-qmgr: the sole owner of the queue. Takes commits from smtpd,
 * gives attempts to the delivery workers, makes the queue durable.
 */
#include <stdlib.h>

#include "lib/base/enc.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "qmgr/agent.h"
#include "qmgr/history.h"
#include "qmgr/idle.h"
#include "qmgr/intake.h"
#include "qmgr/manage.h"
#include "qmgr/recover.h"
#include "qmgr/schedule.h"
#include "lib/base/banned.h"

#define ROOM_S      5
#define DRAIN_MS    20
#define TROUBLE_MAX 512 /* bytes of it in the status */

static struct qmgr qmgr;

static void
on_link(struct worker *w, enum role peer, int fd)
{
	(void)w;
	if (peer == ROLE_SMTPD)
		intake_new(&qmgr, fd);
	else if (peer == ROLE_LOCAL || peer == ROLE_REMOTE)
		agent_new(&qmgr, peer, fd);
	else if (peer == ROLE_CTL)
		manage_new(&qmgr, fd);
	else
		io_close(&fd);
}

/* Of relay.password_file and relay.passwords. */
static void
on_file(struct worker *w, struct span name, int fd)
{
	(void)w;
	if (span_eq(name, SPAN_LIT("password_file")))
		passwords_take_smart(&qmgr.passwords, fd);
	else if (span_eq(name, SPAN_LIT("passwords")))
		passwords_take_table(&qmgr.passwords, fd);
	io_close(&fd);
}

static void
on_directory(struct worker *w, const char *name)
{
	struct directory *d = NULL;
	struct why why;
	struct buf path;

	buf_init(&path, 4096);
	buf_putf(&path, "%s/%s", worker_path(w, "directory"), name);
	if (directory_open(buf_cstr(&path), &d, &why) == RC_OK) {
		directory_close(&qmgr.directory);
		qmgr.directory = d;
	} else {
		/* the old snapshot is better than none */
		LOG(WORKER_ERROR, log_str("qmgr"), log_str(why.text));
	}
	buf_fini(&path);
}

/* Full disks are told before they are full, and come back by themselves. */
static void
on_room(evutil_socket_t fd, short what, void *arg)
{
	struct qmgr *q = arg;
	struct why why = {.rc = RC_OK};
	bool open = store_room(&q->store, &why) == RC_OK;

	(void)fd;
	(void)what;
	idle_check(q);
	intake_check(q);
	history_check(q);
	if (open == q->open)
		return;
	q->open = open;
	LOG(QUEUE_ROOM, log_str(open ? "open" : "closed"),
	    log_str(open ? "" : why.text));
	intake_announce(q, open ? NULL : &why);
}

static void
on_open(struct worker *w)
{
	(void)w;
	TAILQ_INIT(&qmgr.intakes);
	TAILQ_INIT(&qmgr.agents);
	for (size_t i = 0; i < QMGR_BUCKETS; i++)
		TAILQ_INIT(&qmgr.buckets[i]);
	schedule_init(&qmgr);
	qmgr.w = w;
	qmgr.open = true;
	/* no file of /proc is within reach later */
	db_boot_read(&qmgr.boot);
}

static void
on_start(struct worker *w)
{
	struct timeval tv = {ROOM_S, 0};
	struct why why;

	if (store_open(&qmgr.store, worker_path(w, "spool"), &why) != RC_OK)
		worker_fatal(w, &why);
	qmgr.pool = pool_new(w->base, (unsigned)w->conf->queue.threads);
	qmgr.room_timer = event_new(w->base, -1, EV_PERSIST, on_room, &qmgr);
	if (qmgr.room_timer == NULL)
		bug("event_new");
	event_add(qmgr.room_timer, &tv);
	history_start(&qmgr, worker_path(w, "history"), worker_path(w, "cache"),
	    &qmgr.boot);
	idle_start(&qmgr, worker_path(w, "cache"), &qmgr.boot);
}

/* The files, where there still are some, come behind it. */
static void
on_conf(struct worker *w)
{
	passwords_keep(&qmgr.passwords, w->conf->relay.password_file[0] != '\0',
	    w->conf->relay.passwords[0] != '\0');
	schedule_reloaded(&qmgr);
}

/* Everything promised is on disk; what is under way may end in peace. */
static void
on_drain_timer(evutil_socket_t fd, short what, void *arg)
{
	struct qmgr *q = arg;

	(void)fd;
	(void)what;
	if (intake_count(q) == 0 && agent_underway(q) == 0 &&
	    pool_pending(q->pool) == 0 && idle_stopped(q) && history_stopped(q))
		worker_done(q->w);
}

static void
on_drain(struct worker *w)
{
	struct timeval tv = {0, DRAIN_MS * 1000};
	struct event *ev =
	    event_new(w->base, -1, EV_PERSIST, on_drain_timer, &qmgr);

	if (ev == NULL)
		bug("event_new");
	event_add(ev, &tv);
}

static void
on_status(struct worker *w, struct buf *b)
{
	struct buf trouble;

	(void)w;
	buf_putf(b,
	    "messages=%llu active=%zu underway=%zu direct=%llu queued=%llu "
	    "relayed=%llu bounced=%llu relay_waiting=%zu relay_down=%zu "
	    "open=%s",
	    (unsigned long long)idle_messages(&qmgr), qmgr.n_active,
	    agent_underway(&qmgr), (unsigned long long)qmgr.n_direct,
	    (unsigned long long)qmgr.n_queued,
	    (unsigned long long)qmgr.n_relayed,
	    (unsigned long long)qmgr.n_bounced, schedule_waiting(&qmgr),
	    schedule_left_alone(&qmgr), qmgr.open ? "yes" : "no");
	recover_status(&qmgr, b);
	history_status(&qmgr, b);
	buf_init(&trouble, TROUBLE_MAX);
	schedule_put_trouble(&qmgr, &trouble);
	if (trouble.n > 0) {
		buf_puts(b, " relay_trouble=");
		enc_line(b, buf_span(&trouble));
	}
	buf_fini(&trouble);
}

int
main(int argc, char **argv)
{
	static const struct worker_ops ops = {.role = ROLE_QMGR,
	    .on_open = on_open,
	    .on_start = on_start,
	    .on_conf = on_conf,
	    .on_file = on_file,
	    .on_link = on_link,
	    .on_directory = on_directory,
	    .on_drain = on_drain,
	    .on_status = on_status};

	return worker_main(&ops, argc, argv);
}

/*
 * The directory snapshot: see compile.h. A request that comes while a child
 * runs is served by one more run after it, so that its change is in.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/directory/compile.h"
#include "lib/log/log.h"
#include "lib/users/user.h"
#include "master/compile.h"
#include "master/control.h"
#include "lib/worker/workers.h"
#include "master/reload.h"
#include "lib/base/banned.h"

#define ASKERS_MAX  64
#define CALLERS_MAX 32 /* of them, steadctl's and newaliases' */
#define CHILD_S     60
#define USERS_S     3
#define SETTLED_MS  1000
#define RETRY_MS    60000
#define PASSWD      "/etc/passwd"
#define REPORT_MAX  65536

struct asker {
	enum role role;
	uint32_t index;
	uint64_t id;
};

struct compile {
	pid_t pid; /* 0: none runs */
	uint64_t number;
	char next[MASTER_NAME_MAX];
	char current[MASTER_NAME_MAX];
	char previous[MASTER_NAME_MAX]; /* kept until all have let go of it */
	size_t n_served; /* askers the running child serves: the first ones */
	struct event *timer; /* looks whether the users have changed */
	struct stat passwd;  /* as it was before the snapshot was begun */
	struct stat seen;    /* before the run that is under way */
	uint64_t tried_ms;   /* for the users' sake */
	bool failing;        /* the last run */
	int report_fd;       /* the child writes its report here; or -1 */
	struct buf report;   /* of the snapshot in force, LF behind each line */
	size_t n_askers;
	struct asker askers[ASKERS_MAX];
};

static struct compile *
state(struct master *m)
{
	if (m->compile != NULL)
		return m->compile;
	m->compile = mem_alloc(sizeof(*m->compile));
	m->compile->report_fd = -1;
	buf_init(&m->compile->report, REPORT_MAX);
	return m->compile;
}

static char *
net_path(const struct master *m, const char *file)
{
	static const struct worker_path_row net = {"", WORKER_NET, "", 0};
	char *dir = workers_path(&net, m->conf);
	struct buf b;
	char *path;

	buf_init(&b, 8192);
	buf_putf(&b, "%s/%s", dir, file);
	path = span_dup(buf_span(&b));
	buf_fini(&b);
	free(dir);
	return path;
}

/* authd's folder: whatever lies there under that name is not waited for */
static enum rc
open_accounts(const struct master *m, int *fd, struct why *why)
{
	static const struct worker_path_row auth = {
	    "", WORKER_STATE, "/auth/accounts", 0};
	char *path = workers_path(&auth, m->conf);
	enum rc rc = RC_OK;

	*fd = io_open_read(AT_FDCWD, path);
	/* no file yet: there are no accounts. Anything else is an error */
	if (*fd < 0 && errno != ENOENT)
		rc = why_sys(why, RC_TEMP, "4.3.5", "%s", path);
	free(path);
	return rc;
}

#define USERS_MAX (64U << 20) /* bytes of all names */

static void
put_user(void *ctx, struct span name)
{
	(void)buf_put_span(ctx, name);
	(void)buf_putc(ctx, '\n');
}

static enum rc
list_users(const struct master *m, struct buf *names, struct why *why)
{
	enum rc rc;

	/* a list without it would have everybody refused for good */
	if (user_any(m->conf) && access(PASSWD, R_OK) < 0)
		return why_sys(why, RC_TEMP, "4.3.0", PASSWD);
	rc = user_each(m->conf, put_user, names, why);
	if (rc == RC_OK && names->over)
		rc = why_set(why, RC_PERM, "5.3.5", "too many users");
	return rc;
}

/* The lines of the report into the log, and to master for those who ask. */
static void
tell(const struct master *m, const struct directory_report *report)
{
	struct span rest = buf_span(&report->text);

	if (!io_write_all(m->compile->report_fd, rest.p, rest.n))
		LOG(MASTER_ERROR, log_str("directory"), log_str("no report"));
	for (struct span notes = buf_span(&report->note); notes.n > 0;)
		LOG(MASTER_NOTE, log_text(span_cut(&notes, '\n')));
	if (report->n_notes > DIRECTORY_REPORT_MAX)
		LOG(MASTER_NOTE, log_str("and more"));
	while (rest.n > 0)
		LOG(MASTER_MISTAKE, log_text(span_cut(&rest, '\n')));
	if (report->n > DIRECTORY_REPORT_MAX)
		LOG(MASTER_MISTAKE, log_str("and more"));
}

/* A file that the configuration names; *fd stays -1 when it names none. */
static enum rc
open_named(const char *path, int *fd, struct why *why)
{
	*fd = path[0] == '\0' ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	return path[0] == '\0' || *fd >= 0
		   ? RC_OK
		   : why_sys(why, RC_PERM, "5.3.5", "%s", path);
}

/* in the child; the exit status is the result */
static void
child(const struct master *m)
{
	char *path = net_path(m, m->compile->next);
	struct directory_source source = {.domains = &m->conf->domains,
	    .alias_domains = &m->conf->alias_domains,
	    .delimiters = m->conf->recipient_delimiter,
	    .postmaster = m->conf->postmaster,
	    .relay_domains = &m->conf->relay.domains,
	    .user_domains = &m->conf->users.domains,
	    .actions = m->conf->delivery.program_user[0] != '\0'};
	struct directory_report report;
	struct buf users;
	struct why why;
	enum rc rc;

	directory_report_init(&report);
	buf_init(&users, USERS_MAX);
	(void)alarm(CHILD_S); /* master waits for the end, whatever it is */
	rc = open_accounts(m, &source.accounts, &why);
	if (rc == RC_OK)
		rc = open_named(m->conf->paths.aliases, &source.aliases, &why);
	if (rc == RC_OK)
		rc = open_named(m->conf->paths.senders, &source.senders, &why);
	if (rc == RC_OK)
		rc = open_named(
		    m->conf->relay.recipients, &source.relay_recipients, &why);
	if (rc == RC_OK)
		rc = list_users(m, &users, &why);
	source.users = buf_span(&users);
	if (rc == RC_OK)
		rc = directory_compile(&source, path, &report, &why);
	if (rc != RC_OK)
		LOG(MASTER_DIRECTORY, log_str(m->compile->next),
		    log_str(why.text));
	tell(m, &report);
	_exit(rc == RC_OK ? 0 : 1);
}

static struct stat
passwd_now(void)
{
	struct stat st;

	return stat(PASSWD, &st) == 0 ? st : (struct stat){0};
}

static enum rc
start_child(struct master *m, struct why *why)
{
	struct compile *c = state(m);

	c->seen = passwd_now();
	/* a name is never used again, also by the next master */
	(void)snprintf(c->next, sizeof(c->next), "directory.%llu-%llu.mdb",
	    (unsigned long long)m->start_ms, (unsigned long long)++c->number);
	c->n_served = c->n_askers;
	io_close(&c->report_fd);
	c->report_fd = io_memfd("report");
	c->pid = fork();
	if (c->pid == 0)
		child(m);
	if (c->pid > 0)
		return RC_OK;
	c->pid = 0;
	return why_sys(why, RC_TEMP, "4.3.0", "fork");
}

static void
remove_file(const struct master *m, const char *name)
{
	char *path;

	if (name[0] == '\0')
		return;
	path = net_path(m, name);
	(void)unlink(path); /* a left-over costs a few kB in /run */
	free(path);
}

static void
adopt(struct master *m)
{
	struct compile *c = m->compile;
	struct proc *p;

	remove_file(m, c->previous);
	memcpy(c->previous, c->current, sizeof(c->previous));
	memcpy(c->current, c->next, sizeof(c->current));
	c->passwd = c->seen;
	buf_clear(&c->report);
	/* without one there is none to show; the log has it */
	(void)io_read_file(c->report_fd, &c->report, NULL);
	io_close(&c->report_fd);
	LOG(MASTER_DIRECTORY, log_str(c->current), log_str("ok"));
	TAILQ_FOREACH (p, &m->procs, next)
		if (p->link != NULL && p->state != PROC_BACKOFF)
			proto_send_directory(p->link,
			    &(struct msg_directory){span_of(c->current)});
}

static void
answer_one(struct proc *p, uint64_t id, bool ok)
{
	struct msg_directory_done done = {id, RC_OK, SPAN_LIT("")};

	if (!ok) {
		done.rc = RC_TEMP;
		done.text = SPAN_LIT("directory not compiled: see the log");
	}
	if (p->state == PROC_RUNNING)
		proto_send_directory_done(p->link, &done);
}

static void
answer(struct master *m, bool ok)
{
	struct compile *c = m->compile;
	bool reload = false;
	struct proc *p;

	for (size_t i = 0; i < c->n_served; i++)
		reload |= c->askers[i].role == ROLE_MASTER;
	for (size_t i = 0; i < c->n_served; i++) {
		if (c->askers[i].role == ROLE_CTL)
			control_compiled(m, c->askers[i].id, ok);
		TAILQ_FOREACH (p, &m->procs, next)
			if (p->row->role == c->askers[i].role &&
			    p->index == c->askers[i].index)
				answer_one(p, c->askers[i].id, ok);
	}
	c->n_askers -= c->n_served;
	memmove(c->askers, c->askers + c->n_served,
	    c->n_askers * sizeof(c->askers[0]));
	c->n_served = 0;
	if (reload)
		reload_compiled(m, ok);
}

void
compile_on_exit(struct master *m, pid_t pid, int status)
{
	struct compile *c = m->compile;
	struct why why;

	if (c == NULL || pid != c->pid)
		return;
	c->pid = 0;
	c->failing = status != 0;
	if (WIFSIGNALED(status))
		LOG(MASTER_DIRECTORY, log_str(c->next),
		    log_str("it took too long, or died"));
	if (status == 0)
		adopt(m);
	else
		remove_file(m, c->next);
	answer(m, status == 0);
	if (c->n_askers > 0 && start_child(m, &why) != RC_OK)
		LOG(MASTER_ERROR, log_str("directory"), log_str(why.text));
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* An editor that writes in place shows half of the users for a moment. A time
 * in the future does not count. */
static bool
is_settled(const struct stat *st)
{
	uint64_t written = (uint64_t)st->st_mtim.tv_sec * 1000 +
			   (uint64_t)st->st_mtim.tv_nsec / 1000000,
		 now = clock_real_us() / 1000;

	return now < written || now - written >= SETTLED_MS;
}

/*
 * Users of the system come and go without a word to us. Those of other sources
 * than /etc/passwd are seen at the next run, whatever it is for.
 */
static void
on_users_timer(evutil_socket_t fd, short what, void *arg)
{
	struct master *m = arg;
	struct compile *c = m->compile;
	struct stat now;
	struct why why;

	(void)fd;
	(void)what;
	if (!user_any(m->conf) || c->pid != 0 || m->stopping ||
	    clock_mono_ms() - c->tried_ms < (c->failing ? RETRY_MS : 0))
		return;
	now = passwd_now();
	if (is_same(&now, &c->passwd) || !is_settled(&now))
		return;
	/* one that fails is tried again, and the old snapshot serves on */
	c->tried_ms = clock_mono_ms();
	if (start_child(m, &why) != RC_OK)
		LOG(MASTER_ERROR, log_str("directory"), log_str(why.text));
}

static void
watch_users(struct master *m)
{
	struct timeval tv = {USERS_S, 0};

	m->compile->timer =
	    event_new(m->base, -1, EV_PERSIST, on_users_timer, m);
	if (m->compile->timer == NULL || event_add(m->compile->timer, &tv) < 0)
		bug("a timer");
}

enum rc
compile_first(struct master *m, struct why *why)
{
	struct compile *c = state(m);
	int status = 1;

	if (start_child(m, why) != RC_OK)
		return RC_TEMP;
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	c->pid = 0;
	if (status != 0)
		return why_set(
		    why, RC_PERM, "5.3.5", "the directory cannot be compiled");
	adopt(m);
	watch_users(m);
	return RC_OK;
}

bool
compile_start(struct master *m, enum role role, uint32_t index, uint64_t id)
{
	struct compile *c = state(m);
	struct why why;

	/* of workers, who ask once at a time, there are not so many; callers
	 * leave them room */
	if (c->n_askers == (role == ROLE_CTL ? CALLERS_MAX : ASKERS_MAX))
		return false;
	c->askers[c->n_askers++] = (struct asker){role, index, id};
	if (c->pid == 0 && start_child(m, &why) != RC_OK)
		LOG(MASTER_ERROR, log_str("directory"), log_str(why.text));
	return true;
}

const char *
compile_current(const struct master *m)
{
	return m->compile == NULL ? "" : m->compile->current;
}

struct span
compile_report(const struct master *m)
{
	return m->compile == NULL ? SPAN_NONE : buf_span(&m->compile->report);
}

void
compile_free(struct master *m)
{
	if (m->compile != NULL) {
		io_close(&m->compile->report_fd);
		buf_fini(&m->compile->report);
		if (m->compile->pid > 0)
			(void)kill(m->compile->pid, SIGKILL); /* our child */
		remove_file(m, m->compile->previous);
		remove_file(m, m->compile->current);
		if (m->compile->timer != NULL)
			event_free(m->compile->timer);
	}
	free(m->compile);
	m->compile = NULL;
}

/*
 * Programs and files behind aliases: see actions.h.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/addr/path.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/directory/action.h"
#include "lib/directory/directory.h"
#include "lib/maildir/mbox.h"
#include "lib/sandbox/ids.h"
#include "lib/users/user.h"
#include "users/actions.h"
#include "users/deposit.h"
#include "users/forward.h"
#include "users/home.h"
#include "users/run.h"
#include "lib/base/banned.h"

/* Of one action at a time; as many as the others of one user. */
#define THREADS   4
#define WORDS_MAX (ACTION_MAX / 2 + 1)
#define ENV_MAX   16
#define FILES_MAX 1024

/* its own Maildirs are named by path */
static const struct maildir_root nowhere = {.fd = -1};

/* What all its runs share. */
struct actions {
	struct deposit *deposit;
	struct user user;
	struct span text; /* of the action alone */
	bool own;         /* of a user's ~/.forward, not of an alias */
	bool may_run;     /* programs: the user has a shell */
	const struct conf *conf;
	char *path; /* of a file, or NULL */
	struct buf words;
	char *argv[WORDS_MAX + 1]; /* of a program */
	int stop;                  /* eventfd */
	uint64_t timeout_ms;
};

/* Strings "KEY=value" behind each other, and where they begin. */
struct environment {
	struct buf text;
	size_t at[ENV_MAX];
	size_t n;
	char *v[ENV_MAX + 1];
};

static void
add(struct environment *e, const char *key, struct span value)
{
	if (e->n == ENV_MAX)
		bug("environment");
	e->at[e->n++] = e->text.n;
	(void)buf_puts(&e->text, key);
	(void)buf_putc(&e->text, '=');
	(void)buf_put_span(&e->text, value); /* there is room for all */
	(void)buf_putc(&e->text, '\0');
}

/* qmgr says it in the first line of the trace. */
static struct span
recipient(const struct maildir_deliver *d)
{
	struct span rest = d->trace, line = span_cut(&rest, '\n');

	return span_starts(line, SPAN_LIT("Delivered-To: "))
		   ? span_from(line, 14)
		   : SPAN_NONE;
}

static void
make_environment(const struct actions *p, const struct maildir_deliver *d,
    struct environment *e)
{
	struct span to = recipient(d), local = SPAN_NONE, domain = SPAN_NONE;

	buf_init(&e->text, SIZE_MAX / 4);
	(void)addr_split(to, &local, &domain);
	add(e, "SENDER", d->sender);
	add(e, "RECIPIENT", to);
	add(e, "LOCAL", local);
	add(e, "DOMAIN", domain);
	add(e, "HOME", span_of(p->user.home));
	add(e, "LOGNAME", span_of(p->user.name));
	add(e, "USER", span_of(p->user.name));
	add(e, "PATH", SPAN_LIT("/usr/local/bin:/usr/bin:/bin"));
	add(e, "SHELL", SPAN_LIT("/bin/sh"));
	add(e, "LANG", SPAN_LIT("C"));
	for (size_t i = 0; i < e->n; i++)
		e->v[i] = e->text.p + e->at[i];
}

static bool
put_from(int fd, const struct maildir_deliver *d)
{
	struct buf b;
	bool ok;

	buf_init(&b, d->sender.n + 64);
	mbox_put_from(&b, d);
	ok = io_write_all(fd, b.p, b.n);
	buf_fini(&b);
	return ok;
}

/* What the program reads, from its beginning; -1 with *why set. */
static int
make_input(const struct maildir_deliver *d, struct why *why)
{
	int fd = io_memfd("message");

	if (fd < 0 || !put_from(fd, d)) {
		why_sys(why, RC_TEMP, "4.3.0", "memory for the message");
		io_close(&fd);
	} else if (maildir_deliver_text(d, fd, why) != RC_OK) {
		io_close(&fd);
	} else if (lseek(fd, 0, SEEK_SET) < 0) {
		why_sys(why, RC_TEMP, "4.3.0", "lseek");
		io_close(&fd);
	}
	return fd;
}

static enum rc
run(const struct actions *p, const struct maildir_deliver *d, struct why *why)
{
	struct environment e = {.n = 0};
	enum rc rc = RC_TEMP;
	int in = make_input(d, why);

	if (in < 0)
		return rc;
	make_environment(p, d, &e);
	rc = run_program(&(struct run){.argv = p->argv,
			     .envp = e.v,
			     .in = in,
			     .stop = p->stop,
			     .timeout_ms = p->timeout_ms},
	    why);
	buf_fini(&e.text);
	io_close(&in);
	return rc;
}

/* Does the user's file say so still? */
static enum rc
check_forward(const struct actions *p, bool *stands, struct why *why)
{
	struct forward_file *f = forward_file_new(p->conf, &p->user);
	enum rc rc = forward_file_check(f, why);

	*stands = forward_file_has(f, p->text);
	forward_file_free(f);
	if (rc == RC_OK && *stands && p->path == NULL && !p->may_run)
		rc = why_set(why, RC_TEMP, "4.3.5",
		    "~/.forward of %s: programs are for users whose shell is "
		    "in /etc/shells",
		    p->user.name);
	return rc;
}

/* It does not: what waited for it is mail like any other. */
static enum rc
keep(const struct actions *p, const struct maildir_deliver *d,
    struct maildir_delivered *out, struct why *why)
{
	struct maildir_deliver into = *d;
	struct buf path;
	enum rc rc;

	buf_init(&path, HOME_PATH_MAX);
	rc = home_maildir(&p->user, &path, why);
	into.maildir = buf_cstr(&path);
	if (rc == RC_OK)
		rc = maildir_deliver(&nowhere, &into, out, why);
	buf_fini(&path);
	return rc;
}

/* In a thread. */
static enum rc
deliver(void *ctx, const struct maildir_deliver *d,
    struct maildir_delivered *out, struct why *why)
{
	const struct actions *p = ctx;
	struct maildir_deliver into = *d;

	bool stands = true;

	if (p->own && check_forward(p, &stands, why) != RC_OK)
		return RC_TEMP;
	if (!stands)
		return keep(p, d, out, why);
	out->size = d->size;
	if (p->path == NULL)
		return run(p, d, why);
	if (p->path[strlen(p->path) - 1] != '/')
		return mbox_append(p->path, d, why);
	into.maildir = p->path;
	return maildir_deliver(&nowhere, &into, out, why);
}

/* Nobody could be told: what ends now is begun again later, what goes on would
 * be done twice. */
static void
stop(void *ctx)
{
	struct actions *p = ctx;

	(void)eventfd_write(p->stop, 1);
}

static enum rc
check_action(const struct service_env *env, struct why *why)
{
	enum directory_kind kind;
	struct directory *d;

	if (env->directory == NULL)
		return why_set(why, RC_TEMP, "4.3.0", "no directory yet");
	if (directory_open(env->directory, &d, why) != RC_OK)
		return RC_TEMP;
	kind = directory_find_action(d, span_of(env->account));
	directory_close(&d);
	return kind == DIRECTORY_ALIAS
		   ? RC_OK
		   : why_set(why, RC_PERM, "5.3.5", "no alias leads there");
}

static enum rc
become(const struct user *u, const char *folder, struct why *why)
{
	struct rlimit files, none = {0, 0};
	enum rc rc = sandbox_ids_drop(u->uid, u->gid, why);

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max > FILES_MAX)
		files.rlim_max = FILES_MAX;
	files.rlim_cur = files.rlim_max;
	if (rc == RC_OK &&
	    (setrlimit(RLIMIT_NOFILE, &files) < 0 ||
		setrlimit(RLIMIT_CORE, &none) < 0 || chdir(folder) < 0))
		rc = why_sys(why, RC_TEMP, "4.3.0", "limits of actions");
	(void)umask(077);
	return rc;
}

static void
make_argv(struct actions *p)
{
	struct span rest = buf_span(&p->words);

	for (size_t n = 0; rest.n > 0; n++) {
		if (n == WORDS_MAX)
			bug("words");
		p->argv[n] = p->words.p + (p->words.n - rest.n);
		(void)span_cut(&rest, '\0');
	}
}

static void
put_word(struct buf *words, struct span word)
{
	(void)buf_put_span(words, word);
	(void)buf_putc(words, '\0');
}

/* What is to be done, of its text. */
static enum rc
read_action(struct actions *p, struct why *why)
{
	enum rc rc = RC_OK;

	if (!action_is_program(p->text))
		p->path = span_dup(p->text);
	else
		rc = action_split(p->text, &p->words, why);
	if (rc != RC_OK && p->own) {
		buf_clear(&p->words);
		put_word(&p->words, SPAN_LIT("/bin/sh"));
		put_word(&p->words, SPAN_LIT("-c"));
		put_word(&p->words, span_trim(span_from(p->text, 1)));
		rc = RC_OK;
	}
	if (rc == RC_OK)
		make_argv(p);
	return rc;
}

/* One that an alias leads to. */
static enum rc
open_alias(struct actions *p, const struct service_env *env, struct why *why)
{
	p->text = span_of(env->account);
	if (check_action(env, why) != RC_OK ||
	    user_of_programs(env->conf, &p->user, why) != RC_OK)
		return RC_TEMP; /* and the process ends */
	return become(&p->user, "/", why);
}

/* One of a user's own. */
static enum rc
open_forward(struct actions *p, const struct service_env *env, struct span user,
    struct why *why)
{
	if (user_find(env->conf, user, &p->user, why) != RC_OK)
		return RC_TEMP;
	p->own = true;
	p->may_run = user_has_shell(&p->user);
	return become(&p->user, p->user.home, why);
}

void *
actions_open(const struct service_env *env, struct why *why)
{
	struct actions *p = mem_alloc(sizeof(*p));
	struct job_desk *desk;
	struct span user;
	enum rc rc;

	p->conf = env->conf;
	buf_init(&p->words, ACTION_MAX + 16);
	if (action_of_user(span_of(env->account), &user, &p->text))
		rc = open_forward(p, env, user, why);
	else
		rc = open_alias(p, env, why);
	if (rc != RC_OK || read_action(p, why) != RC_OK)
		return NULL; /* and the process ends */
	p->timeout_ms = env->conf->delivery.program_timeout;
	p->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->stop < 0) {
		why_sys(why, RC_TEMP, "4.3.0", "eventfd");
		return NULL;
	}
	p->deposit = deposit_new(env, THREADS);
	deposit_on_left(p->deposit, stop, p);
	desk = deposit_desk(p->deposit);
	desk->deliver = deliver;
	desk->deliver_ctx = p;
	return p;
}

void
actions_take(void *state, int fd, int watch)
{
	struct actions *p = state;
	eventfd_t was;

	(void)eventfd_read(p->stop, &was); /* there is somebody again */
	deposit_take(p->deposit, fd, watch);
}

size_t
actions_connections(const void *state)
{
	const struct actions *p = state;

	return deposit_connections(p->deposit);
}

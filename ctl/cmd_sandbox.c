/*
 * steadctl sandbox --prove: each role's forbidden acts, tried in processes
 * that are confined by the live workers' own tables, beside controls that are
 * not. Asks no server; makes folders of its own and removes them.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/cmd.h"
#include "ctl/output.h"
#include "ctl/server.h"
#include "lib/base/num.h"
#include "lib/sandbox/landlock.h"
#include "lib/sandbox/prove.h"
#include "lib/users/user.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

#define OUT_MAX   65536
#define PATH_ROOM 4096
#define TEMPLATE  "steadctl-prove.XXXXXX"

struct proof {
	struct conf *conf;
	bool root;
	bool json;
	bool verbose;
	bool bad;
	unsigned roles; /* that are told */
	char *outside;  /* a folder of ours, none of any worker's */
	/* of the role under way */
	unsigned refused;
	unsigned not_claimed;
	unsigned failed;
	struct buf idle;   /* names of the acts that are not claimed */
	struct buf broken; /* lines, or JSON objects, of those that failed */
	struct buf lines;  /* with --verbose */
};

static void
put_failed(struct proof *p, const char *act, const char *what, int err)
{
	const char *name = err > 0 ? strerrorname_np(err) : "no error";

	if (!p->json) {
		buf_putf(&p->broken, "    FAILED: %s: %s (%s)\n", act, what,
		    name == NULL ? "?" : name);
	} else {
		buf_puts(&p->broken, p->failed > 0 ? "," : "");
		buf_puts(&p->broken, "{\"act\":");
		output_json_string(&p->broken, span_of(act));
		buf_puts(&p->broken, ",\"verdict\":");
		output_json_string(&p->broken, span_of(what));
		buf_puts(&p->broken, ",\"error\":");
		output_json_string(
		    &p->broken, span_of(name == NULL ? "?" : name));
		buf_puts(&p->broken, "}");
	}
	p->failed++;
}

static void
on_act(void *arg, const char *act, enum sandbox_verdict verdict, int err)
{
	struct proof *p = arg;

	switch (verdict) {
	case SANDBOX_REFUSED:
		p->refused++;
		/* the error is the control's by now: none */
		buf_putf(&p->lines, "    refused: %s\n", act);
		break;
	case SANDBOX_NOT_CLAIMED:
		buf_puts(&p->idle, p->not_claimed++ == 0 ? "" : ", ");
		if (p->json)
			output_json_string(&p->idle, span_of(act));
		else
			buf_puts(&p->idle, act);
		break;
	case SANDBOX_LET:
	case SANDBOX_ODD_ERROR:
	case SANDBOX_NO_CONTROL:
	case SANDBOX_NO_ENTRY:
		put_failed(p, act, sandbox_verdict_name(verdict), err);
		break;
	}
}

static void
tell(struct proof *p, const char *role)
{
	struct buf b;

	buf_init(&b, 4 * OUT_MAX);
	if (p->json) {
		buf_putf(&b, "%s\n{\"role\":\"%s\",\"refused\":%u,",
		    p->roles > 0 ? "," : "", role, p->refused);
		buf_puts(&b, "\"not_claimed\":[");
		buf_put_span(&b, buf_span(&p->idle));
		buf_puts(&b, "],\"failed\":[");
		buf_put_span(&b, buf_span(&p->broken));
		buf_puts(&b, "]}");
	} else {
		buf_putf(&b, "%s: %u refused, %u not claimed, %u FAILED\n",
		    role, p->refused, p->not_claimed, p->failed);
		if (p->verbose)
			buf_put_span(&b, buf_span(&p->lines));
		if (p->not_claimed > 0)
			buf_putf(
			    &b, "    not claimed: %s\n", buf_cstr(&p->idle));
		buf_put_span(&b, buf_span(&p->broken));
	}
	/* what is not told is not proven */
	if (b.over || fwrite(b.p, 1, b.n, stdout) != b.n ||
	    fflush(stdout) != 0 || p->failed > 0)
		p->bad = true;
	p->roles++;
	buf_fini(&b);
}

/* Try all acts against this setup, and tell. `why` has what came before it:
 * the setup itself could not be made, so nothing is proven. */
static void
prove(struct proof *p, const char *role, const struct sandbox_setup *setup,
    const char *outside, struct why *why)
{
	p->refused = p->not_claimed = p->failed = 0;
	buf_init(&p->idle, OUT_MAX);
	buf_init(&p->broken, OUT_MAX);
	buf_init(&p->lines, OUT_MAX);
	if (why->rc == RC_OK)
		/* each act's verdict has been told; this is the worst */
		(void)sandbox_prove(setup, outside, on_act, p, why);
	/* why no entry was possible is in `why` alone */
	if (why->rc != RC_OK && (p->failed == 0 || p->refused == 0))
		put_failed(p, "the sandbox itself", why->text, 0);
	tell(p, role);
	buf_fini(&p->idle);
	buf_fini(&p->broken);
	buf_fini(&p->lines);
}

/* master makes the folders before it starts a worker. */
static enum rc
check_folders(const struct workers_rights *r, struct why *why)
{
	struct stat st;

	for (size_t i = 0; i < r->n_paths; i++)
		if (r->chroot == NULL && stat(r->paths[i].path, &st) < 0)
			return why_sys(why, RC_PERM, "5.3.5",
			    "%s (the server makes it when it starts)",
			    r->paths[i].path);
	if (r->chroot != NULL && stat(r->chroot, &st) < 0)
		return why_sys(why, RC_PERM, "5.3.5",
		    "%s (the server makes it when it starts)", r->chroot);
	return RC_OK;
}

/* A folder dir/steadctl-prove.NNN that all may search, owned by the caller;
 * NULL: errno. */
static char *
make_folder(const char *dir)
{
	struct buf b;
	char *path;

	buf_init(&b, PATH_ROOM);
	buf_putf(&b, "%s/" TEMPLATE, dir);
	path = span_dup(buf_span(&b));
	buf_fini(&b);
	if (mkdtemp(path) == NULL || chmod(path, 0755) < 0) {
		free(path);
		return NULL;
	}
	return path;
}

static char *
below(const char *dir, const char *name)
{
	struct buf b;
	char *path;

	buf_init(&b, PATH_ROOM);
	buf_putf(&b, "%s/%s", dir, name);
	path = span_dup(buf_span(&b));
	buf_fini(&b);
	return path;
}

/*
 * As spawn's child: one account's folders, of mail and of indexes, inside
 * what spawn may. Another account's folder beside it is what must not be
 * reached.
 */
static void
prove_session(struct proof *p, const struct sandbox_setup *spawn)
{
	struct why why = {.rc = RC_OK};
	struct sandbox_setup setup;
	struct sandbox_path paths[WORKERS_SESSION_PATHS];
	char *dir = make_folder(p->conf->paths.mail);
	char *home, *index, *other;

	/* who may not write there has a folder of his own for it */
	if (dir == NULL)
		dir = make_folder(p->outside);
	if (dir == NULL) {
		why_sys(&why, RC_PERM, "5.3.5", "an account's folder");
		prove(p, role_name(ROLE_SESSION), NULL, NULL, &why);
		return;
	}
	home = below(dir, "one");
	index = below(dir, "index");
	other = below(dir, "two");
	if (mkdir(home, 0755) < 0 || mkdir(index, 0755) < 0 ||
	    mkdir(other, 0755) < 0)
		why_sys(&why, RC_PERM, "5.3.5", "%s", dir);
	workers_session(ROLE_SESSION, (const char *const[]){home, index},
	    p->conf, paths, &setup);
	setup.within = spawn;
	prove(p, role_name(ROLE_SESSION), &setup, other, &why);
	(void)rmdir(other); /* acts remove their files; the rest is harmless */
	(void)rmdir(index);
	(void)rmdir(home);
	(void)rmdir(dir);
	free(home);
	free(index);
	free(other);
	free(dir);
}

/*
 * As the children of users, once they are the user: some user's folders, of
 * mail and of indexes. What must not be reached belongs to root.
 */
static void
prove_user(struct proof *p, const char *name, enum role role)
{
	uid_t uid = (uid_t)p->conf->users.min_uid;
	struct why why = {.rc = RC_OK};
	struct sandbox_path paths[WORKERS_SESSION_PATHS];
	struct sandbox_setup setup;
	char *home = below(p->outside, "one");
	char *index = below(p->outside, "index");
	char *other = below(p->outside, "two");

	if (mkdir(home, 0700) < 0 || mkdir(index, 0700) < 0 ||
	    mkdir(other, 0755) < 0 || chown(home, uid, (gid_t)uid) < 0 ||
	    chown(index, uid, (gid_t)uid) < 0)
		why_sys(&why, RC_PERM, "5.3.5", "%s", p->outside);
	workers_session(role,
	    (const char *const[]){home, role == ROLE_SESSION ? index : NULL},
	    p->conf, paths, &setup);
	setup.set_ids = true;
	setup.uid = uid;
	setup.gid = (gid_t)uid;
	prove(p, name, &setup, other, &why);
	(void)rmdir(other); /* as for a session */
	(void)rmdir(index);
	(void)rmdir(home);
	free(home);
	free(index);
	free(other);
}

/* Their parent is not confined: nothing is claimed of it. */
static void
prove_users(struct proof *p)
{
	if (!user_any(p->conf))
		return;
	if (!p->root) {
		command_say("users of the system are root's to serve: not "
			    "proven");
		return;
	}
	prove_user(p, "user-session", ROLE_SESSION);
	prove_user(p, "user-delivery", ROLE_LOCAL);
	prove_user(p, "user-watch", ROLE_WATCH);
}

static void
prove_row(struct proof *p, const struct worker_row *row)
{
	struct sandbox_path paths[WORKER_PATHS_MAX];
	struct sandbox_setup setup;
	struct workers_rights rights;
	struct why why = {.rc = RC_OK};

	if (workers_rights(row, p->conf, p->root, &rights, &why) == RC_OK)
		(void)check_folders(&rights, &why); /* why.rc says it */
	workers_sandbox(row->role, &rights, paths, &setup);
	prove(p, role_name(row->role), &setup, p->outside, &why);
	if (row->role == ROLE_SPAWN && why.rc == RC_OK)
		prove_session(p, &setup);
	workers_rights_fini(&rights);
}

static void
say_layers(const struct proof *p)
{
	unsigned kernel = sandbox_landlock_kernel();

	if (!p->root)
		command_say("not root: uid and chroot are layers that only "
			    "root can prove; here is the rest");
	if (kernel == 0)
		command_say("this kernel has no Landlock");
	if (!p->json)
		return;
	(void)printf("{\"root\":%s,\"landlock_kernel\":%u,\"landlock_abi\":%u,"
		     "\"roles\":[",
	    p->root ? "true" : "false", kernel,
	    (unsigned)p->conf->sandbox.landlock_abi); /* fflush tells */
}

static int
run(struct proof *p)
{
	struct why why;

	p->outside = make_folder("/var/tmp");
	if (p->outside == NULL) {
		why_sys(&why, RC_TEMP, "4.3.0", "a folder in /var/tmp");
		command_say("%s", why.text);
		return COMMAND_FAILED;
	}
	say_layers(p);
	for (size_t i = 0; i < workers_n; i++)
		if (workers[i].as_root)
			prove_users(p);
		else
			prove_row(p, &workers[i]);
	if (p->json && printf("\n]}\n") < 0)
		p->bad = true;
	if (rmdir(p->outside) < 0) {
		why_sys(&why, RC_TEMP, "4.3.0", "%s", p->outside);
		command_say("%s", why.text);
	}
	free(p->outside);
	return p->bad || fflush(stdout) != 0 ? COMMAND_FAILED : COMMAND_OK;
}

/* False: not understood. abi is left as it is without --abi. */
static bool
options(const struct command_call *call, struct proof *p, uint64_t *abi)
{
	bool asked = false;

	for (int i = 0; i < call->argc; i++) {
		struct span word = span_of(call->argv[i]);

		if (span_eq(word, SPAN_LIT("--prove")))
			asked = true;
		else if (span_eq(word, SPAN_LIT("--verbose")))
			p->verbose = true;
		else if (span_eq(word, SPAN_LIT("--json")))
			p->json = true;
		else if (!span_eq(word, SPAN_LIT("--abi")) ||
			 ++i == call->argc ||
			 !num_u64(span_of(call->argv[i]), abi) || *abi > 99)
			return false;
	}
	return asked;
}

int
cmd_sandbox(const struct command_call *call)
{
	struct proof p = {.root = geteuid() == 0, .json = call->json};
	uint64_t abi = UINT64_MAX;
	int status;

	if (!options(call, &p, &abi)) {
		command_say("expected: sandbox --prove [--abi 0..99] "
			    "[--verbose] [--json]");
		return COMMAND_USAGE;
	}
	if (call->run != NULL) {
		command_say("the proof needs the configuration: give -c FILE");
		return COMMAND_USAGE;
	}
	p.conf = server_conf(call);
	if (p.conf == NULL)
		return COMMAND_FAILED;
	if (abi != UINT64_MAX)
		p.conf->sandbox.landlock_abi = abi;
	status = run(&p);
	conf_free(&p.conf);
	return status;
}

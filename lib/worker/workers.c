/*
 * The table of workers: see workers.h. Nothing about a worker is said twice;
 * its system calls are in lib/sandbox/policy.def, under its role.
 */
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/users/user.h"
#include "lib/worker/workers.h"
#include "lib/base/banned.h"

#define R(NAME) (1U << ROLE_##NAME)

static uint32_t
cores(uint64_t configured)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (configured > 0)
		return (uint32_t)configured;
	return n < 1 ? 1 : (uint32_t)n;
}

static uint32_t
one(const struct conf *conf)
{
	(void)conf;
	return 1;
}

static uint32_t
count_smtpd(const struct conf *conf)
{
	return cores(conf->smtpd.processes);
}

static uint32_t
count_local(const struct conf *conf)
{
	return (uint32_t)conf->delivery.processes;
}

static uint32_t
count_pop3d(const struct conf *conf)
{
	return cores(conf->pop3.processes);
}

static uint32_t
count_remote(const struct conf *conf)
{
	return (uint32_t)conf->smtp_client.processes;
}

static uint32_t
count_users(const struct conf *conf)
{
	return user_needed(conf) ? 1 : 0;
}

static uint32_t
count_imapd(const struct conf *conf)
{
	return cores(conf->imap.processes);
}

static const char *const smtp_services[] = {
    "smtp", "submission", "submissions", "lmtp", WORKER_LOCAL_SERVICE, NULL};
static const char *const pop3_services[] = {"pop3", "pop3s", NULL};
static const char *const imap_services[] = {"imap", "imaps", NULL};

#define ANY_FILE (SANDBOX_READ | SANDBOX_WRITE | SANDBOX_MAKE | SANDBOX_REMOVE)
#define SNAPSHOT                                          \
	{                                                 \
		"directory", WORKER_NET, "", SANDBOX_READ \
	}

const struct worker_row workers[] = {
    {.role = ROLE_QMGR,
	.program = "mailstead-qmgr",
	.user = "mailstead",
	.uid_step = 0,
	.sections = CONF_TOP | CONF_SMTPD | CONF_LIMITS | CONF_QUEUE |
		    CONF_HISTORY | CONF_RELAY | CONF_USERS | CONF_LOG,
	.relay = true,
	.single = true,
	.links = R(SMTPD) | R(LOCAL) | R(REMOTE),
	.trust = 4,
	.count = one,
	.paths = {{"spool", WORKER_SPOOL, "", ANY_FILE},
	    {"cache", WORKER_STATE, "/qmgr", ANY_FILE},
	    {"history", WORKER_STATE, "/history", ANY_FILE}, SNAPSHOT}},
    {.role = ROLE_SMTPD,
	.program = "mailstead-smtpd",
	.user = "mailstead-smtp",
	.uid_step = 1,
	.sections = CONF_TOP | CONF_SMTPD | CONF_LIMITS | CONF_AUTH | CONF_TLS |
		    CONF_LOG,
	.in_net = true,
	.tls = true,
	.links = R(AUTHD),
	.services = smtp_services,
	.trust = 1,
	.count = count_smtpd,
	.paths = {SNAPSHOT}},
    {.role = ROLE_LOCAL,
	.program = "mailstead-delivery",
	.user = "mailstead-store",
	.uid_step = 2,
	.sections = CONF_TOP | CONF_DELIVERY | CONF_LOG,
	.trust = 3,
	.count = count_local,
	.paths = {{"mail", WORKER_MAIL, "", ANY_FILE}}},
    {.role = ROLE_AUTHD,
	.program = "mailstead-authd",
	.user = "mailstead-auth",
	.uid_step = 3,
	.sections = CONF_TOP | CONF_AUTH | CONF_USERS | CONF_LOG,
	.links = R(SPAWN) | R(POP3D) | R(IMAPD) | R(WATCH),
	.trust = 4,
	.count = one,
	.paths = {{"accounts", WORKER_STATE, "/auth", ANY_FILE}}},
    {.role = ROLE_SPAWN,
	.program = "mailstead-spawn",
	.user = "mailstead-store",
	.uid_step = 2,
	.sections = CONF_TOP | CONF_POP3 | CONF_IMAP | CONF_SANDBOX | CONF_LOG,
	.trust = 5,
	.count = one,
	.paths = {{"mail", WORKER_MAIL, "", ANY_FILE},
	    {"index", WORKER_STATE, "/index", ANY_FILE}}},
    {.role = ROLE_POP3D,
	.program = "mailstead-pop3d",
	.user = "mailstead-front",
	.uid_step = 4,
	.sections = CONF_TOP | CONF_POP3 | CONF_LIMITS | CONF_AUTH | CONF_TLS |
		    CONF_LOG,
	.in_net = true,
	.tls = true,
	.services = pop3_services,
	.trust = 1,
	.count = count_pop3d,
	.paths = {SNAPSHOT}},
    {.role = ROLE_REMOTE,
	.program = "mailstead-remote",
	.user = "mailstead-out",
	.uid_step = 6,
	.sections = CONF_TOP | CONF_SMTP_CLIENT | CONF_LOG,
	.in_net = true,
	.links = R(QMGR) | R(RESOLVER),
	.trust = 2,
	.count = count_remote},
    {.role = ROLE_RESOLVER,
	.program = "mailstead-resolver",
	.user = "mailstead-dns",
	.uid_step = 5,
	.sections = CONF_TOP | CONF_RESOLVER | CONF_LOG,
	.in_net = true,
	.trust = 1,
	.count = one},
    {.role = ROLE_IMAPD,
	.program = "mailstead-imapd",
	.user = "mailstead-front",
	.uid_step = 4,
	.sections = CONF_TOP | CONF_IMAP | CONF_LIMITS | CONF_AUTH | CONF_TLS |
		    CONF_LOG,
	.in_net = true,
	.tls = true,
	.services = imap_services,
	.trust = 1,
	.count = count_imapd,
	.paths = {SNAPSHOT}},
    {.role = ROLE_WATCH,
	.program = "mailstead-watch",
	.user = "mailstead-store",
	.uid_step = 2,
	.sections = CONF_TOP | CONF_LOG,
	.trust = 3,
	.count = one,
	.paths = {{"mail", WORKER_MAIL, "", SANDBOX_READ}}},
    {.role = ROLE_USERS,
	.program = "mailstead-users",
	.user = "root",
	.as_root = true,
	.sections = CONF_TOP | CONF_USERS | CONF_POP3 | CONF_IMAP |
		    CONF_SANDBOX | CONF_DELIVERY | CONF_LOG,
	.links = R(AUTHD) | R(LOCAL),
	.trust = 5,
	.count = count_users,
	.paths = {{"index", WORKER_STATE, "/users", ANY_FILE}, SNAPSHOT}},
};
const size_t workers_n = sizeof(workers) / sizeof(workers[0]);

enum rc
workers_ids(const struct worker_row *row, const struct conf *conf, uid_t *uid,
    gid_t *gid, struct why *why)
{
	struct passwd *pw;

	if (row->as_root) {
		*uid = 0;
		*gid = 0;
		return RC_OK;
	}
	if (conf->sandbox.uid_base != 0) {
		*uid = (uid_t)(conf->sandbox.uid_base + row->uid_step);
		*gid = (gid_t)*uid;
		return RC_OK;
	}
	pw = getpwnam(row->user);
	if (pw == NULL)
		return why_set(why, RC_PERM, "5.3.5",
		    "user %s does not exist: install the package, or set "
		    "sandbox.uid_base to the first of %zu unused uids",
		    row->user, workers_n);
	if (pw->pw_uid == 0 || pw->pw_gid == 0)
		return why_set(
		    why, RC_PERM, "5.3.5", "user %s is root", row->user);
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return RC_OK;
}

char *
workers_path(const struct worker_path_row *row, const struct conf *conf)
{
	const char *base = NULL;
	struct buf b;
	char *path;

	switch (row->base) {
	case WORKER_SPOOL:
		base = conf->paths.spool;
		break;
	case WORKER_STATE:
		base = conf->paths.state;
		break;
	case WORKER_MAIL:
		base = conf->paths.mail;
		break;
	case WORKER_NET:
		base = conf->paths.run;
		break;
	}
	buf_init(&b, 8192);
	buf_puts(&b, base);
	buf_puts(&b, row->base == WORKER_NET ? "/net" : row->below);
	path = span_dup(buf_span(&b));
	buf_fini(&b);
	return path;
}

enum rc
workers_rights(const struct worker_row *row, const struct conf *conf, bool root,
    struct workers_rights *rights, struct why *why)
{
	static const struct worker_path_row net = {"", WORKER_NET, "", 0};
	bool inside = root && row->in_net;

	*rights = (struct workers_rights){.unconfined = row->as_root,
	    .set_ids = root && !row->as_root,
	    .chroot = inside ? workers_path(&net, conf) : NULL,
	    .landlock_abi = (unsigned)conf->sandbox.landlock_abi,
	    .required = conf->sandbox.required};
	for (size_t i = 0; i < WORKER_PATHS_MAX; i++) {
		const struct worker_path_row *p = &row->paths[i];

		if (p->name == NULL)
			break;
		/* in the chroot that folder is the root */
		rights->paths[rights->n_paths++] = (struct workers_right){
		    mem_dup(p->name),
		    inside ? mem_dup("/") : workers_path(p, conf), p->access};
	}
	if (!rights->set_ids)
		return RC_OK;
	return workers_ids(row, conf, &rights->uid, &rights->gid, why);
}

void
workers_rights_fini(struct workers_rights *rights)
{
	for (size_t i = 0; i < rights->n_paths; i++) {
		free(rights->paths[i].name);
		free(rights->paths[i].path);
	}
	free(rights->chroot);
	*rights = (struct workers_rights){0};
}

void
workers_sandbox(enum role role, const struct workers_rights *rights,
    struct sandbox_path paths[WORKER_PATHS_MAX], struct sandbox_setup *setup)
{
	for (size_t i = 0; i < rights->n_paths; i++)
		paths[i] = (struct sandbox_path){
		    rights->paths[i].path, rights->paths[i].access};
	*setup = (struct sandbox_setup){.role = role,
	    .unconfined = rights->unconfined,
	    .set_ids = rights->set_ids,
	    .uid = rights->uid,
	    .gid = rights->gid,
	    .chroot = rights->chroot,
	    .paths = paths,
	    .n_paths = rights->n_paths,
	    .landlock_abi_max = rights->landlock_abi,
	    .required = rights->required};
}

void
workers_session(enum role role, const char *const homes[WORKERS_SESSION_PATHS],
    const struct conf *conf, struct sandbox_path paths[WORKERS_SESSION_PATHS],
    struct sandbox_setup *setup)
{
	size_t n = 0;

	while (n < WORKERS_SESSION_PATHS && homes[n] != NULL) {
		paths[n] = (struct sandbox_path){
		    homes[n], role == ROLE_WATCH ? SANDBOX_READ : ANY_FILE};
		n++;
	}
	*setup = (struct sandbox_setup){.role = role,
	    .paths = paths,
	    .n_paths = n,
	    .landlock_abi_max = (unsigned)conf->sandbox.landlock_abi,
	    .required = conf->sandbox.required};
}

bool
workers_linked(const struct worker_row *a, const struct worker_row *b)
{
	return (a->links & 1U << b->role) != 0 ||
	       (b->links & 1U << a->role) != 0;
}
